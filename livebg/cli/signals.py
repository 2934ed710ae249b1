"""Ctrl+C and its kin: the first asks to stop, the second ends the program at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep
from types import FrameType

__all__ = ["INTERRUPTED", "interrupt_on_signals", "stop_on_signals"]

INTERRUPTED = 128 + 2
"""Exit status, as a shell reports a program that SIGINT ended."""

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM")
"""Ctrl+C, ``kill``, a terminal that is closed, and what stands for one of them that came during an
import; Windows has the first two."""

_AGAIN_S = 0.01
_ECHO_S = 0.1
"""What comes so soon after a signal is the same one: `timeout`, and programs that start others,
send it to the program and to its group."""

_Handler = Callable[[int, FrameType | None], object]


@contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` on the first SIGINT, SIGTERM or SIGHUP in the block; the second one kills.

    Args:
        stop: sets a flag and nothing else, since it runs between any two instructions of the
            main thread.
    """
    signals = _ours()

    def ask(number: int, frame: FrameType | None) -> None:
        stop()
        _put_off(0.0)
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        sleep(_ECHO_S)
        for each in signals:
            signal.signal(each, signal.SIG_DFL)

    with _handled(signals, ask):
        yield


@contextmanager
def interrupt_on_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt in the block on SIGTERM and SIGHUP, as Python does on SIGINT.

    What the block has opened by then is closed on the way out. A module that is being imported is
    imported first: Python may lose an exception in there, and keep its lock on all imports.
    """
    with _handled(_ours(), _interrupt):
        yield


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _is_importing(frame) and hasattr(signal, "setitimer"):
        _put_off(_AGAIN_S)
    else:
        raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _put_off(seconds: float) -> None:
    """Have SIGALRM sent after ``seconds`` in place of a signal that came too early; 0 for never."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _ours() -> list[signal.Signals]:
    """Return the signals that this system has and that nobody wants ignored (``nohup``)."""
    there = [signal.Signals[name] for name in _NAMES if name in signal.Signals.__members__]
    return [each for each in there if signal.getsignal(each) is not signal.SIG_IGN]


@contextmanager
def _handled(signals: list[signal.Signals], handler: _Handler) -> Iterator[None]:
    before = {each: signal.signal(each, handler) for each in signals}
    try:
        yield
    finally:
        _put_off(0.0)
        for each, earlier in before.items():
            signal.signal(each, earlier)
