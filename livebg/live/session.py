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
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial
from types import TracebackType
from typing import Any, Self

from livebg.backgrounds import check_background
from livebg.clock import NS_PER_S, Clock, MonotonicClock
from livebg.closable import Closable
from livebg.config.load import change_settings, chosen_settings
from livebg.config.settings import Settings, same_camera
from livebg.errors import LivebgError, SourceUnavailableError, UsageError
from livebg.frame import Composite
from livebg.live.capture import Capture, Captured, OnDemand
from livebg.live.privacy import PrivacyGuard
from livebg.live.process import Processing
from livebg.live.sink_runner import SinkRunner
from livebg.live.statistics import Statistics, StatisticsSnapshot
from livebg.live.warmup import Build, build_live
from livebg.sinks.base import Sink, agreed_format
from livebg.sinks.open import LABELS, open_sink
from livebg.sources.base import Source
from livebg.sources.open import LiveSource
from livebg.threads import Mailbox, Worker, raise_first_error

__all__ = ["Session"]

_AT_THE_END = "end of the source"
_POLL_S = 0.05
_IDLE_POLL_S = 0.2
"""While no app reads, every wake-up of the processor counts."""
_SHUTDOWN_S = 0.5
_BUILDING_S = 0.1
"""A pipeline that is being built cannot be interrupted, so there is little to wait for."""
_LAST_MOMENT_S = 0.04
"""A thread that hangs must not use up the time in which the others are seen to have ended."""


