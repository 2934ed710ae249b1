"""Where composites go: window, virtual camera, recording, pictures."""
