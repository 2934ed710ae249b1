"""Every error that livebg raises on purpose.

::

    LivebgError
    ├── UsageError (ValueError)            what was asked for cannot be done: exit status 2
    │   └── SettingsError                  a setting: unknown, out of range, contradictory
    ├── InputError (OSError)               a file or folder given by the user: exit status 2
    ├── FetchError (OSError)               a file cannot be downloaded from anywhere: exit status 1
    ├── SourceError (OSError)              frames cannot be read: exit status 1
    │   ├── SourceUnavailableError         no such camera, busy, forbidden: exit status 2
    │   ├── DamagedFileError (InputError)  a file breaks off or is corrupt: exit status 2
    │   └── EndOfStreamError (EOFError)    the source has no further frame
    ├── ModelError (RuntimeError)          a network cannot be loaded or failed: exit status 1
    │   ├── DeviceLostError                a graphics card is gone, full, or has too old a driver
    │   └── WeightsError                   weights cannot be fetched or are not what they should be
    ├── SinkError (OSError)                a frame cannot be delivered: exit status 1
    │   └── SinkUnavailableError           no display, no virtual camera: exit status 2
    ├── SessionError (RuntimeError)        the live session cannot go on: exit status 1
    ├── SystemChangeError (RuntimeError)   the system cannot be set up as asked: exit status 1
    └── BenchError (RuntimeError)          a measurement cannot be completed: exit status 1

A message is one sentence: what failed, with which value, and what to do about it. Errors of other
libraries are translated at the stage's boundary, with ``from``.

The nearest valid name, for messages about a name that is not valid.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable

__all__ = [
    "BenchError",
    "DamagedFileError",
    "DeviceLostError",
    "EndOfStreamError",
    "FetchError",
    "InputError",
    "LivebgError",
    "ModelError",
    "SessionError",
    "SettingsError",
    "SinkError",
    "SinkUnavailableError",
    "SourceError",
    "SourceUnavailableError",
    "SystemChangeError",
    "UsageError",
    "WeightsError",
]

_log = logging.getLogger(__name__)


class LivebgError(Exception):
    """Base of every error that livebg raises on purpose."""

    exit_status = 1
    """What the command line exits with when this error ends it."""


class UsageError(LivebgError, ValueError):
    """What was asked for cannot be done."""

    exit_status = 2


class SettingsError(UsageError):
    """A setting is unknown, out of range, or contradicts another."""


class InputError(LivebgError, OSError):
    """A file or folder that the user named is missing, unreadable or of the wrong kind."""

    exit_status = 2


class FetchError(LivebgError, OSError):
    """A file cannot be downloaded from any of its sources, or cannot be stored."""


class SourceError(LivebgError, OSError):
    """A source cannot deliver frames."""


class SourceUnavailableError(SourceError):
    """A camera does not exist, is busy, or may not be opened."""

    exit_status = 2


class DamagedFileError(SourceError, InputError):
    """A file that was opened breaks off or turns out to be corrupt while it is read."""

    exit_status = 2


class EndOfStreamError(SourceError, EOFError):
    """The source has delivered its last frame."""


class ModelError(LivebgError, RuntimeError):
    """A network cannot be loaded, or failed while it ran."""


class DeviceLostError(ModelError):
    """The device that a network runs on is gone, out of memory, or cannot be used at all."""


class WeightsError(ModelError):
    """Weights cannot be fetched, or are not the ones that were asked for."""


class SinkError(LivebgError, OSError):
    """A sink cannot take a frame."""


class SinkUnavailableError(SinkError):
    """A sink cannot be opened on this machine: no display, no virtual camera."""

    exit_status = 2


class SessionError(LivebgError, RuntimeError):
    """The live session cannot go on."""


class SystemChangeError(LivebgError, RuntimeError):
    """The system cannot be set up as the user asked."""


class BenchError(LivebgError, RuntimeError):
    """A measurement cannot be completed."""


def as_livebg_error(error: BaseException, kind: type[LivebgError], what: str) -> LivebgError:
    """Return ``error``, or one of ``kind`` about it if livebg did not raise it.

    Example:
        >>> as_livebg_error(OSError("gone"), SourceError, "the camera failed")
        SourceError("the camera failed: OSError('gone'); run with --debug for the whole story")
    """
    if isinstance(error, LivebgError):
        return error
    _log.debug("%s in a way that it should not", what, exc_info=error)
    new = kind(f"{what}: {error!r}; run with --debug for the whole story")
    new.__cause__ = error
    return new


def did_you_mean(wrong: str, valid: Iterable[str], *, prefix: str = "") -> str:
    """Return ``; did you mean 'name'?`` for the valid name nearest to ``wrong``, or nothing.

    The ``prefix`` of all names does not count as likeness.
    """
    by_folded = {name.removeprefix(prefix).casefold(): name for name in valid}
    near = difflib.get_close_matches(wrong.removeprefix(prefix).casefold(), by_folded, n=1)
    return f"; did you mean {by_folded[near[0]]!r}?" if near else ""
