"""livebg: a real-time background filter for webcams."""

__version__ = "0.1.0"
