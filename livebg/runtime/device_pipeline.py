"""The chain of stages on a torch device: which of them run on a frame, and what came of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livebg.clock import Clock
from livebg.closable import Closable
from livebg.compose.compositor import Backdrop
from livebg.compose.segmap import full_size_labels
from livebg.config.schema import Settings
from livebg.device.wishes import Wishes
from livebg.errors import ModelError
from livebg.pixel_format import BGR, PixelFormat
from livebg.runtime.next_backdrop import NextBackdrop
from livebg.runtime.next_window import NextWindow
from livebg.runtime.plausibility import warn_of_refusal
from livebg.runtime.scheduler import CUT_RESIDUAL, MaskScheduler
from livebg.runtime.stage_times import StageTimes
from livebg.segment.base import SegmenterInfo
from livebg.types import Box, Composite, Frame

if TYPE_CHECKING:
    from livebg.device.chain import DeviceChain, DeviceMatte
    from livebg.device.crossing import Parcel
    from livebg.device.picture import DevicePicture

__all__ = ["DevicePipeline"]

_BATCH = 8
"""Frames that a network without memory looks at together, where all are there already."""

_IN_FLIGHT = 2
"""Composites that may be on their way down while the next frame is computed."""


@dataclass(frozen=True, slots=True)
class _Flight:
    """A composite on its way down."""

    frame: Frame
    matte: DeviceMatte
    parcel: Parcel
    wishes: Wishes
    pixel_format: PixelFormat


class DevicePipeline(Closable):
    """Filters frames on a torch device; called by one thread at a time.

    The composites are those of ``livebg.runtime.pipeline.Pipeline`` with the person crop off,
    within a level or two. Two things differ, because nothing waits for the device in the middle of
    a frame: auto-framing shows of each frame what the frame before called for, and ``every auto``
    decides by how well the matte was carried to the frame before. A carried matte that turns out to
    look wrong is not shown: the network looks at that very frame, and it is composed again.

    Args:
        settings: what is in force.
        chain: the stages; the pipeline closes it.
        open_backdrop: opens another background when ``reconfigure`` changes it.
        clock: what times the stages where the device has no clock of its own.
        looks_always: whether ``every auto`` means every frame.
    """

    def __init__(
        self,
        settings: Settings,
        chain: DeviceChain,
        open_backdrop: Callable[[str], Backdrop],
        clock: Clock,
        *,
        looks_always: bool = False,
    ) -> None:
        self._looks_always = looks_always
        self._settings = settings = self._taken(settings)
        self._chain = chain
        self._next_backdrop = NextBackdrop(open_backdrop)
        self._scheduler = MaskScheduler(
            settings.every, max_residual=settings.max_residual, max_age=settings.max_age
        )
        self._framing = NextWindow(settings.auto_frame)
        self._times = StageTimes(clock)
        self._frames = 0
        self._refused = 0
        self._last_refused = False
        self._residual = 0.0

    @property
    def info(self) -> SegmenterInfo:
        """The network, and what runs it."""
        return self._chain.network.info

    @property
    def statistics(self) -> Mapping[str, Any]:
        """As ``Pipeline.statistics``; on CUDA, times are the device's own between its events."""
        info = self.info
        return {
            "model": info.model,
            "engine": info.engine,
            "input_size": list(info.input_size),
            "latency": "aligned",
            "frames": self._frames,
            "inferred": self._scheduler.inferred,
            "reasons": self._scheduler.reasons,
            "refused": self._refused,
            "stage_ms": self._times.per_frame_ms(self._frames),
            "stages_ms": self._times.distributions(),
        }

    def clear_statistics(self) -> None:
        """Count frames, reasons and times from zero again."""
        self._frames = 0
        self._scheduler.clear_counts()
        self._times.clear()

    def process(
        self, frame: Frame, *, want_alpha: bool = False, pixel_format: PixelFormat = BGR
    ) -> Composite:
        """Return ``frame`` filtered; see ``Pipeline.process``."""
        wishes = self._wishes(want_alpha, pixel_format)
        return self._land(self._send(frame, self.matte(frame), wishes))

    def filtered(
        self,
        frames: Iterable[Frame],
        *,
        want_alpha: bool = False,
        pixel_format: PixelFormat = BGR,
    ) -> Iterator[Composite]:
        """Filter all ``frames`` in order.

        Where the network sees every frame, frames are computed while earlier composites come down,
        and a network without memory looks at several frames together.
        """
        if self._settings.every != 1 or not self._framing.at_rest:
            for frame in frames:
                yield self.process(frame, want_alpha=want_alpha, pixel_format=pixel_format)
            return
        coming = iter(frames)
        flights: deque[_Flight] = deque()
        while group := list(islice(coming, 1 if self.info.recurrent else _BATCH)):
            for frame, matte in zip(group, self._scheduled(group), strict=True):
                flights.append(self._send(frame, matte, self._wishes(want_alpha, pixel_format)))
                if len(flights) > _IN_FLIGHT:
                    yield self._land(flights.popleft())
        while flights:
            yield self._land(flights.popleft())

    def study(self, frame: Frame, looks: int) -> None:
        """Let a network with memory look at ``frame``; see ``FilterChain.study``."""
        if self.info.recurrent:
            picture = self._chain.receive(frame)
            for _ in range(looks):
                self._chain.infer([picture])

    def matte(self, frame: Frame) -> DeviceMatte:
        """Return the matte of the next frame, carried where that was good enough, else inferred."""
        return self._scheduled([frame])[0]

    def compose(
        self,
        frame: Frame,
        matte: DeviceMatte,
        *,
        want_alpha: bool = False,
        pixel_format: PixelFormat = BGR,
    ) -> Composite:
        """Return ``frame`` composed with its own matte; see ``FilterChain.compose``.

        Raises:
            ModelError: the network failed; the frame must not be shown.
            ValueError: the matte belongs to another frame.
        """
        if matte.picture.index != frame.index:
            raise ValueError(
                f"the matte of frame {matte.picture.index} is not frame {frame.index}'s"
            )
        wishes = replace(self._wishes(want_alpha, pixel_format), mirror=False)
        return self._land(self._send(frame, matte, wishes))

    def labels(self, frame: Frame, matte: DeviceMatte) -> NDArray[np.uint8] | None:
        """Return the class of every pixel of ``frame``; see ``FilterChain.labels``."""
        parcel = self._chain.labels(matte)
        if parcel is None:
            return None
        (labels,) = self._chain.unpack(parcel)
        return full_size_labels(labels, Box.whole(frame.size), frame.size)

    def prepare(self, settings: Settings) -> None:
        """Open the background of ``settings`` for ``reconfigure``; any thread may call it.

        Raises:
            InputError: the new background cannot be read.
        """
        if settings.background != self._settings.background:
            self._next_backdrop.prepare(settings.background)

    def reconfigure(self, settings: Settings) -> None:
        """Take over settings that need no other network, between two frames.

        Raises:
            InputError: the new background cannot be read; the old settings stay in force.
        """
        settings = self._taken(settings)
        if settings.background != self._settings.background:
            self._chain.change_backdrop(self._next_backdrop.take(settings.background))
        self._settings = settings
        self._framing.configure(settings.auto_frame)
        self._scheduler.configure(
            settings.every, max_residual=settings.max_residual, max_age=settings.max_age
        )

    def reset(self) -> None:
        """Forget all earlier frames: the next one is inferred afresh."""
        self._scheduler.reset()
        self._residual = 0.0
        self._chain.reset()

    def close(self) -> None:
        """Release the background. Idempotent."""
        self._chain.close()
        self._next_backdrop.close()

    def _taken(self, settings: Settings) -> Settings:
        always = self._looks_always and settings.every == "auto"
        return replace(settings, every=1) if always else settings

    def _scheduled(self, frames: Sequence[Frame]) -> list[DeviceMatte]:
        """Return the mattes of ``frames``: of several only where the network sees every frame."""
        self._frames += len(frames)
        if not self._chain.has_anchor and self._settings.every != 1:
            self._scheduler.reset()
        pictures = [self._chain.receive(frame) for frame in frames]
        inferred = [self._scheduler.decide(self._residual).infer for _ in frames]
        if not all(inferred):
            return [self._chain.carry(picture) for picture in pictures]
        return self._seen(pictures)

    def _seen(self, pictures: Sequence[DevicePicture]) -> list[DeviceMatte]:
        """Have the network look at ``pictures``, together where it can."""
        self._residual = 0.0
        return [
            self._chain.refine(
                planes,
                picture,
                smoothing_s=self._settings.smoothing_s,
                keep=self._settings.every != 1,
            )
            for planes, picture in zip(self._chain.infer(pictures), pictures, strict=True)
        ]

    def _wishes(self, want_alpha: bool, pixel_format: PixelFormat) -> Wishes:
        return Wishes(
            edge_colour=self._settings.edge_colour,
            alpha=want_alpha,
            small_alpha=not self._framing.at_rest,
            pixel_format=pixel_format,
            window=self._framing.window,
            mirror=self._settings.mirror,
        )

    def _send(self, frame: Frame, matte: DeviceMatte, wishes: Wishes) -> _Flight:
        """Compose ``frame`` and send it on its way down."""
        pixel_format = self._chain.format_of(wishes)
        return _Flight(frame, matte, self._chain.compose(matte, wishes), wishes, pixel_format)

    def _land(self, flight: _Flight) -> Composite:
        """Wait for a composite, and look at what the device found out about it."""
        facts, image, *more = self._chain.unpack(flight.parcel)
        for stage, took_ns in self._chain.times.read():
            self._times.add(stage, took_ns, kept=False)
        sound, believed, claim, residual = (float(fact) for fact in facts)
        frame, matte = flight.frame, flight.matte
        if sound != 1:
            self.reset()
            raise ModelError(
                f"the network answered frame {frame.index} with values that are no alpha matte; "
                "choose another --model or --precision"
            )
        if matte.inferred:
            self._count(believed == 1, claim, frame)
        elif residual > CUT_RESIDUAL:
            self._scheduler.reset()
            self._scheduler.decide(0.0)
            (again,) = self._seen([matte.picture])
            return self._land(self._send(frame, again, flight.wishes))
        else:
            self._residual = residual
        alpha = more.pop(0) if flight.wishes.alpha else None
        self._framing.update(frame, more[0] if flight.wishes.small_alpha else None)
        return Composite(
            image, frame.index, frame.captured_ns, alpha, pixel_format=flight.pixel_format
        )

    def _count(self, believed: bool, claim: float, frame: Frame) -> None:
        if not believed:
            self._refused += 1
            if not self._last_refused:
                warn_of_refusal(claim, frame)
        self._last_refused = not believed
