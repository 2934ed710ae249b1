"""The compositor: a frame and its matte become a composite."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import numpy as np

from livebg.compositing.backgrounds import Plate, TransparentPlate, UnfilteredPlate
from livebg.compositing.tiles import EdgePlanes, MattePlanes, classify_tiles, taps_of
from livebg.frame import BGR, Box, Composite, FloatImage, FramePyramid, Image, Matte, PixelFormat
from livebg.pixels import has_numba
from livebg.pixels.conversion import converted

__all__ = ["Compositor", "compositing_kernel"]

_NO_COLOURS = np.zeros((0, 0, 6), np.float32)


def compositing_kernel() -> ModuleType:
    """Return ``kernel``, or where there is no numba ``tiles``, which has the same functions."""
    return import_module(f"livebg.compositing.{'kernel' if has_numba() else 'tiles'}")


class Compositor:
    """Blends frames over a plate. Called by one thread at a time.

    Args:
        plate: what lies behind the person; the compositor closes it.
    """

    def __init__(self, plate: Plate) -> None:
        self._plate = plate
        self._rendered: Image | None = None
        self._encoded_plate: tuple[PixelFormat, Image] | None = None

    def compose(
        self,
        pyramid: FramePyramid,
        matte: Matte,
        alpha: FloatImage,
        *,
        colours: FloatImage | None = None,
        want_alpha: bool = False,
        pixel_format: PixelFormat = BGR,
    ) -> Composite:
        """Return a frame composed with its own ``matte``.

        Args:
            pyramid: the frame.
            matte: the matte that belongs to it.
            alpha: ``(H // 8, W // 8)`` float32 in 0..1: ``matte.alpha_over`` at that size.
            colours: ``(H // 8, W // 8, 6)`` float32, the edge's colours (see
                ``livebg.compositing.edge_colour``), or None to leave the frame's.
            want_alpha: whether the composite carries the alpha at full size.
            pixel_format: the format of the picture. It is BGR all the same where that cannot hold
                its size, and where nothing is blended over a plate.

        Raises:
            ValueError: the matte belongs to another frame.
        """
        frame, kernel = pyramid.frame, compositing_kernel()
        if matte.frame_index != frame.index:
            raise ValueError(f"the matte of frame {matte.frame_index} is not frame {frame.index}'s")
        whole = Box.whole(frame.size)
        tiles = classify_tiles(matte, pyramid)
        planes = MattePlanes(matte.gain, matte.offset, taps_of(frame.size, matte.box, matte.size))
        colours = _NO_COLOURS if colours is None else colours
        eighth = (max(1, colours.shape[1]), max(1, colours.shape[0]))
        edge = EdgePlanes(colours, taps_of(frame.size, whole, eighth))
        full = np.empty(frame.image.shape[:2], np.uint8) if want_alpha else None
        if full is not None:
            kernel.matte_tiles(frame.image, tiles, planes, full)
        if isinstance(self._plate, UnfilteredPlate):
            return Composite(frame.image, frame.index, frame.captured_ns, full)
        if isinstance(self._plate, TransparentPlate):
            cutout = np.empty((*frame.image.shape[:2], 4), np.uint8)
            kernel.cutout_tiles(frame.image, tiles, planes, edge, cutout)
            return Composite(cutout, frame.index, frame.captured_ns, full)
        if not pixel_format.holds(frame.size):
            pixel_format = BGR
        plate = self._plate.render(pyramid, alpha)
        plate_taps = taps_of(frame.size, whole, (plate.shape[1], plate.shape[0]))
        encoded = self._encoded(plate, frame.size[1], pixel_format)
        out = np.empty(pixel_format.shape(frame.size), np.uint8)
        kernel.blend_tiles(
            frame.image, plate, plate_taps, tiles, planes, edge, out, pixel_format, encoded
        )
        return Composite(out, frame.index, frame.captured_ns, full, pixel_format=pixel_format)

    def _encoded(self, plate: Image, height: int, pixel_format: PixelFormat) -> Image | None:
        """Return ``plate`` in ``pixel_format`` once it is shown for the second time.

        That costs as much as the plate's share in one composite does, and saves it ever after.
        """
        if pixel_format == BGR or plate.shape[0] != height:
            return None
        if plate is not self._rendered:
            self._rendered, self._encoded_plate = plate, None
            return None
        if self._encoded_plate is None or self._encoded_plate[0] != pixel_format:
            self._encoded_plate = pixel_format, converted(plate, BGR, pixel_format)
        return self._encoded_plate[1]

    def close(self) -> None:
        """Release the plate. Idempotent."""
        self._plate.close()
