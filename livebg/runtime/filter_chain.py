"""What every pipeline can do, whatever runs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from livebg.pixel_format import BGR, PixelFormat
from livebg.runtime.chain import Chain
from livebg.segment.base import SegmenterInfo
from livebg.types import Composite, Frame

__all__ = ["FilterChain"]


class FilterChain(Chain, Protocol):
    """``Pipeline``, ``DevicePipeline`` and ``FallbackPipeline``; called by one thread at a time."""

    @property
    def info(self) -> SegmenterInfo:
        """The network, and what runs it."""

    def filtered(
        self,
        frames: Iterable[Frame],
        *,
        want_alpha: bool = False,
        pixel_format: PixelFormat = BGR,
    ) -> Iterator[Composite]:
        """Filter all ``frames`` in order; may look ahead where that is quicker."""

    def study(self, frame: Frame, looks: int) -> None:
        """Let a network with memory look at ``frame`` so often before it is filtered."""

    def matte(self, frame: Frame) -> Any:
        """Return the matte of the next frame, in whatever form ``compose`` takes it."""

    def compose(
        self,
        frame: Frame,
        matte: Any,
        *,
        want_alpha: bool = False,
        pixel_format: PixelFormat = BGR,
    ) -> Composite:
        """Return ``frame`` composed with its own ``matte``; see ``Chain.process``."""

    def labels(self, frame: Frame, matte: Any) -> NDArray[np.uint8] | None:
        """Return the class of every pixel of ``frame``, ``(H, W)`` uint8 (PASCAL VOC).

        None where the network has no classes.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
