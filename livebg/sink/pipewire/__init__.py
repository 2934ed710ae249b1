"""A camera in the PipeWire graph, without a kernel module."""
