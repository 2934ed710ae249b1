"""Segmenters: frame in, matte out."""
