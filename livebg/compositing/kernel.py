"""The compositing kernel: one pass over a frame's tiles, compiled by numba.

Background tiles are painted with the plate, person tiles copied from the frame. In mixed tiles the
plate is painted too; then, row by row, the matte is upsampled and applied to the frame, the edge's
colours are cleaned, and the person is blended over the plate. No full-size plane is ever made.
``tiles`` has the same functions without numba, and a test holds the two together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from livebg.compositing import scanlines
from livebg.compositing.scanlines import EdgeBuffers, MatteBuffers, edge_buffers, matte_buffers
from livebg.compositing.tiles import (
    BACKGROUND,
    MIXED,
    PERSON,
    TILE_PX,
    EdgePlanes,
    MattePlanes,
    Taps,
)
from livebg.frame import BGR, PixelFormat
from livebg.pixels.encoding import BGR as BGR_LAYOUT
from livebg.pixels.encoding import Canvas, canvas, copy_area, copy_row, encode_area
from livebg.pixels.jit import PIXEL, Picture, compiled, picture, read_only

__all__ = ["blend_tiles", "cutout_tiles", "matte_tiles"]

I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]
Area = tuple[int, int, int, int]
"""Top, bottom, left and right of a part of the frame, in pixels."""


def blend_tiles(
    frame: U8,
    plate: U8,
    plate_taps: Taps,
    tiles: U8,
    matte: MattePlanes,
    edge: EdgePlanes,
    out: U8,
    pixel_format: PixelFormat = BGR,
    encoded_plate: U8 | None = None,
) -> None:
    """Blend ``frame`` over ``plate`` into ``out``, a picture of the frame's size.

    Each tile is encoded while it is in the processor's cache.

    Args:
        frame: ``(H, W, 3)`` uint8 BGR.
        plate: ``(h, W, 3)`` uint8 BGR; with fewer rows than the frame it is interpolated between
            them.
        plate_taps: where the frame's rows fall in the plate.
        tiles: the class of every tile; see ``classify_tiles``.
        matte: the frame's matte.
        edge: the colours beside its edge.
        out: the result in ``pixel_format``.
        pixel_format: a format that can hold the frame's size.
        encoded_plate: the plate with all rows in that format; background tiles are copied from it.
    """
    height, width = frame.shape[:2]
    if pixel_format == BGR and plate.shape[0] == height:
        encoded_plate = plate
    band = scanlines.empty_rows(TILE_PX, width, PIXEL)
    _blend(
        picture(frame),
        picture(plate).channels,
        plate_taps,
        canvas(read_only(out if encoded_plate is None else encoded_plate), pixel_format),
        encoded_plate is not None,
        read_only(tiles),
        matte_buffers(matte, width),
        edge_buffers(edge, width),
        Picture(read_only(band.pixels), band.channels),
        canvas(out, pixel_format),
    )


def cutout_tiles(frame: U8, tiles: U8, matte: MattePlanes, edge: EdgePlanes, out: U8) -> None:
    """Write the person alone to ``out``, ``(H, W, 4)`` uint8 BGRA with straight alpha.

    Where alpha is 0 the colours are 0 too: no pixel of the scene is hidden in the picture.
    """
    width = frame.shape[1]
    _cut_out(
        picture(frame),
        read_only(tiles),
        matte_buffers(matte, width),
        edge_buffers(edge, width),
        out.view(scanlines.CUTOUT)[..., 0],
        out.reshape(out.shape[0], -1),
    )


def matte_tiles(frame: U8, tiles: U8, matte: MattePlanes, out: U8) -> None:
    """Write the alpha that ``blend_tiles`` uses to ``out``, ``(H, W)`` uint8."""
    _write_matte(picture(frame), read_only(tiles), matte_buffers(matte, frame.shape[1]), out)


@compiled
def _runs(tiles: U8, height: int, width: int) -> I32:
    """Return kind, top, bottom, left and right of every run of equal tiles, ``(n, 5)``, in pixels.

    A list and not a generator: numba cannot compile a caller of a generator that it has read from
    its cache on disk.
    """
    runs = np.empty((tiles.size, 5), np.int32)
    count = 0
    for row in range(tiles.shape[0]):
        start = 0
        for end in range(1, tiles.shape[1] + 1):
            if end == tiles.shape[1] or tiles[row, end] != tiles[row, start]:
                runs[count, 0] = tiles[row, start]
                runs[count, 1] = row * TILE_PX
                runs[count, 2] = min(height, row * TILE_PX + TILE_PX)
                runs[count, 3] = start * TILE_PX
                runs[count, 4] = min(width, end * TILE_PX)
                count += 1
                start = end
    return runs[:count]


@compiled
def _blend(
    frame: Picture,
    plate: U8,
    plate_taps: Taps,
    encoded_plate: Canvas,
    is_encoded: bool,
    tiles: U8,
    matte: MatteBuffers,
    edge: EdgeBuffers,
    band: Picture,
    out: Canvas,
) -> None:
    """Blend in ``out`` itself where that is BGR, else in a row of tiles that is encoded then."""
    height, width = frame.pixels.shape
    in_place = out.layout == BGR_LAYOUT
    target = out.first if in_place else band.channels
    pending = 0
    for kind, top, bottom, left, right in _runs(tiles, height, width):
        row = top if in_place else 0
        is_copied = kind == BACKGROUND and is_encoded
        if not is_copied:
            area = (top, bottom, left, right)
            source = frame.channels if kind == PERSON else plate
            _paint(source, plate_taps, height, target, row, area)
            if kind == MIXED:
                _blend_person(frame, matte, edge, target, row, area)
        if not in_place and (is_copied or right == width):
            end = left if is_copied else width
            if end > pending:
                encode_area(band.pixels, out, top, pending, bottom - top, end - pending)
            pending = 0 if right == width else right
        if is_copied:
            copy_area(encoded_plate, out, top, left, bottom - top, right - left)


@compiled
def _paint(picture: U8, taps: Taps, height: int, target: U8, row: int, area: Area) -> None:
    """Write an area of ``picture``, spread over ``height`` rows, to ``target`` from ``row`` on."""
    top, bottom, left, right = area
    first, last = 3 * left, 3 * right
    for y in range(top, bottom):
        line = target[row + y - top, first:last]
        if picture.shape[0] == height:
            copy_row(picture[y, first:last], line)
        else:
            i = taps.y_index[y]
            j = min(i + 1, picture.shape[0] - 1)
            upper, lower = picture[i, first:last], picture[j, first:last]
            scanlines.interpolate(upper, lower, taps.y_weight[y], line)


@compiled
def _blend_person(
    frame: Picture, matte: MatteBuffers, edge: EdgeBuffers, target: U8, row: int, area: Area
) -> None:
    """Blend an area of the frame over the plate in ``target``, from ``row`` on."""
    top, bottom, left, right = area
    size = 3 * (right - left)
    scanlines.compute_alpha(frame.pixels, matte, top, bottom, left, right)
    alpha = matte.alpha.channels
    scanlines.clean_colours(frame.channels, alpha, edge, top, bottom, left, right)
    for n in range(bottom - top):
        person = edge.clean.channels[n, :size]
        scanlines.blend(person, alpha[n, :size], target[row + n, 3 * left : 3 * right])


@compiled
def _cut_out(
    frame: Picture,
    tiles: U8,
    matte: MatteBuffers,
    edge: EdgeBuffers,
    out: NDArray[Any],
    out_channels: U8,
) -> None:
    height, width = frame.pixels.shape
    for kind, top, bottom, left, right in _runs(tiles, height, width):
        if kind == MIXED:
            scanlines.compute_alpha(frame.pixels, matte, top, bottom, left, right)
            alpha = matte.alpha.channels
            scanlines.clean_colours(frame.channels, alpha, edge, top, bottom, left, right)
        for y in range(top, bottom):
            target = out[y, left:right]
            if kind == BACKGROUND:
                out_channels[y, 4 * left : 4 * right] = 0
            elif kind == PERSON:
                scanlines.copy_opaque(frame.pixels[y, left:right], target)
            else:
                person = edge.clean.pixels[y - top]
                scanlines.cut_out(person, matte.alpha.pixels[y - top], target)


@compiled
def _write_matte(frame: Picture, tiles: U8, matte: MatteBuffers, out: U8) -> None:
    height, width = frame.pixels.shape
    for kind, top, bottom, left, right in _runs(tiles, height, width):
        if kind == MIXED:
            scanlines.compute_alpha(frame.pixels, matte, top, bottom, left, right)
            for y in range(top, bottom):
                scanlines.write_levels(matte.alpha.pixels[y - top], out[y, left:right])
        else:
            out[top:bottom, left:right] = 0 if kind == BACKGROUND else 255
