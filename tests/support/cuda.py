"""The marks of tests that need a graphics card."""

import pytest
import torch

__all__ = ["NEEDS_CUDA"]

NEEDS_CUDA = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA"),
]
"""Marks for a test or a parameter."""
