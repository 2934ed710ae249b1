"""What lies behind the person, on the device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from livebg.compose.blur import BlurPlate
from livebg.compose.compositor import Backdrop
from livebg.compose.plates import GreyPlate, MovingPlate, StillPlate
from livebg.device.composing import blurred_room, without_colour
from livebg.device.picture import DevicePicture
from livebg.device.resampling import covering
from livebg.types import Image

__all__ = ["DeviceBackdrop"]


class DeviceBackdrop:
    """Renders a backdrop of ``livebg.compose`` on the device. Called by one thread at a time.

    A picture is uploaded when it changes: once, or as often as a video has another.

    Args:
        backdrop: what lies behind the person; closed by ``close``.
        upload: brings a picture to the device; see ``livebg.device.crossing``.
        dtype: type of what is rendered.
    """

    def __init__(
        self, backdrop: Backdrop, upload: Callable[[Image], Tensor], dtype: torch.dtype
    ) -> None:
        self.backdrop = backdrop
        """What it was made of."""
        self._upload = upload
        self._dtype = dtype
        self._source: Image | None = None
        self._fitted: Tensor | None = None

    def render(self, picture: DevicePicture, alpha: Tensor) -> Tensor:
        """Return what lies behind ``picture``: ``(1, 3, H, W)`` in 0..255.

        Args:
            picture: the picture.
            alpha: ``(1, 1, H // 8, W // 8)`` float32 in 0..1: its matte.

        Raises:
            ValueError: nothing lies behind it, or the room as it is.
        """
        match self.backdrop:
            case BlurPlate(share=share):
                return blurred_room(picture, alpha, share)
            case GreyPlate():
                return without_colour(picture)
            case StillPlate(picture=image):
                return self._fit(image, picture)
            case MovingPlate() as film:
                return self._fit(film.picture_for(picture.captured_ns), picture)
        raise ValueError(f"there is no plate for the backdrop {self.backdrop!r}")

    def close(self) -> None:
        """Release the backdrop. Idempotent."""
        if not isinstance(self.backdrop, str):
            self.backdrop.close()

    def _fit(self, image: Image, picture: DevicePicture) -> Tensor:
        if self._fitted is None or image is not self._source:
            sent = self._upload(image).permute(2, 0, 1).unsqueeze(0).to(self._dtype)
            self._source, self._fitted = image, covering(sent, picture.size)
        return self._fitted
