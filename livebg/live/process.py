"""Processing: the thread that filters frames; what is not filtered never leaves it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from livebg.clock import Clock
from livebg.config.settings import Settings
from livebg.errors import DeviceLostError, LivebgError, ModelError, as_livebg_error
from livebg.frame import BGR, Composite, PixelFormat, Size
from livebg.live.capture import Captured
from livebg.live.hot_swap import HotSwap
from livebg.live.privacy import PrivacyGuard
from livebg.live.statistics import Statistics
from livebg.live.warmup import Build
from livebg.pipeline import Pipeline
from livebg.threads import Backoff, Mailbox

__all__ = ["Processing"]

_log = logging.getLogger(__name__)

_STARTING = "livebg is starting"
_CHANGING = "Changing the filter"
_FAILED = "The filter has failed: trying again"
_REBUILD_AFTER = 5
_POLL_S = 0.1


class Processing:
    """Feeds the pipeline frame by frame, and rebuilds a broken one behind the card.

    While the network is late with a frame, that frame is kept and newer ones are dropped: a network
    that is too slow for the frame rate shows few pictures instead of none.

    Args:
        settings: what the pipeline is built from first.
        guard: shows the card while there is no pipeline or it fails.
        report: called with the first of several failures in a row.
        want_alpha: whether composites must carry their matte.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        build: Build,
        frames: Mailbox[Captured],
        publish: Callable[[Composite], None],
        guard: PrivacyGuard,
        statistics: Statistics,
        clock: Clock,
        report: Callable[[LivebgError], None],
        want_alpha: bool = False,
        pixel_format: PixelFormat = BGR,
    ) -> None:
        self.ready = threading.Event()
        """Set once there is a first pipeline."""
        self._frames = frames
        self._publish = publish
        self._guard = guard
        self._statistics = statistics
        self._clock = clock
        self._report = report
        self._want_alpha = want_alpha
        self.hot_swap = HotSwap(
            settings, build=build, in_force=self._configure_guard, report=report
        )
        """Takes requests from any thread; the rest of it belongs to the process thread."""
        self._pixel_format = pixel_format
        self._gaps = 0
        self._kept: Captured | None = None
        self._late: Pipeline | None = None
        self._failures = 0
        self._backoff = Backoff(clock)
        guard.conceal("filter", _STARTING)

    def run(self, stop: threading.Event, size: Size) -> None:
        """Build a pipeline for frames of ``size``, and filter until ``stop`` or the last frame.

        Raises:
            LivebgError: the first pipeline could not be built.
        """
        try:
            self.hot_swap.establish(size)
            self.ready.set()
            while not stop.is_set() and not self._frames.finished:
                captured = self._kept or self._frames.get(_POLL_S)
                if captured is not None:
                    self.handle(captured)
        finally:
            self.hot_swap.close()

    def handle(self, captured: Captured) -> None:
        """Filter one frame and publish it; after any failure the card is shown instead.

        A frame that the network is late with is kept, to be handled again.
        """
        again, self._kept = captured is self._kept, None
        self.hot_swap.advance(captured.frame)
        pipeline = self._ready_pipeline(captured)
        if pipeline is None:
            return
        begin_ns, size = self._clock.now_ns(), captured.frame.size
        if not again:
            self._statistics.record_stage("wait", captured.frame.captured_ns, begin_ns)
        try:
            composite = pipeline.process(
                captured.frame,
                want_alpha=self._want_alpha,
                # The guard scales BGR only.
                pixel_format=self._pixel_format if size == self._guard.size else BGR,
            )
            if composite is None:
                self._kept = captured
                if pipeline is not self._late:
                    self._late = pipeline
                    self._report(ModelError(pipeline.late_notice))
                return
            composite = self._guard.accept(composite, captured.frame)
        except Exception as error:
            # Whatever it is, the room must not be shown and the session must go on.
            self._fail(pipeline, error)
            return
        self._statistics.record_stage("process", begin_ns, self._clock.now_ns())
        self._statistics.count_filtered()
        self._failures = 0
        self._backoff.reset()
        self._guard.reveal("filter")
        self._publish(composite)

    def _ready_pipeline(self, captured: Captured) -> Pipeline | None:
        """Return a pipeline for this frame, or None until another can be built."""
        size = captured.frame.size
        pipeline = self.hot_swap.pipeline
        if pipeline is None or self.hot_swap.size != size:
            if not self._backoff.ready:
                return None
            self._guard.conceal("filter", _CHANGING)
            try:
                pipeline = self.hot_swap.establish(size)
            except Exception as error:
                self._backoff.fail()
                self._report(as_livebg_error(error, ModelError, "the filter failed"))
                return None
            self._failures = 0
        elif captured.gaps != self._gaps:
            pipeline.reset()
        self._gaps = captured.gaps
        return pipeline

    def _configure_guard(self, settings: Settings) -> None:
        self._guard.configure(
            max_age_s=settings.max_matte_age_s,
            channels=4 if settings.background.transparent else 3,
            raw_allowed=settings.background.shows_room,
        )

    def _fail(self, pipeline: Pipeline, error: Exception) -> None:
        self._guard.conceal("filter", _FAILED)
        self._statistics.count("failed")
        if isinstance(error, DeviceLostError):
            self.hot_swap.leave_device(error)
            return
        self._failures += 1
        if self._failures == 1:
            self._report(as_livebg_error(error, ModelError, "the filter failed"))
        try:
            pipeline.reset()
            broken = self._failures >= _REBUILD_AFTER
        except Exception:
            _log.debug("the pipeline cannot be reset", exc_info=True)
            broken = True
        if broken:
            # The next frame after the back-off has another one built.
            self._backoff.fail()
            self.hot_swap.discard()
