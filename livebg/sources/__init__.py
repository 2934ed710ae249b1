"""Where frames come from: cameras, videos, pictures."""

# OpenCV before PyAV: where PyAV's libxcb is loaded first, OpenCV's first window hangs for ever.
import cv2  # noqa: F401
