"""The whole chain on a torch device: pure functions on tensors, and what holds their state.

Host and device meet in ``crossing`` alone: a frame is uploaded once and its composite downloaded
once. Nothing between the two waits for the device. This package is the only one, beside the
networks and their engine, that imports torch.
"""
