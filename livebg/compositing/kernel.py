"""What a tile of the soft band takes: its alpha, and the person's own colours.

Compiled by numba; part of ``kernel``.

The compositing kernel: one pass over a frame's tiles, compiled by numba.

Background tiles are painted with the plate, person tiles copied from the frame. In mixed tiles the
plate is painted too; then, row by row, the matte is upsampled and applied to the frame, the edge's
colours are cleaned, and the person is blended over the plate. No full-size plane is ever made.
``rows`` holds the arithmetic. ``kernel_numpy`` has the same functions without numba, and a test
holds the two together.

Arguments that the functions share:
    frame: ``(H, W, 3)`` uint8 BGR.
    tiles: ``(ceil(H / 16), ceil(W / 16))`` uint8 classes; see ``tiles``.
    gain, offset: ``(h, w)`` float32: the matte.
    taps: where the frame's pixels fall in the matte; see ``sampling``.
    colours: ``(h', w', 6)`` float32: blurred B, G, R of the person, then of the room (see
        ``livebg.compositing.edge_colour``); with no rows, the frame's colours stay as they are.
    colour_taps: where the frame's pixels fall in ``colours``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from livebg.compositing import scanlines as rows
from livebg.compositing.scanlines import (
    CUTOUT,
    EdgeLines,
    MatteLines,
    edge_lines,
    empty_lines,
    matte_lines,
)
from livebg.compositing.tiles import BACKGROUND, MIXED, PERSON, TILE_PX, Taps
from livebg.frame import BGR, PixelFormat
from livebg.pixels.encoding import BGR as BGR_LAYOUT
from livebg.pixels.encoding import Canvas, canvas, copy_area, encode_area
from livebg.pixels.jit import PIXEL, Picture, compiled, picture, read_only

__all__ = ["blend_tiles", "clean", "cutout_tiles", "find_alpha", "matte_tiles"]


F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]


@compiled
def find_alpha(
    pixels: NDArray[Any], matte: MatteLines, top: int, bottom: int, left: int, right: int
) -> None:
    """Fill ``matte.alpha`` from its left for an area of the frame that begins at (left, top)."""
    taps = matte.taps
    width = right - left
    index, weight = taps.x_index[left:right], taps.x_weight[left:right]
    matte.held[:] = -1
    for y in range(top, bottom):
        i = max(taps.y_index[y], 0)
        j = min(i + 1, matte.gain.shape[0] - 1)
        for k in range(i, j + 1):
            line = k % 2
            if matte.held[line] != k:
                matte.held[line] = k
                rows.stretch(matte.gain[k], index, weight, matte.gain_lines[line, :width])
                rows.stretch(matte.offset[k], index, weight, matte.offset_lines[line, :width])
        rows.apply_matte(
            pixels[y, left:right],
            matte.gain_lines[i % 2, :width],
            matte.gain_lines[j % 2, :width],
            matte.offset_lines[i % 2, :width],
            matte.offset_lines[j % 2, :width],
            taps.y_weight[y],
            matte.alpha.pixels[y - top, :width],
        )
        if taps.y_index[y] < 0:
            matte.alpha.channels[y - top, : 3 * width] = 0


@compiled
def clean(
    channels: U8, alpha: F32, edge: EdgeLines, top: int, bottom: int, left: int, right: int
) -> None:
    """Fill ``edge.clean`` from its left with the person's own colours."""
    width, size = right - left, 3 * (right - left)
    taps = edge.taps
    index, weight = taps.x_index[left:right], taps.x_weight[left:right]
    edge.held[:] = -1
    for y in range(top, bottom):
        if not edge.known:
            rows.copy(channels[y, 3 * left : 3 * right], edge.clean.channels[y - top, :size])
            continue
        i = taps.y_index[y]
        j = min(i + 1, edge.person.shape[0] - 1)
        for k in range(i, j + 1):
            line = k % 2
            if edge.held[line] != k:
                edge.held[line] = k
                rows.stretch_colours(
                    edge.person[k], index, weight, edge.person_lines.pixels[line, :width]
                )
                rows.stretch_colours(
                    edge.room[k], index, weight, edge.room_lines.pixels[line, :width]
                )
        rows.clean(
            channels[y, 3 * left : 3 * right],
            alpha[y - top, :size],
            edge.person_lines.channels[i % 2, :size],
            edge.person_lines.channels[j % 2, :size],
            edge.room_lines.channels[i % 2, :size],
            edge.room_lines.channels[j % 2, :size],
            taps.y_weight[y],
            edge.clean.channels[y - top, :size],
        )


I32 = NDArray[np.int32]


def blend_tiles(
    frame: U8,
    plate: U8,
    plate_taps: Taps,
    tiles: U8,
    gain: F32,
    offset: F32,
    taps: Taps,
    colours: F32,
    colour_taps: Taps,
    out: U8,
    pixel_format: PixelFormat = BGR,
    encoded_plate: U8 | None = None,
) -> None:
    """Blend ``frame`` over ``plate`` into ``out``, a picture of the frame's size.

    The plate is ``(h, W, 3)`` uint8 BGR. With fewer rows than the frame it is interpolated between
    them; ``plate_taps`` tells where the frame's rows fall. Each tile is brought into
    ``pixel_format``, which is that of ``out``, while it is in the processor's cache; background
    tiles are copied from ``encoded_plate``, the plate with all rows in that format, where there is
    one.
    """
    height, width = frame.shape[:2]
    if pixel_format == BGR and plate.shape[0] == height:
        encoded_plate = plate
    band = empty_lines(TILE_PX, width, PIXEL)
    _blend(
        picture(frame),
        picture(plate).channels,
        plate_taps,
        canvas(read_only(out if encoded_plate is None else encoded_plate), pixel_format),
        encoded_plate is not None,
        read_only(tiles),
        matte_lines(gain, offset, taps, width),
        edge_lines(colours, colour_taps, width),
        Picture(read_only(band.pixels), band.channels),
        canvas(out, pixel_format),
    )


