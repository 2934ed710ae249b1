"""What changes a running session from outside."""
