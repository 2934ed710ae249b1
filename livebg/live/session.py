"""The live session: one thread captures, one filters, one feeds each slow sink.

::

    source ─► capture thread ─► [frame] ─► process thread ─┬► [composite] ─► thread of a sink
                                                           ├► [composite] ─► thread of a sink
                                                           └► [composite] ─► window (main thread)

Each ``[ ]`` is a mailbox that holds one item, the newest. The privacy guard stands at the end of
the process thread and again before every sink.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from livebg.clock import NS_PER_S, Clock, MonotonicClock
from livebg.config.settings import Settings, same_camera
from livebg.errors import LivebgError
from livebg.frame import Composite, Size
from livebg.live.capture import Capture, Captured, OnDemand
from livebg.live.hot_swap import Chain
from livebg.live.privacy import PrivacyGuard
from livebg.live.process import Processing
from livebg.live.sink_runner import SinkPlan, SinkRunner
from livebg.live.statistics import Statistics, StatisticsSnapshot
from livebg.sinks.base import agreed_format
from livebg.sources.base import Source, SourceInfo
from livebg.threads import BackgroundTask, Mailbox, Worker, raise_first_error

__all__ = ["Session"]

_FALLBACK_RATE = 30.0
_AT_THE_END = "end of the source"
_POLL_S = 0.05
_IDLE_POLL_S = 0.2
"""While nobody watches, every wake-up of the processor counts."""
_SHUTDOWN_S = 0.5
_BUILDING_S = 0.1
"""A pipeline that is being built cannot be interrupted, so there is little to wait for."""
_LAST_MOMENT_S = 0.04
"""A thread that hangs must not use up the time in which the others are seen to have ended."""


class Session:
    """Runs a source through the pipeline into sinks until it ends, is stopped, or cannot go on.

    The constructor opens the source and the sinks, so that what cannot be opened is refused before
    anything runs; ``run`` then gives each to the thread that owns it. The source is opened in a
    thread of its own, since a driver or a network may hang for seconds, in which the caller could
    not hear a signal.

    Args:
        settings: what to do; ``change`` swaps it later.
        open_source: opens the source; called again when it fails.
        plan_sinks: says for the open source which sinks to feed, each from a thread of its own.
        plan_window: the same for a window, which is fed by the thread that calls ``run``.
        build: makes a pipeline for settings and a size of frame.
        on_camera: told of another camera, size or rate before ``open_source`` is called for it.
        on_demand: close the source while sinks that can tell say that nobody watches. The pipeline
            stays built: standby it again would take most of the time that a reader may wait.
        clock: what times everything.
        started_ns: when the user started the program, for the time to the first frame.
        notice: told in one sentence what went wrong while the session goes on; called from any
            thread.

    Raises:
        LivebgError: the source or a sink cannot be opened; nothing is left open.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        open_source: Callable[[], Source],
        plan_sinks: Callable[[SourceInfo], Sequence[SinkPlan]],
        build: Callable[[Settings, Size], Chain],
        plan_window: Callable[[SourceInfo], SinkPlan] | None = None,
        on_camera: Callable[[Settings], None] = lambda settings: None,
        on_demand: bool = False,
        clock: Clock | None = None,
        started_ns: int | None = None,
        notice: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self._clock = clock or MonotonicClock()
        self._notice = notice
        self._on_camera = on_camera
        self.stop_asked = False
        """Whether ``stop`` was called."""
        self._paused = False
        self._reported: set[str] = set()
        self._over = threading.Event()
        self._ended = "running"
        self._unfinished: tuple[str, ...] = ()
        opening = BackgroundTask("opening", lambda stop: open_source())
        opening.wait()
        source = opening.outcome()
        self.info = source.info
        """What the source said of itself when it was first opened."""
        rate = float(source.info.frame_rate or settings.fps or _FALLBACK_RATE)
        self._period_s = 1.0 / rate
        self._statistics = Statistics(self._clock, started_ns=started_ns)
        self._statistics.opened(source.info)
        self._guard = PrivacyGuard(
            source.info.size,
            max_age_s=settings.max_matte_age_s,
            clock=self._clock,
            channels=4 if settings.background.transparent else 3,
            raw_allowed=settings.background.shows_room,
        )
        with contextlib.ExitStack() as undo:
            undo.callback(source.close)
            self._runners = [self._open(plan, undo) for plan in plan_sinks(source.info)]
            self._window = self._open(plan_window(source.info), undo) if plan_window else None
            undo.pop_all()
        self._frames: Mailbox[Captured] = Mailbox()
        self._processing = Processing(
            settings,
            build=build,
            frames=self._frames,
            publish=self._publish,
            guard=self._guard,
            statistics=self._statistics,
            clock=self._clock,
            report=self._report,
            want_alpha=any(runner.plan.wants_alpha for runner in self._all_runners),
            pixel_format=agreed_format(
                runner.sink for runner in self._all_runners if runner.sink is not None
            ),
        )
        demand = OnDemand(self._watched, self._clock)
        self._capture = Capture(
            source,
            reopen=open_source,
            ready=self._processing.ready,
            frames=self._frames,
            guard=self._guard,
            statistics=self._statistics,
            clock=self._clock,
            report=self._report,
            wanted=demand.wanted if on_demand else lambda: True,
            notice=notice,
        )

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._processing.settings

    @property
    def paused(self) -> bool:
        """True while the sinks show the card because the user wants it."""
        return self._paused

    @property
    def resting(self) -> bool:
        """True while the source is closed because nobody watches."""
        return self._capture.resting

    @property
    def can_rest(self) -> bool:
        """True if a sink can tell whether anybody watches it."""
        return any(answer is not None for answer in self._watched())

    @property
    def shown(self) -> Composite | None:
        """What the window, or else the first sink, shows; None before there was anything."""
        runners = self._all_runners
        return runners[-1].shown if runners else None

    @property
    def unfinished(self) -> tuple[str, ...]:
        """Names of the threads that were still busy when ``run`` gave up waiting for them."""
        return self._unfinished

    @property
    def requested(self) -> Settings:
        """The settings that were asked for last, unless they were refused."""
        return self._processing.requested

    def change(self, settings: Settings) -> None:
        """Swap the settings between two frames; those that do not work are refused by a notice.

        Another camera, size or rate has the source opened again, by ``open_source``.
        """
        if not same_camera(settings, self.requested):
            self._on_camera(settings)
            self._capture.reopen()
        self._processing.change(settings)

    def pause(self, paused: bool) -> None:
        """Show the card instead of the camera, or stop doing so."""
        self._paused = paused
        if paused:
            self._guard.conceal("user", "Paused")
        else:
            self._guard.reveal("user")

    def stop(self) -> None:
        """Ask ``run`` to end; returns at once, may be called from a signal handler."""
        self.stop_asked = True

    def snapshot(self) -> StatisticsSnapshot:
        """Return the numbers of a live line."""
        return self._statistics.snapshot(
            self._frames.dropped, self._processing.scheduler_statistics
        )

    def summary(self) -> dict[str, Any]:
        """Return the statistics as values for JSON; see ``livebg.live.statistics``."""
        runners = self._all_runners
        return self._statistics.summary(
            dropped=self._frames.dropped,
            sink_drops={runner.plan.name: runner.dropped for runner in runners},
            sink_errors={
                runner.plan.name: None if runner.error is None else str(runner.error)
                for runner in runners
            },
            chain=self._processing.scheduler_statistics(),
            ended=self._ended,
        )

    def run(
        self, *, seconds: float | None = None, on_tick: Callable[[], None] | None = None
    ) -> None:
        """Run until the source ends, ``stop``, the window is closed, or nothing can go on.

        Whatever happens, every thread has ended or is listed in ``unfinished`` a second later.

        Args:
            seconds: end after so long.
            on_tick: called in this thread, many times a second.

        Raises:
            LivebgError: the pipeline cannot be built, or a sink failed for good; where other
                sinks could go on, they did.
        """
        period_s = min(self._period_s, _POLL_S)
        capture = Worker("capture", self._capture.run, on_end=self._over.set)
        process = Worker(
            "process", partial(self._processing.run, size=self.info.size), on_end=self._over.set
        )
        feeders = [
            Worker(runner.plan.name, partial(runner.run, period_s=period_s), on_end=self._over.set)
            for runner in self._runners
        ]
        until_ns = None if seconds is None else self._clock.now_ns() + round(seconds * NS_PER_S)
        for worker in (*feeders, process, capture):
            worker.start()
        try:
            while not self._has_ended(process, feeders, until_ns):
                if self._window is None:
                    self._over.wait(_IDLE_POLL_S if self.resting else _POLL_S)
                    self._over.clear()
                else:
                    self._window.step(period_s)
                self._notice_failures()
                if on_tick is not None:
                    on_tick()
        finally:
            self._shut_down(capture, process, feeders)
        if capture.error is not None and self._ended == _AT_THE_END:
            self._ended = "error"
        raise_first_error(
            *(worker.error for worker in (process, capture, *feeders)),
            *(runner.error for runner in self._runners),
        )

    @property
    def _all_runners(self) -> list[SinkRunner]:
        return self._runners + ([] if self._window is None else [self._window])

    def _watched(self) -> list[bool | None]:
        return [runner.watched for runner in self._all_runners]

    def _open(self, plan: SinkPlan, undo: contextlib.ExitStack) -> SinkRunner:
        runner = SinkRunner(plan, self._guard, self._statistics, self._clock, self._report)
        undo.callback(runner.abort)
        return runner

    def _publish(self, composite: Composite) -> None:
        for runner in self._all_runners:
            runner.put(composite)

    def _report(self, error: LivebgError) -> None:
        self._notice(str(error))

    def _has_ended(self, process: Worker, feeders: list[Worker], until_ns: int | None) -> bool:
        """Whether to shut down; remembers why."""
        if self.stop_asked:
            self._ended = "stopped"
        elif until_ns is not None and self._clock.now_ns() >= until_ns:
            self._ended = "time is up"
        elif not process.alive:
            self._ended = _AT_THE_END if process.error is None else "error"
        elif self._window is not None and self._window.error is not None:
            self._ended = "window closed"
        elif feeders and self._window is None and not any(worker.alive for worker in feeders):
            self._ended = "error"
        else:
            return False
        return True

    def _shut_down(self, capture: Worker, process: Worker, feeders: list[Worker]) -> None:
        """End everything; wait for no thread longer than it was promised."""
        begin_ns = self._clock.now_ns()
        capture.stop()
        process.stop()
        for runner in self._all_runners:
            runner.end()
        if self._window is not None:
            while self._window.step(0.0):
                pass
            self._window.close()
        building = not self._processing.ready.is_set()
        patience = {capture: _SHUTDOWN_S, process: _BUILDING_S if building else _SHUTDOWN_S}
        patience |= {
            worker: runner.plan.close_within_s
            for worker, runner in zip(feeders, self._runners, strict=True)
        }
        unfinished = []
        for worker, within_s in patience.items():
            spent_s = (self._clock.now_ns() - begin_ns) / NS_PER_S
            if not worker.join(max(_LAST_MOMENT_S, within_s - spent_s)):
                unfinished.append(worker.name)
        self._unfinished = tuple(unfinished)

    def _notice_failures(self) -> None:
        """Say of a sink that has failed for good that the others go on without it."""
        failed = [runner for runner in self._runners if runner.error is not None]
        if len(failed) == len(self._all_runners):
            return
        for runner in failed:
            if runner.plan.name not in self._reported:
                self._reported.add(runner.plan.name)
                self._notice(f"{runner.error}; the session goes on without it")
