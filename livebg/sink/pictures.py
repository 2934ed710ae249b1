"""Folders of numbered PNG pictures as sinks."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

from livebg.errors import SinkError
from livebg.pixel_format import BGR
from livebg.sink.atomic import StagedFolder
from livebg.sink.base import Sink
from livebg.sink.picture_file import encode_png
from livebg.sink.repacking import repacked
from livebg.types import Composite, Image

__all__ = ["NumberedPictures", "PictureFolderSink"]


class NumberedPictures(Sink):
    """Writes one picture a composite, numbered by running count, the first 0000.

    The pictures are in the folder once the sink is closed; ``abort`` leaves it as it was. Those of
    an earlier run are replaced, also where that run was longer.

    Args:
        path: the folder; created if missing.
        prefix: what the names start with: ``<prefix>_0000.png``.

    Raises:
        InputError: ``path`` is no folder or cannot be written to.
    """

    def __init__(self, path: Path, prefix: str) -> None:
        self.name = f"{path}/{prefix}_*.png"
        self._folder = StagedFolder(path, prefix)
        self._closed = False

    @abstractmethod
    def picture(self, composite: Composite) -> Image:
        """Return what of ``composite`` is written: uint8, grey, BGR or BGRA.

        Raises:
            SinkError: the composite does not hold it.
        """

    def send(self, composite: Composite) -> None:
        """Write one picture.

        Raises:
            SinkError: it cannot be written, or the sink is closed.
        """
        if self._closed:
            raise SinkError(f"{self.name}: the sink is closed, open it again")
        self._folder.write(encode_png(self.picture(composite)))

    def close(self) -> None:
        """Move the pictures into place. Idempotent.

        Raises:
            SinkError: they cannot be moved.
        """
        if not self._closed:
            self._closed = True
            try:
                self._folder.commit()
            finally:
                self._folder.discard()

    def abort(self) -> None:
        """Leave the folder as it was. Idempotent."""
        self._closed = True
        self._folder.discard()


class PictureFolderSink(NumberedPictures):
    """Writes composites as ``frame_0000.png``, ``frame_0001.png`` ...: BGR or BGRA as they come.

    Args:
        path: the folder; created if missing.

    Raises:
        InputError: ``path`` is no folder or cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "frame")

    def picture(self, composite: Composite) -> Image:
        """Return the composite's picture."""
        return repacked(composite, BGR)
