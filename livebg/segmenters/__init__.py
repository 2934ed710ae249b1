"""Networks that find the person in a frame, on OpenVINO and torch."""
