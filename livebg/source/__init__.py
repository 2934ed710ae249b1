"""Sources of frames: cameras, video files, picture sequences, synthetic scenes."""