def cutout_tiles(
    frame: U8,
    tiles: U8,
    gain: F32,
    offset: F32,
    taps: Taps,
    colours: F32,
    colour_taps: Taps,
    out: U8,
) -> None:
    """Write the person alone to ``out``, ``(H, W, 4)`` uint8 BGRA with straight alpha.

    Where alpha is 0 the colours are 0 too: nothing of the room is hidden in the picture.
    """
    width = frame.shape[1]
    _cut_out(
        picture(frame),
        read_only(tiles),
        matte_lines(gain, offset, taps, width),
        edge_lines(colours, colour_taps, width),
        out.view(CUTOUT)[..., 0],
    )


def matte_tiles(frame: U8, tiles: U8, gain: F32, offset: F32, taps: Taps, out: U8) -> None:
    """Write the alpha that ``blend_tiles`` uses to ``out``, ``(H, W)`` uint8."""
    matte = matte_lines(gain, offset, taps, frame.shape[1])
    _write_matte(picture(frame), read_only(tiles), matte, out)


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
    matte: MatteLines,
    edge: EdgeLines,
    band: Picture,
    out: Canvas,
) -> None:
    """Blend in ``out`` itself where that is BGR, else in a row of tiles that is encoded then."""
    height, width = frame.pixels.shape
    in_place = out.layout == BGR_LAYOUT
    lines = out.first if in_place else band.channels
    pending = 0
    for kind, top, bottom, left, right in _runs(tiles, height, width):
        row = top if in_place else 0
        is_copied = kind == BACKGROUND and is_encoded
        if not is_copied:
            area = (top, bottom, left, right)
            if kind == PERSON:
                _copy(frame.channels, lines, row, *area)
            else:
                _paint(plate, plate_taps, height, lines, row, *area)
            if kind == MIXED:
                _blend_person(frame, matte, edge, lines, row, *area)
        if not in_place and (is_copied or right == width):
            end = left if is_copied else width
            if end > pending:
                encode_area(band.pixels, 0, pending, out, top, pending, bottom - top, end - pending)
            pending = 0 if right == width else right
        if is_copied:
            copy_area(encoded_plate, out, top, left, bottom - top, right - left)


@compiled
def _copy(frame: U8, lines: U8, row: int, top: int, bottom: int, left: int, right: int) -> None:
    for n in range(bottom - top):
        source, target = frame[top + n], lines[row + n]
        rows.copy(source[3 * left : 3 * right], target[3 * left : 3 * right])


@compiled
def _paint(
    plate: U8,
    taps: Taps,
    height: int,
    lines: U8,
    row: int,
    top: int,
    bottom: int,
    left: int,
    right: int,
) -> None:
    """Write the plate behind an area of a frame of ``height`` to ``lines``, from ``row`` on."""
    first, last = 3 * left, 3 * right
    for y in range(top, bottom):
        line = lines[row + y - top, first:last]
        if plate.shape[0] == height:
            rows.copy(plate[y, first:last], line)
        else:
            i = taps.y_index[y]
            j = min(i + 1, plate.shape[0] - 1)
            rows.between(plate[i, first:last], plate[j, first:last], taps.y_weight[y], line)


@compiled
def _blend_person(
    frame: Picture,
    matte: MatteLines,
    edge: EdgeLines,
    lines: U8,
    row: int,
    top: int,
    bottom: int,
    left: int,
    right: int,
) -> None:
    """Blend an area of the frame over what ``lines`` hold, from ``row`` on."""
    size = 3 * (right - left)
    find_alpha(frame.pixels, matte, top, bottom, left, right)
    clean(frame.channels, matte.alpha.channels, edge, top, bottom, left, right)
    for n in range(bottom - top):
        person, alpha = edge.clean.channels[n, :size], matte.alpha.channels[n, :size]
        rows.over(person, alpha, lines[row + n, 3 * left : 3 * right])


@compiled
def _cut_out(
    frame: Picture, tiles: U8, matte: MatteLines, edge: EdgeLines, out: NDArray[Any]
) -> None:
    height, width = frame.pixels.shape
    for kind, top, bottom, left, right in _runs(tiles, height, width):
        if kind == MIXED:
            find_alpha(frame.pixels, matte, top, bottom, left, right)
            clean(frame.channels, matte.alpha.channels, edge, top, bottom, left, right)
        for y in range(top, bottom):
            target = out[y, left:right]
            if kind == BACKGROUND:
                rows.clear(target)
            elif kind == PERSON:
                rows.copy_opaque(frame.pixels[y, left:right], target)
            else:
                rows.cut_out(edge.clean.pixels[y - top], matte.alpha.pixels[y - top], target)


@compiled
def _write_matte(frame: Picture, tiles: U8, matte: MatteLines, out: U8) -> None:
    height, width = frame.pixels.shape
    for kind, top, bottom, left, right in _runs(tiles, height, width):
        if kind == MIXED:
            find_alpha(frame.pixels, matte, top, bottom, left, right)
            for y in range(top, bottom):
                rows.levels(matte.alpha.pixels[y - top], out[y, left:right])
        else:
            out[top:bottom, left:right] = 0 if kind == BACKGROUND else 255
