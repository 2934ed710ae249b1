"""Files and folders that appear under their final name only when they are complete."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from livebg.errors import InputError, SinkError

__all__ = ["PartialFile", "StagedFolder", "translate_write_errors"]


class PartialFile:
    """A file written as ``NAME.partial.ext`` and renamed to ``NAME.ext`` at the end.

    A file that is there under the final name is replaced then, and not touched before. A partial
    file of an earlier run is left alone: it may be what a crash left of a recording.

    Args:
        target: the final name; a symbolic link is followed.

    Raises:
        InputError: the folder is missing or not writable, ``target`` is a folder or a device, or
            its name is too long.

    Attributes:
        path: where to write: an empty file.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._final = Path(os.path.realpath(target))
        self._settled = False
        with _translate_path_errors(target):
            self._check()
            self.path = self._reserve()

    def commit(self) -> None:
        """Give the file its final name; does nothing once committed or discarded.

        Raises:
            SinkError: it cannot be renamed; it stays under its partial name.
        """
        if self._settled:
            return
        with translate_write_errors(self._target):
            self.path.replace(self._final)
        self._settled = True

    def discard(self) -> None:
        """Delete what was written; does nothing once committed or discarded."""
        if not self._settled:
            self._settled = True
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

    def _reserve(self) -> Path:
        for number in count(1):
            mark = ".partial" if number == 1 else f".partial-{number}"
            path = self._final.with_name(f"{self._final.stem}{mark}{self._final.suffix}")
            try:
                path.open("xb").close()
            except FileExistsError:
                continue
            return path
        raise AssertionError("unreachable: the count has no end")


class StagedFolder:
    """Numbered pictures that move into a folder together, once all of them are written.

    They are written into a hidden subfolder. ``commit`` moves them into place, replaces those of
    the same name and deletes those with higher numbers: the folder then holds one run's set, not
    the tail of an earlier, longer one. Other files are not touched.

    Args:
        folder: the final folder; created if missing, with its parents.
        prefix: what the names start with: ``<prefix>_0000.png``.

    Raises:
        InputError: ``folder`` is no folder or cannot be written to.
    """

    def __init__(self, folder: Path, prefix: str) -> None:
        self._folder = folder
        self._prefix = prefix
        self._count = 0
        self._settled = False
        with _translate_path_errors(folder):
            existed = folder.exists()
            if existed and not folder.is_dir():
                raise InputError(f"{folder}: this is a file, name a folder to write pictures into")
            folder.mkdir(parents=True, exist_ok=True)
            self._stage = Path(tempfile.mkdtemp(prefix=".livebg-partial-", dir=folder))
        self._created = not existed

    def write(self, content: bytes) -> None:
        """Write the next picture.

        Raises:
            SinkError: it cannot be written.
        """
        with translate_write_errors(self._folder):
            (self._stage / self._name(self._count)).write_bytes(content)
        self._count += 1

    def commit(self) -> None:
        """Move all pictures into place; does nothing once committed or discarded.

        Raises:
            SinkError: they cannot be moved.
        """
        if self._settled:
            return
        with translate_write_errors(self._folder):
            for number in range(self._count):
                name = self._name(number)
                (self._stage / name).replace(self._folder / name)
            for path in self._leftovers():
                path.unlink()
            self._stage.rmdir()
        self._settled = True

    def discard(self) -> None:
        """Delete what was written; does nothing once committed or discarded."""
        if self._settled:
            return
        self._settled = True
        shutil.rmtree(self._stage, ignore_errors=True)
        if self._created:
            with contextlib.suppress(OSError):  # somebody else put something into it
                self._folder.rmdir()

    def _name(self, number: int) -> str:
        return f"{self._prefix}_{number:04d}.png"

    def _leftovers(self) -> list[Path]:
        pattern = re.compile(rf"{re.escape(self._prefix)}_(\d{{4,}})\.png")
        return [
            path
            for path in self._folder.iterdir()
            if (match := pattern.fullmatch(path.name)) and int(match[1]) >= self._count
        ]


@contextmanager
def translate_write_errors(target: Path) -> Iterator[None]:
    """Turn an ``OSError`` of the body into a ``SinkError`` that names ``target``.

    Raises:
        SinkError: a write, a rename or a delete failed.
    """
    try:
        yield
    except SinkError:
        raise
    except OSError as error:
        raise SinkError(
            f"{target}: writing failed ({error.strerror or error}), make room or name another place"
        ) from error


@contextmanager
def _translate_path_errors(target: Path) -> Iterator[None]:
    """Turn an ``OSError`` of the body into an ``InputError``: nothing can be written there."""
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        raise InputError(
            f"{target}: this cannot be written to ({error.strerror}), name another place"
        ) from error
