"""Measurement: quality metrics, timing, reports."""
