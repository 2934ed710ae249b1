"""Alpha mattes as a folder of PNG pictures."""

from __future__ import annotations

from pathlib import Path

from livebg.errors import SinkError
from livebg.sink.pictures import NumberedPictures
from livebg.types import Composite, Image

__all__ = ["AlphaFolder"]


class AlphaFolder(NumberedPictures):
    """Writes mattes as ``alpha_0000.png``, ``alpha_0001.png`` ...: 8-bit grey, at full size.

    Args:
        path: the folder; created if missing.

    Raises:
        InputError: ``path`` is no folder or cannot be written to.
    """

    pixel_format = None

    def __init__(self, path: Path) -> None:
        super().__init__(path, "alpha")

    def picture(self, composite: Composite) -> Image:
        """Return the composite's matte.

        Raises:
            SinkError: it carries none.
        """
        if composite.alpha is None:
            raise SinkError(
                f"{self.name}: frame {composite.index} came without its matte, ask the pipeline "
                "for mattes"
            )
        return composite.alpha
