"""A pipeline on a graphics card, with the processor behind it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livebg.closable import Closable
from livebg.config.schema import Settings
from livebg.errors import DeviceLostError
from livebg.pixel_format import BGR, PixelFormat
from livebg.runtime.filter_chain import FilterChain
from livebg.segment.base import SegmenterInfo
from livebg.types import Composite, Frame

__all__ = ["FallbackPipeline"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _OwnMatte:
    """A matte, and the pipeline that alone can use it."""

    chain: FilterChain
    matte: Any


class FallbackPipeline(Closable):
    """Filters on a device until that is lost, and on the processor from then on.

    The loss is told once, in the log. While the other pipeline is built no composite is made, so
    that a live session shows the privacy card; the frame at which the device was lost is then the
    first that the processor filters.

    Args:
        settings: what is in force.
        build_device: makes the pipeline on the device.
        build_host: makes one on the processor, for the settings in force then.

    Raises:
        LivebgError: neither can be made.
    """

    def __init__(
        self,
        settings: Settings,
        build_device: Callable[[], FilterChain],
        build_host: Callable[[Settings], FilterChain],
    ) -> None:
        self._settings = settings
        self._build_host = build_host
        try:
            self._chain = build_device()
        except DeviceLostError as error:
            self._chain = self._host_after(error)

    @property
    def info(self) -> SegmenterInfo:
        """The network, and what runs it now."""
        return self._chain.info

    @property
    def statistics(self) -> Mapping[str, Any]:
        """What the pipeline in use did so far."""
        return self._chain.statistics

    def clear_statistics(self) -> None:
        """Count frames, reasons and times from zero again."""
        self._chain.clear_statistics()

    def process(
        self, frame: Frame, *, want_alpha: bool = False, pixel_format: PixelFormat = BGR
    ) -> Composite:
        """Return ``frame`` filtered; see ``FilterChain.process``."""
        try:
            return self._chain.process(frame, want_alpha=want_alpha, pixel_format=pixel_format)
        except DeviceLostError as error:
            self._give_up(error)
        return self._chain.process(frame, want_alpha=want_alpha, pixel_format=pixel_format)

    def filtered(
        self,
        frames: Iterable[Frame],
        *,
        want_alpha: bool = False,
        pixel_format: PixelFormat = BGR,
    ) -> Iterator[Composite]:
        """Filter all ``frames`` in order; those that were on the device are filtered again."""
        held: list[Frame] = []
        coming = iter(frames)
        try:
            for composite in self._chain.filtered(
                _noted(coming, held), want_alpha=want_alpha, pixel_format=pixel_format
            ):
                del held[0]
                yield composite
            return
        except DeviceLostError as error:
            self._give_up(error)
        for rest in (held, coming):
            yield from self._chain.filtered(rest, want_alpha=want_alpha, pixel_format=pixel_format)

    def study(self, frame: Frame, looks: int) -> None:
        """Let a network with memory look at ``frame``; see ``FilterChain.study``."""
        try:
            return self._chain.study(frame, looks)
        except DeviceLostError as error:
            self._give_up(error)
        return self._chain.study(frame, looks)

    def matte(self, frame: Frame) -> _OwnMatte:
        """Return the matte of the next frame; see ``FilterChain.matte``."""
        try:
            return _OwnMatte(self._chain, self._chain.matte(frame))
        except DeviceLostError as error:
            self._give_up(error)
        return _OwnMatte(self._chain, self._chain.matte(frame))

    def compose(
        self,
        frame: Frame,
        matte: _OwnMatte,
        *,
        want_alpha: bool = False,
        pixel_format: PixelFormat = BGR,
    ) -> Composite:
        """Return ``frame`` composed with its own matte, or one of the processor's making."""
        if matte.chain is self._chain:
            try:
                return self._chain.compose(
                    frame, matte.matte, want_alpha=want_alpha, pixel_format=pixel_format
                )
            except DeviceLostError as error:
                self._give_up(error)
        return self._chain.process(frame, want_alpha=want_alpha, pixel_format=pixel_format)

    def labels(self, frame: Frame, matte: _OwnMatte) -> NDArray[np.uint8] | None:
        """Return the class of every pixel of ``frame``; see ``FilterChain.labels``."""
        if matte.chain is self._chain:
            try:
                return self._chain.labels(frame, matte.matte)
            except DeviceLostError as error:
                self._give_up(error)
        return self._chain.labels(frame, self._chain.matte(frame))

    def prepare(self, settings: Settings) -> None:
        """Do what takes time of ``reconfigure``; see ``Chain.prepare``."""
        self._chain.prepare(settings)

    def reconfigure(self, settings: Settings) -> None:
        """Take over settings that need no other network, between two frames."""
        self._chain.reconfigure(settings)
        self._settings = settings

    def reset(self) -> None:
        """Forget all earlier frames: the next one is inferred afresh."""
        try:
            self._chain.reset()
        except DeviceLostError as error:
            self._give_up(error)

    def close(self) -> None:
        """Release everything. Idempotent."""
        self._chain.close()

    def _give_up(self, error: DeviceLostError) -> None:
        """Go on without the device."""
        with contextlib.suppress(DeviceLostError):
            self._chain.close()
        self._chain = self._host_after(error)

    def _host_after(self, error: DeviceLostError) -> FilterChain:
        _log.warning("%s; livebg goes on with the processor", error)
        return self._build_host(self._settings)


def _noted(frames: Iterator[Frame], held: list[Frame]) -> Iterator[Frame]:
    """Yield ``frames`` and keep each in ``held``."""
    for frame in frames:
        held.append(frame)
        yield frame
