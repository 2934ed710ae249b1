"""Sinks of composites: window, virtual camera, recording, mattes, nothing."""
