"""What turns a coarse matte into a fine one, and cleans the colours at its edge."""
