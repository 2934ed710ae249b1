"""The whole chain without threads: frame in, composite out, the same on every run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import numpy as np

from livebg.compose.compositor import Compositor
from livebg.config.schema import Settings
from livebg.refine.edge_colour import EDGE_HALVINGS, edge_colours
from livebg.refine.guided import with_coefficients
from livebg.refine.haze import without_haze
from livebg.runtime.scheduler import MaskScheduler
from livebg.segment.base import Segmenter
from livebg.temporal.flow import FlowCarrier
from livebg.types import Composite, Frame, Matte

__all__ = ["Pipeline"]


class Pipeline:
    """Segments, carries and composes frames in order. Called by one thread at a time.

    Every composite is made with the matte that belongs to its own frame: inferred for it, or
    carried to it.

    Args:
        settings: what is in force.
        segmenter: finds the person; the pipeline closes it.
        carrier: moves mattes between inferences.
        compositor: blends; the pipeline closes it.
        open_compositor: makes another when ``reconfigure`` changes the background.
    """

    def __init__(
        self,
        settings: Settings,
        segmenter: Segmenter,
        carrier: FlowCarrier,
        compositor: Compositor,
        open_compositor: Callable[[Settings], Compositor],
    ) -> None:
        self._settings = settings
        self._segmenter = segmenter
        self._carrier = carrier
        self._open_compositor = open_compositor
        self._compositor = compositor
        self._scheduler = MaskScheduler(
            settings.every, max_residual=settings.max_residual, max_age=settings.max_age
        )
        self._stage_ns: dict[str, int] = {}
        self._frames = 0

    @property
    def segmenter(self) -> Segmenter:
        """What finds the person."""
        return self._segmenter

    @property
    def statistics(self) -> Mapping[str, Any]:
        """What the scheduler and the stages did so far, as plain values.

        ``engine``, ``model``, ``input_size``; ``frames``; ``inferred``: frames that the network
        saw; ``reasons``: how often each reason decided (see ``scheduler.Reason``); ``stage_ms``:
        mean milliseconds a frame by stage.
        """
        info = self._segmenter.info
        reasons = self._scheduler.reasons
        return {
            "model": info.model,
            "engine": info.engine,
            "input_size": list(info.input_size),
            "frames": self._frames,
            "inferred": sum(reasons.values()) - reasons.get("carried", 0),
            "reasons": dict(reasons),
            "stage_ms": {
                stage: ns / 1e6 / max(1, self._frames) for stage, ns in self._stage_ns.items()
            },
        }

    def process(self, frame: Frame, *, want_alpha: bool = False) -> Composite:
        """Return ``frame`` filtered.

        Args:
            frame: the next frame.
            want_alpha: whether the composite must carry its matte at full size.

        Raises:
            ModelError: the network failed; the frame must not be shown.
            ValueError: the frame has another size than the pipeline was built for.
        """
        frame = self._facing(frame)
        return self.compose(frame, self.matte(frame), want_alpha=want_alpha)

    def matte(self, frame: Frame) -> Matte:
        """Return the matte of the next frame: carried where that is good enough, else inferred.

        Raises:
            ModelError: the network failed.
            ValueError: the frame has another size than the pipeline was built for.
        """
        self._frames += 1
        carried = None
        if self._scheduler.needs_residual:
            with self._timed("carry"):
                carried = self._carrier.carry(frame)
        decision = self._scheduler.decide(carried.residual if carried else 0.0)
        if carried is not None and not decision.infer:
            return carried.matte
        try:
            with self._timed("segment"):
                matte = self._segmenter.segment(frame)
        except Exception:
            self.reset()
            raise
        with self._timed("refine"):
            matte = without_haze(with_coefficients(matte, frame))
            self._carrier.set_anchor(frame, matte)
        return matte

    def compose(self, frame: Frame, matte: Matte, *, want_alpha: bool = False) -> Composite:
        """Return ``frame`` composed with its own matte; see ``process``."""
        with self._timed("refine"):
            eighth = frame.halved(EDGE_HALVINGS).shape
            alpha = matte.alpha_over(frame, (eighth[1], eighth[0]))
            colours = edge_colours(frame, alpha) if self._settings.edge_colour else None
        with self._timed("compose"):
            return self._compositor.compose(
                frame, matte, alpha, colours=colours, want_alpha=want_alpha
            )

    def reconfigure(self, settings: Settings) -> None:
        """Take over settings that need no other network, between two frames.

        Raises:
            InputError: the new background cannot be read; the old settings stay in force.
        """
        if settings.background != self._settings.background:
            compositor = self._open_compositor(settings)
            self._compositor.close()
            self._compositor = compositor
        if settings.mirror != self._settings.mirror:
            self.reset()
        self._settings = settings
        self._scheduler.configure(
            settings.every, max_residual=settings.max_residual, max_age=settings.max_age
        )

    def reset(self) -> None:
        """Forget all earlier frames: the next one is inferred afresh."""
        self._segmenter.reset()
        self._carrier.reset()
        self._scheduler.reset()

    def close(self) -> None:
        """Release the network and the background. Idempotent."""
        self._segmenter.close()
        self._compositor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _facing(self, frame: Frame) -> Frame:
        if not self._settings.mirror:
            return frame
        mirrored = np.ascontiguousarray(frame.image[:, ::-1])
        return Frame(mirrored, frame.index, frame.captured_ns)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started_ns = time.perf_counter_ns()
        try:
            yield
        finally:
            spent_ns = time.perf_counter_ns() - started_ns
            self._stage_ns[stage] = self._stage_ns.get(stage, 0) + spent_ns
