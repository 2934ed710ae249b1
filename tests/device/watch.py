"""A look at every operation that torch runs, for tests that need no GPU to find what harms there.

Under ``FakeTensorMode`` tensors have a device, a shape and a type but no values, so that a chain
for CUDA runs anywhere. ``Watch`` then sees what a GPU would have to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_WAITS = (
    "_local_scalar_dense",
    "item",
    "is_nonzero",
    "equal",
    "nonzero",
    "masked_select",
    "_unique2",
    "unique_dim",
)
"""Operations whose answer the host needs before it can go on."""


class ForbiddenError(Exception):
    """An operation that must not stand between upload and download."""


class Watch(TorchDispatchMode):
    """Lets only work on one device through.

    Args:
        device: the kind of device that everything must be on.
        floats: the types that floating results may have.
        most_f32: the most values that a float32 result may have, or None for any number.
    """

    def __init__(
        self, device: str, floats: Sequence[torch.dtype], most_f32: int | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # torch's own
        self._device = device
        self._floats = tuple(floats)
        self._most_f32 = most_f32
        self.operations: list[str] = []

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = func.overloadpacket.__name__
        self.operations.append(name)
        if name in _WAITS:
            raise ForbiddenError(f"{name} waits for the device")
        outcome = func(*args, **(kwargs or {}))
        for tensor in _tensors((args, kwargs or {}, outcome)):
            if tensor.device.type != self._device:
                raise ForbiddenError(f"{name} has a tensor on {tensor.device.type}")
        for tensor in _tensors(outcome):
            if tensor.is_floating_point() and tensor.dtype not in self._floats:
                raise ForbiddenError(f"{name} computes in {tensor.dtype}")
            if self._most_f32 and tensor.dtype == torch.float32 and tensor.numel() > self._most_f32:
                raise ForbiddenError(f"{name} computes {tensor.numel()} values in float32")
        return outcome


def _tensors(tree: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))


Harm = Callable[[Tensor], Tensor]

HARMS: dict[str, Harm] = {
    "cpu": lambda tensor: tensor.cpu().to(tensor.device),
    "to cpu": lambda tensor: tensor.to("cpu"),
    "mix": lambda tensor: tensor + torch.ones(tensor.shape, dtype=tensor.dtype),
    "item": lambda tensor: tensor * tensor.sum().item(),
    "tolist": lambda tensor: tensor * len(tensor.flatten()[:2].tolist()),
    "if": lambda tensor: tensor if tensor.sum() > 0 else -tensor,
    "numpy": lambda tensor: torch.from_numpy(tensor.numpy()),
    "where": lambda tensor: tensor + len(torch.nonzero(tensor)),
    "list": lambda tensor: tensor * torch.tensor([1.0], device="cpu"),
}
"""What a careless change would do to a tensor in the middle of the chain."""
