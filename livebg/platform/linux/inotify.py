"""Being told that a file was opened or closed, by Linux's inotify."""

from __future__ import annotations

import contextlib
import ctypes
import os

__all__ = ["Inotify"]

# [inotify(7)]
_CLOSE_WRITE, _CLOSE_NOWRITE, _OPEN = 0x08, 0x10, 0x20
_NONBLOCK, _CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC
_ENOUGH_BYTES = 65536


class Inotify:
    """Listens for openings and closings of one file, by any process.

    Args:
        path: the file.

    Raises:
        OSError: there is no such file, or the user listens for too many already.
    """

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self._descriptor = _checked(library.inotify_init1(_NONBLOCK | _CLOEXEC), path)
        try:
            _checked(
                library.inotify_add_watch(
                    self._descriptor, os.fsencode(path), _OPEN | _CLOSE_WRITE | _CLOSE_NOWRITE
                ),
                path,
            )
        except OSError:
            self.close()
            raise

    def any_news(self) -> bool:
        """Whether the file was opened or closed since the last call. Does not wait."""
        news = False
        with contextlib.suppress(BlockingIOError):
            while os.read(self._descriptor, _ENOUGH_BYTES):
                news = True
        return news

    def close(self) -> None:
        """Stop listening. Once."""
        os.close(self._descriptor)


def _checked(result: int, path: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result
