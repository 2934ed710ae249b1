"""Pixel formats: how one becomes another, and the compiler for code that works on pixels."""
