"""The file that ``--stats`` names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livebg.sink.atomic import PartialFile, translate_write_errors

__all__ = ["StatsFile"]


class StatsFile:
    """Statistics as JSON, in a file that is complete whenever it is there.

    Args:
        path: the file; one that is there is replaced in the end.

    Raises:
        InputError: it cannot be written there; nothing is left behind.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        PartialFile(path).discard()

    def write(self, summary: Mapping[str, Any]) -> None:
        """Write ``summary``, in place of an earlier file.

        Raises:
            InputError: the folder is gone.
            SinkError: the disk is full.
        """
        file = PartialFile(self._path)
        try:
            with translate_write_errors(self._path):
                file.path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
            file.commit()
        finally:
            file.discard()
