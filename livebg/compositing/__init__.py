"""A frame and its matte over a new background."""
