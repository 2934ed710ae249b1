"""Running the network, in the caller's thread or in a thread of its own, with a time-out."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from statistics import median

from livebg.clock import NS_PER_S, Clock
from livebg.errors import ModelError
from livebg.frame import FramePyramid, Matte
from livebg.segmenters.base import Segmenter
from livebg.threads import Mailbox, Worker

__all__ = ["Inference", "InferenceResult", "InferenceTimeout"]

_RECENT_INFERENCES = 5
_MARGIN = 1.5
_LONGEST_S = 5.0
"""A network that takes longer than most of this cannot be followed by optical flow any more."""

_POLL_S = 0.05
_IDLE_S = 0.5
"""How long the thread waits for a request before it checks whether it is to end."""


class InferenceTimeout:
    """How long an inference may take: ``max_matte_age_s``, or 1.5 times its usual duration.

    A network that needs a second for an inference would otherwise be late with every one of them.
    Whether a carried matte may still be shown is decided by its residual, not by its age alone.
    """

    def __init__(self, max_age_s: float) -> None:
        self.max_age_s = max_age_s
        """The setting ``max_matte_age_s``; may be changed between two frames."""
        self._durations_s: deque[float] = deque(maxlen=_RECENT_INFERENCES)

    def record(self, duration_ns: int) -> None:
        """Record the duration of one inference, in nanoseconds."""
        self._durations_s.append(duration_ns / NS_PER_S)

    @property
    def inference_s(self) -> float:
        """Seconds that an inference may take.

        The usual duration is a median, so one inference that hung does not lengthen it.
        """
        usual_s = median(self._durations_s) if self._durations_s else 0.0
        return max(self.max_age_s, min(_LONGEST_S, _MARGIN * usual_s))

    @property
    def matte_age_s(self) -> float:
        """Seconds for which a matte may be carried: one inference old, and until the next ends."""
        return 2 * self.inference_s


@dataclass(frozen=True, slots=True)
class InferenceResult:
    """The matte of one frame as the network returned it, and how long the network ran."""

    pyramid: FramePyramid
    matte: Matte
    duration_ns: int


@dataclass(frozen=True, slots=True)
class _Request:
    """A frame, and how many resets came before it."""

    pyramid: FramePyramid
    resets: int


class Inference:
    """Runs a network on one frame at a time. Called by one thread.

    Threaded, the network runs in the thread ``livebg-inference``, and the caller goes on. It gets
    the requested frames in order, so the state of a recurrent network is right. Bound: one request
    and one result; a newer one replaces one that was not taken.

    Args:
        segmenter: the network; closed by ``close``.
        clock: measures durations.
        timeout: how long an inference may take before it is late; gets every duration.
        threaded: run the network in its own thread instead of in ``request``.
    """

    def __init__(
        self, segmenter: Segmenter, clock: Clock, timeout: InferenceTimeout, *, threaded: bool
    ) -> None:
        self.segmenter = segmenter
        """The network."""
        self.threaded = threaded
        """Whether the network runs while the caller does something else."""
        self._clock = clock
        self._timeout = timeout
        self._requests: Mailbox[_Request] = Mailbox()
        self._results: Mailbox[tuple[_Request, InferenceResult | Exception]] = Mailbox()
        self._resets = 0
        self._resets_done = 0
        self._pending: _Request | None = None
        self._requested_ns = 0
        self._closed = False
        self._worker = Worker("inference", self._work) if threaded else None
        if self._worker is not None:
            self._worker.start()

    @property
    def pending(self) -> FramePyramid | None:
        """The frame that was requested last and has no matte yet."""
        return None if self._pending is None else self._pending.pyramid

    @property
    def late(self) -> bool:
        """Whether the network has been at work on ``pending`` for longer than it may."""
        elapsed_ns = self._clock.now_ns() - self._requested_ns
        return self._pending is not None and elapsed_ns > self._timeout.inference_s * NS_PER_S

    @property
    def late_notice(self) -> str:
        """What to tell the user when the network is late, and what to do about it."""
        width, height = self.segmenter.info.input_size
        return (
            f"the network has not answered for {self._timeout.inference_s:.2g} s, so the picture "
            "is late; where that goes on, choose --preset fast, a --matte-size smaller than "
            f"{width}x{height}, or a longer --max-matte-age-s"
        )

    def request(self, pyramid: FramePyramid) -> None:
        """Start an inference on a frame; it is over on return unless ``threaded``.

        Raises:
            ModelError: this was closed.
        """
        if self._closed:
            raise ModelError("the network was closed; build a new pipeline")
        self._pending = _Request(pyramid, self._resets)
        self._requested_ns = self._clock.now_ns()
        if self.threaded:
            self._requests.put(self._pending)
        else:
            self._infer(self._pending)

    def take(self, *, wait_for: FramePyramid | None = None) -> InferenceResult | None:
        """Return a result that was not taken yet; ``wait_for`` waits for that of the pending frame.

        Returns:
            The result; None where there is none yet, or the awaited one is late. It may be waited
            for again then.

        Raises:
            ModelError: the network failed.
            ValueError: the frame has another size than the network was built for.
        """
        while True:
            taken = self._results.get(0.0 if wait_for is None else _POLL_S)
            result = None if taken is None else self._accept(*taken)
            if result is not None and (wait_for is None or result.pyramid is wait_for):
                return result
            if self._pending is None or wait_for is None or self.late:
                return None

    def reset(self) -> None:
        """Forget all earlier frames; the network itself forgets them before its next one."""
        self._resets += 1
        self._pending = None

    def close(self) -> None:
        """End the thread and release the network. Idempotent.

        A running network cannot be interrupted, so this waits for it: hanging networks must not
        pile up.
        """
        self._closed = True
        self._requests.close()
        if self._worker is not None:
            self._worker.stop()
            while not self._worker.join(_POLL_S):
                pass
        self.segmenter.close()

    def _accept(
        self, request: _Request, result: InferenceResult | Exception
    ) -> InferenceResult | None:
        """Return a result, or None for one from before a reset; raise the network's error."""
        if request.resets != self._resets:
            return None
        if request is self._pending:
            self._pending = None
        if isinstance(result, Exception):
            raise result
        self._timeout.record(result.duration_ns)
        return result

    def _work(self, stop: threading.Event) -> None:
        while not (stop.is_set() or self._requests.finished):
            request = self._requests.get(_IDLE_S)
            if request is not None:
                self._infer(request)

    def _infer(self, request: _Request) -> None:
        """Run the network on a request and leave the result, or the error, for ``take``."""
        try:
            if request.resets != self._resets_done:
                self._resets_done = request.resets
                self.segmenter.reset()
            began_ns = self._clock.now_ns()
            matte = self.segmenter.segment(request.pyramid)
            duration_ns = self._clock.now_ns() - began_ns
            result: InferenceResult | Exception = InferenceResult(
                request.pyramid, matte, duration_ns
            )
        except Exception as error:
            # Any error belongs to the caller: it shows the privacy card and goes on.
            result = error
        self._results.put((request, result))
