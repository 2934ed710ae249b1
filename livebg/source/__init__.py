"""Sources of frames: cameras, video files, picture sequences, synthetic scenes."""

# OpenCV before PyAV: where PyAV's libxcb is loaded first, OpenCV's first window hangs for ever.
import cv2  # noqa: F401
