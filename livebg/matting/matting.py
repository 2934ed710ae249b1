"""The matte of every frame, from the network or carried to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livebg.clock import NS_PER_S, Clock
from livebg.closable import Closable
from livebg.config.settings import Settings
from livebg.errors import ModelError, NetworkLateError
from livebg.frame import Frame, Matte
from livebg.matting.flow import Carried, FlowCarrier
from livebg.matting.inference import AsyncInference, DirectInference, Inference, InferenceTimeout
from livebg.matting.refinement import Refinement
from livebg.matting.scheduler import CUT_RESIDUAL, InferenceBudget, MaskScheduler
from livebg.matting.stage_times import StageTimes
from livebg.segmenters.base import Segmenter, SegmenterInfo

__all__ = ["Matting"]


class Matting(Closable):
    """Runs the network where the mask scheduler asks for it, and carries mattes in between.

    Args:
        settings: what is in force.
        segmenter: finds the person; closed along with this.
        carrier: moves mattes between inferences.
        times: gets what the stages ``segment``, ``carry`` and ``refine`` took.
        live: hold the frame rate and the processor budget, and with the latency ``low`` let the
            network run in a thread of its own.
        clock: what times the network.
    """

    def __init__(
        self,
        settings: Settings,
        segmenter: Segmenter,
        carrier: FlowCarrier,
        times: StageTimes,
        *,
        live: bool,
        clock: Clock,
    ) -> None:
        self._carrier = carrier
        self._times = times
        self._live = live
        self._scheduler = MaskScheduler(
            settings.every, max_residual=settings.max_residual, max_age=settings.max_age
        )
        self._refinement = Refinement(
            carrier, recurrent=segmenter.info.recurrent, smoothing_s=settings.smoothing_s
        )
        self._timeout = InferenceTimeout(settings.max_matte_age_s)
        self._budget = InferenceBudget(settings.cpu_budget) if live else None
        self._inference: Inference = (
            AsyncInference(segmenter, clock, timeout_s=self._timeout.answer_s)
            if live and settings.latency == "low"
            else DirectInference(segmenter, clock)
        )

    @property
    def info(self) -> SegmenterInfo:
        """The network, and what runs it."""
        return self._inference.segmenter.info

    @property
    def statistics(self) -> Mapping[str, Any]:
        """``latency``, ``inferred``, ``reasons`` and ``refused``; see ``Pipeline.statistics``."""
        return {
            "latency": "low" if self._inference.beside else "aligned",
            "inferred": self._scheduler.inferred,
            "reasons": self._scheduler.reasons,
            "refused": self._refinement.refused,
        }

    def clear_statistics(self) -> None:
        """Count decisions from zero again."""
        self._scheduler.clear_counts()

    def study(self, frame: Frame, looks: int) -> None:
        """Let a network with memory look at ``frame`` so often before its matte is wanted.

        Raises:
            ModelError: the network failed.
            ValueError: the frame has another size than the network was built for.
        """
        if self.info.recurrent:
            for _ in range(looks):
                self._inference.segmenter.segment(frame)

    def find(self, frame: Frame) -> Matte:
        """Return the matte of the next frame: carried where that is good enough, else inferred.

        Raises:
            NetworkLateError: there is none yet; the same frame may be asked for again, and none
                before it.
            ModelError: the network failed.
            ValueError: the frame has another size than the network was built for.
        """
        try:
            self._keep_within_budget(frame)
            own, carried = self._find(frame)
        except NetworkLateError:
            raise
        except Exception:
            self.reset()
            raise
        if own is not None and own.frame_index == frame.index:
            return own
        if carried is None:
            raise ModelError(f"there is no matte for frame {frame.index}; the card is shown")
        return carried.matte

    def configure(self, settings: Settings) -> None:
        """Take over settings that need no other network, between two frames."""
        self._timeout.configure(settings.max_matte_age_s)
        self._inference.timeout_s = self._timeout.answer_s
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

    def _keep_within_budget(self, frame: Frame) -> None:
        """Tell the scheduler how strict it must be."""
        if self._budget is not None:
            self._budget.frame(frame.captured_ns, spent_ns=self._times.spent_ns)
            self._scheduler.strictness = self._budget.strictness

    def _find(self, frame: Frame) -> tuple[Matte | None, Carried | None]:
        """Return the matte that the network found, and the one that was carried to ``frame``."""
        pending = self._inference.pending
        if pending is not None and pending.index == frame.index:
            return self._receive(pending), None
        self._receive(None)
        carried = self._carry(frame)
        if carried is None or carried.residual > CUT_RESIDUAL or self._inference.late:
            carried = self._carry_again(frame) or carried
        decision = self._scheduler.decide(
            carried.residual if carried else 1.0,
            beside=self._inference.beside,
            busy=self._inference.pending is not None,
        )
        if not decision.infer:
            return None, carried
        self._inference.ask(frame)
        shown_meanwhile = carried is not None and self._inference.beside
        return self._receive(None if shown_meanwhile and not decision.urgent else frame), carried

    def _carry(self, frame: Frame) -> Carried | None:
        """Return the last matte moved to ``frame``, where there is one and it may be shown."""
        if not self._scheduler.needs_residual and not self._inference.beside:
            return None
        anchor = self._carrier.anchor
        if anchor is None or self._is_too_old(anchor, frame):
            return None
        with self._times.timed("carry"):
            return self._carrier.carry(frame)

    def _is_too_old(self, anchor: Matte, frame: Frame) -> bool:
        """Whether so much time has passed that ``anchor`` must not be carried to ``frame``.

        Offline, time does not count.
        """
        age_ns = frame.captured_ns - anchor.captured_ns
        return self._live and age_ns > self._timeout.age_s * NS_PER_S

    def _carry_again(self, frame: Frame) -> Carried | None:
        """Return the matte that the network is still at work on moved to ``frame``, if there is.

        It belongs to a frame that is more like this one than what was carried so far.
        """
        pending = self._inference.pending
        if pending is None:
            return None
        self._receive(pending)
        return self._carry(frame)

    def _receive(self, wanted: Frame | None) -> Matte | None:
        """Take what the network has found and carry that from now on.

        Args:
            wanted: wait for the matte of this frame.
        """
        found = self._inference.take(wanted=wanted)
        if found is None:
            return None
        self._times.add("segment", found.took_ns, kept=not self._inference.beside)
        self._timeout.took(found.took_ns)
        self._inference.timeout_s = self._timeout.answer_s
        if self._budget is not None:
            self._budget.inferred(found.frame.captured_ns, took_ns=found.took_ns)
        with self._times.timed("refine"):
            matte = self._refinement.refine(found.matte, found.frame)
            self._carrier.set_anchor(found.frame, matte)
        return matte
