"""Matting: the matte of every frame, from the network or carried to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livebg.clock import NS_PER_S, Clock
from livebg.closable import Closable
from livebg.config.settings import Settings
from livebg.frame import Frame, FramePyramid, Matte, Size
from livebg.matting.flow import Carried, FlowCarrier
from livebg.matting.inference import Inference, InferenceTimeout
from livebg.matting.refinement import Refinement
from livebg.matting.scheduler import CUT_RESIDUAL, InferenceBudget, MaskScheduler
from livebg.matting.stage_times import StageTimes
from livebg.segmenters.base import Segmenter, SegmenterInfo

__all__ = ["Matting"]


class Matting(Closable):
    """Runs the network on the frames that the mask scheduler picks, and carries mattes between.

    Args:
        settings: the settings in force.
        segmenter: the network; closed along with this.
        frame_size: ``(width, height)`` of the frames.
        times: gets the durations of the stages ``segment``, ``carry`` and ``refine``.
        live: hold the frame rate and the processor budget, and with the latency ``low`` run the
            network in a thread of its own.
        clock: measures inferences.
    """

    def __init__(
        self,
        settings: Settings,
        segmenter: Segmenter,
        frame_size: Size,
        times: StageTimes,
        *,
        live: bool,
        clock: Clock,
    ) -> None:
        self._times = times
        self._live = live
        self._scheduler = MaskScheduler(
            settings.every, max_residual=settings.max_residual, max_age=settings.max_age
        )
        self._carrier = FlowCarrier(frame_size)
        self._refinement = Refinement(
            self._carrier, recurrent=segmenter.info.recurrent, smoothing_s=settings.smoothing_s
        )
        self._budget = InferenceBudget(settings.cpu_budget) if live else None
        self._timeout = InferenceTimeout(settings.max_matte_age_s)
        self._inference = Inference(
            segmenter, clock, self._timeout, threaded=live and settings.latency == "low"
        )

    @property
    def info(self) -> SegmenterInfo:
        """The network and its engine."""
        return self._inference.segmenter.info

    @property
    def late_notice(self) -> str:
        """See ``Inference.late_notice``."""
        return self._inference.late_notice

    @property
    def statistics(self) -> Mapping[str, Any]:
        """``latency``, ``inferred``, ``reasons`` and ``refused``; see ``Pipeline.statistics``."""
        return {
            "latency": "low" if self._inference.threaded else "aligned",
            "inferred": self._scheduler.inferred,
            "reasons": self._scheduler.reasons,
            "refused": self._refinement.rejected,
        }

    def clear_statistics(self) -> None:
        """Count decisions from zero again."""
        self._scheduler.clear_counts()

    def warm_up(self, pyramid: FramePyramid, inferences: int) -> None:
        """Run a recurrent network on a frame several times before its matte is needed.

        Raises:
            ModelError: the network failed.
            ValueError: the frame has another size than the network was built for.
        """
        if self.info.recurrent:
            for _ in range(inferences):
                self._inference.segmenter.segment(pyramid)

    def matte(self, pyramid: FramePyramid) -> Matte | None:
        """Return the matte of the next frame: carried where that is good enough, else inferred.

        Returns:
            None while the network, in its own thread, is late with the matte that is needed. Call
            again with the same frame then, before any newer one.

        Raises:
            ModelError: the network failed.
            ValueError: the frame has another size than the network was built for.
        """
        try:
            if self._budget is not None:
                captured_ns = pyramid.frame.captured_ns
                self._budget.add_frame(captured_ns, spent_ns=self._times.spent_ns)
                self._scheduler.strictness = self._budget.strictness
            return self._matte(pyramid)
        except Exception:
            self.reset()
            raise

    def configure(self, settings: Settings) -> None:
        """Take over settings that need no other network, between two frames."""
        self._timeout.max_age_s = settings.max_matte_age_s
        self._refinement.smoothing_s = settings.smoothing_s
        self._scheduler.configure(
            settings.every, max_residual=settings.max_residual, max_age=settings.max_age
        )
        if self._budget is not None:
            self._budget.configure(settings.cpu_budget)

    def reset(self) -> None:
        """Forget all earlier frames: the next one is inferred afresh."""
        self._inference.reset()
        self._carrier.reset()
        self._scheduler.reset()
        self._refinement.reset()
        if self._budget is not None:
            self._budget.reset()

    def close(self) -> None:
        """Release the network. Idempotent."""
        self._inference.close()

    def _matte(self, pyramid: FramePyramid) -> Matte | None:
        inference = self._inference
        pending = inference.pending
        if pending is not None and pending.frame.index == pyramid.frame.index:
            return self._receive(wait_for=pending)
        self._receive()
        carried = self._carry(pyramid)
        pending = inference.pending
        unusable = carried is None or carried.residual > CUT_RESIDUAL or inference.late
        if unusable and pending is not None:
            # The pending frame is more like this one than the frame that was carried so far.
            if self._receive(wait_for=pending) is None:
                return None
            carried = self._carry(pyramid) or carried
        decision = self._scheduler.decide(
            carried.residual if carried else 1.0,
            threaded=inference.threaded,
            busy=inference.pending is not None,
        )
        if carried is not None and not decision.infer:
            return carried.matte
        inference.request(pyramid)
        if carried is None or decision.urgent or not inference.threaded:
            return self._receive(wait_for=pyramid)
        return carried.matte

    def _carry(self, pyramid: FramePyramid) -> Carried | None:
        """Return the last matte moved to a frame, where there is one and it may be shown."""
        if not self._scheduler.needs_residual and not self._inference.threaded:
            return None
        anchor = self._carrier.anchor
        if anchor is None or self._is_too_old(anchor, pyramid.frame):
            return None
        with self._times.timed("carry"):
            return self._carrier.carry(pyramid)

    def _is_too_old(self, anchor: Matte, frame: Frame) -> bool:
        """Return whether ``anchor`` must not be carried to ``frame``; offline, it always may."""
        age_ns = frame.captured_ns - anchor.captured_ns
        return self._live and age_ns > self._timeout.matte_age_s * NS_PER_S

    def _receive(self, *, wait_for: FramePyramid | None = None) -> Matte | None:
        """Take the network's result, refine it, and carry it; None where there is none yet."""
        result = self._inference.take(wait_for=wait_for)
        if result is None:
            return None
        in_thread = not self._inference.threaded
        self._times.add("segment", result.duration_ns, in_thread=in_thread)
        if self._budget is not None:
            captured_ns = result.pyramid.frame.captured_ns
            self._budget.add_inference(captured_ns, duration_ns=result.duration_ns)
        with self._times.timed("refine"):
            matte = self._refinement.refine(result.matte, result.pyramid)
            self._carrier.set_anchor(result.pyramid, matte)
        return matte
