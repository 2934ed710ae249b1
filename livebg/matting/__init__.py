"""The alpha matte of every frame: scheduling, optical flow, refinement, validation."""
