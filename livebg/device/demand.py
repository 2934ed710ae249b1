"""What a network asks of its device for one picture: arithmetic, and traffic with the memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from livebg.device.networks import DeviceNetwork

__all__ = ["Demand", "demand_of"]


@dataclass(frozen=True, slots=True)
class Demand:
    """What one picture costs.

    Attributes:
        flops: floating-point operations of convolutions and matrix products, a multiplication and
            an addition counting as two; the rest of a network is next to nothing.
        traffic_bytes: what its operations read and write, each of them by itself: more than a
            device moves whose caches keep something from one to the next.
    """

    flops: int
    traffic_bytes: int


def demand_of(network: DeviceNetwork) -> Demand:
    """Count what ``network`` does with one picture; what it remembers has seen a black one then."""
    arithmetic, traffic = FlopCounterMode(display=False), _Traffic()
    # Apart, because the first takes operations to pieces before the second would see them.
    for counting in (arithmetic, traffic):
        with torch.inference_mode(), counting:
            network.look_unrecorded()
    return Demand(int(arithmetic.get_total_flops()), traffic.moved_bytes)


class _Traffic(TorchDispatchMode):
    """Adds up the bytes of what operations take and give."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # torch's own
        self.moved_bytes = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        outcome = func(*args, **(kwargs or {}))
        if not _is_view(func):
            self.moved_bytes += sum(map(_bytes, _tensors((args, kwargs or {}, outcome))))
        return outcome


def _is_view(func: Any) -> bool:
    """Say whether an operation only looks at a tensor in another way."""
    returns = func._schema.returns
    return any(r.alias_info is not None and not r.alias_info.is_write for r in returns)


def _tensors(tree: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))


def _bytes(tensor: Tensor) -> int:
    """Return the bytes of a tensor; of one that was spread out, those that there are."""
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())
