"""Files that appear under their final name only when they are complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livebg.closable import Closable
from livebg.errors import InputError, LivebgError, SinkError

__all__ = ["PartialFile", "translate_path_errors", "translate_write_errors"]


class PartialFile(Closable):
    """A file written as ``NAME.partial.ext`` and renamed to ``NAME.ext`` at the end.

    A file of the final name is replaced at the end, and not touched before. A partial file of an
    earlier run is left alone: it may be what a crash left of a recording.

    Args:
        target: the final name; a symbolic link is followed.

    Raises:
        InputError: the folder is missing or not writable, ``target`` is a folder or a device, or
            its name is too long.

    Attributes:
        path: the partial file, empty at first.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._final = Path(os.path.realpath(target))
        self._open = True
        with translate_path_errors(target):
            self._check()
            self.path = self._create()

    def write(self, content: bytes) -> None:
        """Write the whole file and give it its final name; raises like ``commit``."""
        with translate_write_errors(self._target):
            self.path.write_bytes(content)
        self.commit()

    def commit(self) -> None:
        """Give the file its final name; does nothing once committed or closed.

        Raises:
            SinkError: it cannot be renamed; it stays under its partial name.
        """
        if self._open:
            with translate_write_errors(self._target):
                self.path.replace(self._final)
            self._open = False

    def close(self) -> None:
        """Delete the file unless it was committed. Idempotent."""
        if self._open:
            self._open = False
            self.path.unlink(missing_ok=True)

    def _check(self) -> None:
        if self._final.is_dir():
            raise InputError(f"{self._target}: this is a folder, name a file to write")
        if self._final.exists() and not self._final.is_file():
            raise InputError(f"{self._target}: this is no regular file, name one to write")
        if not self._final.parent.is_dir():
            raise InputError(
                f"{self._target}: the folder {self._final.parent} does not exist, create it or "
                "name another"
            )

    def _create(self) -> Path:
        number = 1
        while True:
            mark = ".partial" if number == 1 else f".partial-{number}"
            path = self._final.with_name(f"{self._final.stem}{mark}{self._final.suffix}")
            try:
                path.touch(exist_ok=False)
                return path
            except FileExistsError:
                number += 1


@contextmanager
def translate_path_errors(target: Path) -> Iterator[None]:
    """Turn an ``OSError`` of the block into an ``InputError``: nothing can be written there."""
    try:
        yield
    except LivebgError:
        raise
    except OSError as error:
        raise InputError(
            f"{target}: this cannot be written to ({error.strerror}), name another place"
        ) from error


@contextmanager
def translate_write_errors(target: Path) -> Iterator[None]:
    """Turn an ``OSError`` of the block into a ``SinkError``: a write, rename or delete failed."""
    try:
        yield
    except LivebgError:
        raise
    except OSError as error:
        raise SinkError(
            f"{target}: writing failed ({error.strerror or error}), make room or name another place"
        ) from error
