"""CUDA graphs: a network's few hundred kernel launches recorded once and replayed as one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["Step", "recorded"]

_log = logging.getLogger(__name__)

Step = Callable[..., tuple[Tensor, ...]]
"""Tensors in, tensors out; of the same shapes, types and device each time."""

_REHEARSALS = 3
"""Runs before the recording: cuDNN tries its algorithms and libraries get their workspaces then,
neither of which a recording may contain."""


class _Replayed:
    """A recorded step. What it returns is overwritten by the next call, in the stream's order."""

    def __init__(self, step: Step, examples: Sequence[Tensor]) -> None:
        self._inputs = tuple(example.clone() for example in examples)
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(_REHEARSALS):
                step(*self._inputs)
        torch.cuda.current_stream().wait_stream(beside)
        self._graph = torch.cuda.CUDAGraph()
        # Other threads may go on using the device: only what this one does is recorded.
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._outputs = step(*self._inputs)

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        for static, given in zip(self._inputs, inputs, strict=True):
            static.copy_(given)
        self._graph.replay()
        return self._outputs


def recorded(step: Step, examples: Sequence[Tensor], what: str) -> Step:
    """Return ``step`` as a CUDA graph, or as it is where the device has none.

    Where recording fails, the reason is logged and the step runs operation by operation: slower
    and just as right.

    Args:
        step: what to record. It may keep state in tensors of its own that it writes in place; that
            state has seen the examples when this returns.
        examples: tensors like those that it will be given.
        what: its name, for the log.
    """
    if examples[0].device.type != "cuda":
        return step
    try:
        with torch.cuda.device(examples[0].device):
            return _Replayed(step, examples)
    except RuntimeError as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        _log.warning(
            "%s cannot be recorded as a CUDA graph (%s): it runs operation by operation",
            what,
            reason,
        )
        return step
