"""What the user is told of a source that was opened.

Opening what ``--camera`` names, again and again while a session runs.

The one line on the terminal that says how a live session is doing.
"""

from __future__ import annotations

import logging
import shutil
import sys
import threading
from collections.abc import Callable
from typing import TextIO

from livebg.clock import NS_PER_S, Clock
from livebg.config.camera import CameraSelector, parse_camera
from livebg.config.settings import Settings
from livebg.errors import LivebgError
from livebg.live.statistics import StatisticsSnapshot
from livebg.platform.camera_modes import shortfalls
from livebg.sources.base import Source, SourceInfo
from livebg.sources.open import open_live

__all__ = ["LiveLine", "LiveSource", "describe", "source_report"]

_log = logging.getLogger(__name__)


def source_report(info: SourceInfo) -> list[str]:
    """Return one sentence on what a source was asked for and what it gives, and one on a shortfall.

    Example:
        >>> from fractions import Fraction
        >>> source_report(SourceInfo("talk.mp4", (640, 360), Fraction(30), 72, live=True))
        ['talk.mp4, 640x360 at 30 frames/s']
    """
    if info.granted is None:
        rate = f" at {float(info.frame_rate):.3g} frames/s" if info.frame_rate else ""
        return [f"{info.name}, {info.size[0]}x{info.size[1]}{rate}"]
    if info.asked is None:
        return [f"{info.name}: got {info.granted}"]
    report = [f"{info.name}: asked for {info.asked}, got {info.granted}"]
    lacking = shortfalls(info.asked, info.granted)
    if lacking:
        advice = (
            "a camera in the network is set up on itself"
            if "://" in info.name
            else "`livebg cameras` lists what each camera can do"
        )
        report.append(f"warning: {info.name} {' and '.join(lacking)}; {advice}")
    return report


class LiveSource:
    """Opens the source that the settings name, and remembers which device that was.

    Args:
        settings: name the camera, its size and its rate.
        loop: start a video again when it is over.
        say: told that another camera cannot be opened, and what is different about a source
            that was opened again.
    """

    def __init__(self, settings: Settings, *, loop: bool, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._selector = settings.camera
        self._wanted: Settings | None = None
        self._loop = loop
        self._say = say
        self._info: SourceInfo | None = None

    def want(self, settings: Settings) -> None:
        """Open what ``settings`` name from the next time on, or the old one if that fails."""
        self._wanted = settings

    def open(self) -> Source:
        """Open the source; called by one thread at a time.

        Raises:
            LivebgError: it cannot be opened.
        """
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            selector = self._selector if wanted.camera == self._settings.camera else wanted.camera
            try:
                source = self._open(wanted, selector)
            except LivebgError as error:
                self._say(f"{error}; the camera stays as it was")
            else:
                self._settings = wanted
                return source
        return self._open(self._settings, self._selector)

    def _open(self, settings: Settings, selector: CameraSelector) -> Source:
        source = open_live(selector, size=settings.size, fps=settings.fps, loop=self._loop)
        # A camera that comes back may have another number; its id stays.
        found = getattr(source, "id", None)
        self._selector = selector if found is None else parse_camera(found)
        self._report(source.info)
        return source

    def _report(self, info: SourceInfo) -> None:
        """Say what the source gives; of the first one, the session tells when it begins."""
        before, self._info = self._info, info
        if before is not None and info != before:
            for sentence in source_report(info):
                self._say(sentence)


_EVERY_NS = NS_PER_S // 4
_CLEAR = "\r\x1b[K"


def describe(snapshot: StatisticsSnapshot) -> str:
    """Return the numbers of a live line in words.

    Example:
        >>> describe(StatisticsSnapshot(29.97, 6.1, 9.4, 0.31, 2, 4.2))
        '30.0 frames/s, latency 6 ms (p95 9 ms), CPU 31 %, network every 4.2, 2 dropped'
    """
    every = snapshot.inferred_every
    network = "" if every is None else f"network every {every:.1f}, "
    return (
        f"{snapshot.rate_fps:.1f} frames/s, "
        f"latency {snapshot.latency_p50_ms:.0f} ms (p95 {snapshot.latency_p95_ms:.0f} ms), "
        f"CPU {100 * snapshot.cpu_share:.0f} %, {network}{snapshot.dropped} dropped"
    )


class LiveLine:
    """Keeps one line at the bottom of a terminal, and prints sentences above it.

    Where nobody watches (a log, a pipe) there is no line, only the sentences.

    Args:
        clock: holds the line to four updates a second.
        stream: where to write, stderr by default.
    """

    def __init__(self, clock: Clock, stream: TextIO | None = None) -> None:
        self._clock = clock
        self._stream = stream or sys.stderr
        self._watched = self._stream.isatty()
        self._next_ns = clock.now_ns()
        self._line = ""
        self._lock = threading.Lock()

    def update(self, line: str) -> None:
        """Show ``line``, unless the last one is younger than a quarter of a second."""
        with self._lock:
            now_ns = self._clock.now_ns()
            if self._watched and now_ns >= self._next_ns:
                self._next_ns = now_ns + _EVERY_NS
                # A line that the terminal breaks could not be taken back.
                self._line = line[: shutil.get_terminal_size().columns - 1]
                self._write(_CLEAR + self._line)

    def say(self, sentence: str) -> None:
        """Print a sentence of its own; may be called from any thread."""
        with self._lock:
            clear = _CLEAR if self._line else ""
            self._write(f"{clear}livebg: {sentence}\n{self._line}")

    def clear(self) -> None:
        """Take the line away."""
        with self._lock:
            if self._line:
                self._line = ""
                self._write(_CLEAR)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            # The terminal was closed, or nobody reads the pipe: no reason to end a call.
            _log.debug("nobody listens any more", exc_info=True)
