"""Where composites go: window, virtual camera, recording, pictures."""

# OpenCV before PyAV: where PyAV's libxcb is loaded first, OpenCV's first window hangs for ever.
import cv2  # noqa: F401
