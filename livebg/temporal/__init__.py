"""What carries a matte from one frame to the next."""
