"""A camera in PipeWire."""