class Session(Closable):
    """Runs a source through the pipeline into sinks until it ends, is stopped, or cannot go on.

    The constructor opens the source and the sinks, so that one that cannot be opened is refused
    before anything runs. Then either ``run`` runs the session in the calling thread, or a ``with``
    block runs it in the background and closes it at its end.

    Args:
        settings: all settings; without them, ``preset`` and ``overrides`` say what holds.
        source: what ``--camera`` takes, a function that opens a source (again, when it fails), or
            an open source; the camera of the settings by default.
        sinks: each is an open sink, a function that opens one, or a text as ``open_sink`` takes it.
            Each gets a thread of its own, but a window, which the thread that calls ``run`` feeds.
        preset: name of a preset, ``balanced`` by default.
        build: makes a pipeline for settings and a size of frame.
        loop: start a video that plays as a camera again when it is over.
        on_demand: close the source while sinks that can tell say that no app reads them. The
            pipeline stays built: building it again would take most of the time that an app waits.
        clock: what times everything.
        started_ns: when the user started the program, for the time to the first frame.
        notice: told in one sentence what went wrong while the session goes on; called from any
            thread.
        overrides: settings by name, as text or value: ``background="office.jpg"``.

    Raises:
        LivebgError: a setting is wrong, or the source or a sink cannot be opened; nothing is left
            open.

    Example:
        >>> with Session(source="auto", background="blur", sinks=["virtual-camera"]) as session:
        ...     session.change(background="white")  # doctest: +SKIP
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        source: str | Source | Callable[[], Source] | None = None,
        sinks: Iterable[Sink | str | Callable[[], Sink]] = (),
        preset: str | None = None,
        build: Build = build_live,
        loop: bool = True,
        on_demand: bool = False,
        clock: Clock | None = None,
        started_ns: int | None = None,
        notice: Callable[[str], None] = lambda sentence: None,
        **overrides: Any,
    ) -> None:
        if isinstance(source, str):
            overrides["camera"] = source
        settings = chosen_settings(settings, preset, overrides)
        self._clock = clock or MonotonicClock()
        self._notice = notice
        self.stop_requested = False
        """Whether ``stop`` was called."""
        self._paused = False
        self._reported: set[str] = set()
        self._over = threading.Event()
        self._ended = "running"
        self.unfinished: tuple[str, ...] = ()
        """Names of the threads that were still busy when ``run`` gave up waiting for them."""
        self._background: Worker[None] | None = None
        self._request_source: Callable[[Settings], None] | None = None
        open_source = self._opener(settings, source, loop)
        check_background(settings.background)
        with contextlib.ExitStack() as undo:
            sinks = list(sinks)
            for sink in sinks:
                if isinstance(sink, Sink):
                    undo.callback(sink.abort)
            # A driver may hang for seconds, in which this thread could not hear a signal.
            opening = Worker("opening", lambda stop: open_source()).start()
            opened = opening.outcome()
            undo.callback(opened.close)
            self.info = opened.info
            """What the source said of itself when it was first opened."""
            self._rate = self.info.frame_rate or Fraction(settings.fps).limit_denominator(1001)
            self._statistics = Statistics(self._clock, started_ns=started_ns)
            self._statistics.set_source(self.info)
            self._guard = PrivacyGuard(
                self.info.size,
                max_age_s=settings.max_matte_age_s,
                clock=self._clock,
                channels=4 if settings.background.transparent else 3,
                raw_allowed=settings.background.shows_room,
            )
            self._runners = [self._open(sink, settings, undo) for sink in sinks]
            undo.pop_all()
        self._threaded = [runner for runner in self._runners if not runner.in_main_thread]
        self._windows = [runner for runner in self._runners if runner.in_main_thread]
        frames: Mailbox[Captured] = Mailbox()
        self._frames = frames
        self._processing = Processing(
            settings,
            build=build,
            frames=frames,
            publish=self._publish,
            guard=self._guard,
            statistics=self._statistics,
            clock=self._clock,
            report=self._report,
            want_alpha=any(runner.wants_alpha for runner in self._runners),
            pixel_format=agreed_format(
                runner.sink for runner in self._runners if runner.sink is not None
            ),
        )
        self._hot_swap = self._processing.hot_swap
        demand = OnDemand(self._readers, self._clock)
        self._capture = Capture(
            opened,
            reopen=open_source,
            ready=self._processing.ready,
            frames=frames,
            guard=self._guard,
            statistics=self._statistics,
            clock=self._clock,
            report=self._report,
            is_needed=demand.is_needed if on_demand else lambda: True,
            notice=notice,
        )

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._hot_swap.settings

    @property
    def requested(self) -> Settings:
        """The settings that were asked for last, without those that were refused."""
        return self._hot_swap.requested

    @property
    def paused(self) -> bool:
        """True while the sinks show the card because the user wants it."""
        return self._paused

    @property
    def resting(self) -> bool:
        """True while the source is closed because no app reads a sink."""
        return self._capture.resting

    @property
    def can_rest(self) -> bool:
        """True if a sink can tell whether an app reads it."""
        return any(answer is not None for answer in self._readers())

    @property
    def shown(self) -> Composite | None:
        """What the window, or else the first sink, shows; None before there was anything."""
        runners = self._windows + self._threaded
        return runners[0].shown if runners else None

    @property
    def window(self) -> Sink | None:
        """The open sink that the thread of ``run`` feeds, if there is one."""
        return self._windows[0].sink if self._windows else None

    @property
    def statistics(self) -> dict[str, Any]:
        """What was measured so far, as values for JSON; see ``livebg.live.statistics``."""
        return self._statistics.summary(
            dropped=self._frames.dropped,
            sink_drops={runner.name: runner.dropped for runner in self._runners},
            sink_errors={
                runner.name: None if runner.error is None else str(runner.error)
                for runner in self._runners
            },
            pipeline=self._hot_swap.statistics,
            ended=self._ended,
        )

    def snapshot(self) -> StatisticsSnapshot:
        """Return the numbers of the status line."""
        return self._statistics.snapshot(self._frames.dropped, lambda: self._hot_swap.statistics)

    def change(self, settings: Settings | None = None, **overrides: Any) -> None:
        """Swap settings between two frames; returns at once, for any thread.

        Those that do not work are refused by a notice, and the old ones stay. Another camera, size
        or rate has the source opened again.

        Args:
            settings: all settings; those requested last by default.
            overrides: settings by name that differ from them.

        Raises:
            SettingsError: a setting is unknown or out of range.
        """
        if settings is None:
            settings = self.requested
        if overrides:
            settings = change_settings(settings, overrides, "settings")
        if not same_camera(settings, self.requested):
            if self._request_source is not None:
                self._request_source(settings)
            self._capture.reopen()
        self._hot_swap.request(settings)

    def pause(self, paused: bool = True) -> None:
        """Show the card instead of the camera, or stop doing so."""
        self._paused = paused
        if paused:
            self._guard.conceal("user", "Paused")
        else:
            self._guard.reveal("user")

    def stop(self) -> None:
        """Ask the session to end; returns at once, may be called from a signal handler."""
        self.stop_requested = True

    def wait(self, timeout_s: float) -> bool:
        """Wait for a session in the background to end; return whether it has."""
        return self._background is None or self._background.join(timeout_s)

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
        period_s = min(1 / float(self._rate), _POLL_S)
        capture = Worker("capture", self._capture.run, on_end=self._over.set)
        process = Worker(
            "process", partial(self._processing.run, size=self.info.size), on_end=self._over.set
        )
        feeders = [
            Worker(runner.name, partial(runner.run, period_s=period_s), on_end=self._over.set)
            for runner in self._threaded
        ]
        until_ns = None if seconds is None else self._clock.now_ns() + round(seconds * NS_PER_S)
        for worker in (*feeders, process, capture):
            worker.start()
        try:
            while not self._has_ended(process, feeders, until_ns):
                if self._windows:
                    for window in self._windows:
                        window.step(period_s)
                else:
                    self._over.wait(_IDLE_POLL_S if self.resting else _POLL_S)
                    self._over.clear()
                self._notice_failures()
                if on_tick is not None:
                    on_tick()
        finally:
            self._shut_down(capture, process, feeders)
        if capture.error is not None and self._ended == _AT_THE_END:
            self._ended = "error"
        raise_first_error(
            *(worker.error for worker in (process, capture, *feeders)),
            *(runner.error for runner in self._threaded),
        )

    def close(self) -> None:
        """End a session that runs in the background, or release one that never ran. Idempotent.

        Raises:
            LivebgError: what ended the session before.
        """
        self.stop()
        background, self._background = self._background, None
        if background is not None:
            background.join(2 * _SHUTDOWN_S + max(self._close_times(), default=0.0))
            raise_first_error(background.error)
        elif self._ended == "running":
            self._ended = "stopped"
            self._capture.close()
            for runner in self._runners:
                runner.abort()

    def __enter__(self) -> Self:
        if self._windows:
            self.close()
            raise UsageError(
                "a window needs the main thread: call Session.run there in place of a with block"
            )
        self._background = Worker("session", lambda stop: self.run())
        self._background.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(LivebgError) if error else contextlib.nullcontext():
            self.close()

    def _opener(
        self, settings: Settings, source: str | Source | Callable[[], Source] | None, loop: bool
    ) -> Callable[[], Source]:
        if isinstance(source, Source):
            return partial(_hand_over, [source])
        if callable(source):
            return source
        selected = LiveSource(settings, loop=loop, notice=self._notice)
        self._request_source = selected.request
        return selected.open

    def _open(
        self,
        sink: Sink | str | Callable[[], Sink],
        settings: Settings,
        undo: contextlib.ExitStack,
    ) -> SinkRunner:
        name = None
        if isinstance(sink, str):
            kind = sink.partition(":")[0]
            name = LABELS.get(kind, kind)
            transparent = settings.background.transparent
            sink = partial(open_sink, sink, self.info.size, self._rate, transparent=transparent)
        runner = SinkRunner(name, sink, self._guard, self._statistics, self._clock, self._report)
        undo.callback(runner.abort)
        return runner

    def _readers(self) -> list[bool | None]:
        return [runner.has_readers for runner in self._runners]

    def _publish(self, composite: Composite) -> None:
        for runner in self._runners:
            runner.put(composite)

    def _report(self, error: LivebgError) -> None:
        self._notice(str(error))

    def _has_ended(
        self, process: Worker[None], feeders: list[Worker[None]], until_ns: int | None
    ) -> bool:
        """Return whether to shut down; remembers why."""
        if self.stop_requested:
            self._ended = "stopped"
        elif until_ns is not None and self._clock.now_ns() >= until_ns:
            self._ended = "time is up"
        elif process.done:
            self._ended = _AT_THE_END if process.error is None else "error"
        elif any(window.error is not None for window in self._windows):
            self._ended = "window closed"
        elif feeders and not self._windows and all(worker.done for worker in feeders):
            self._ended = "error"
        else:
            return False
        return True

    def _close_times(self) -> list[float]:
        return [runner.close_within_s for runner in self._threaded]

    def _shut_down(
        self, capture: Worker[None], process: Worker[None], feeders: list[Worker[None]]
    ) -> None:
        """End everything; wait for no thread longer than its limit."""
        begin_ns = self._clock.now_ns()
        capture.stop()
        process.stop()
        for runner in self._runners:
            runner.end()
        for window in self._windows:
            while window.step(0.0):
                pass
            window.close()
        building = not self._processing.ready.is_set()
        limits_s = {capture: _SHUTDOWN_S, process: _BUILDING_S if building else _SHUTDOWN_S}
        limits_s |= dict(zip(feeders, self._close_times(), strict=True))
        unfinished = []
        for worker, limit_s in limits_s.items():
            spent_s = (self._clock.now_ns() - begin_ns) / NS_PER_S
            if not worker.join(max(_LAST_MOMENT_S, limit_s - spent_s)):
                unfinished.append(worker.name)
        self.unfinished = tuple(unfinished)

    def _notice_failures(self) -> None:
        """Report once each sink that has failed for good while others go on."""
        failed = [runner for runner in self._threaded if runner.error is not None]
        if len(failed) == len(self._runners):
            return
        for runner in failed:
            if runner.name not in self._reported:
                self._reported.add(runner.name)
                self._notice(f"{runner.error}; the session goes on without it")


def _hand_over(given: list[Source]) -> Source:
    """Return an open source once; it cannot be opened again."""
    if not given:
        raise SourceUnavailableError(
            "the source was given open and cannot be opened again; give the session a function "
            "that opens it"
        )
    return given.pop()
