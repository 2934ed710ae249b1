"""Where frames come from: cameras, videos, pictures, synthetic scenes."""
