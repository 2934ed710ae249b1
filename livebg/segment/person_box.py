"""Where to look: a box of the frame that holds the person and moves rarely.

A person at a desk fills a third of the picture. A network that sees only that part sees it at
nearly twice the resolution for the same work. The box must not follow every movement, because the
network's memory is resampled whenever it moves, and it must never cut off a hand or a second
person that comes in from the side.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from livebg.types import Box, FloatImage, Frame, Image, Size

__all__ = ["GRID_PX", "PersonBox", "aspects_of", "person_extent"]

GRID_PX = 16
"""Boxes begin and end on multiples of this, so that they fall on the halved pictures' pixels."""

_PERSON = 0.3
_LEAST_SHARE = 0.004
_MARGIN = 0.14
_TIGHT = 0.05
_WORTHWHILE = 0.8
_SHRINK_AT = 1.6
_SHRINK_AFTER = 30
_WATCH_SIZE = (64, 36)
_WATCH_LEVELS = 18
_STIR_SHARE = 0.02
_SEARCH_EVERY = 90
_SEARCH_PAUSE = 12


def aspects_of(frame_size: Size) -> tuple[float, ...]:
    """Return the shapes (width / height) that boxes may have besides the whole frame's."""
    return (4 / 3, 1.0) if frame_size[0] >= frame_size[1] else (1.0, 3 / 4)


def person_extent(alpha: FloatImage, box: Box) -> Box | None:
    """Return the rectangle of the frame that holds everything that is surely person.

    Args:
        alpha: ``(h, w)`` float32 in 0..1, covering ``box``.
        box: part of the frame that ``alpha`` covers.

    Returns:
        The extent in frame pixels, or None when there is next to nothing.
    """
    surely = cv2.erode((alpha > _PERSON).astype(np.uint8), np.ones((3, 3), np.uint8))
    if cv2.countNonZero(surely) < _LEAST_SHARE * surely.size:
        return None
    left, top, width, height = cv2.boundingRect(surely)
    across, down = box.width / alpha.shape[1], box.height / alpha.shape[0]
    return Box(
        box.left + (left - 1) * across,
        box.top + (top - 1) * down,
        box.left + (left + width + 1) * across,
        box.top + (top + height + 1) * down,
    )


class PersonBox:
    """Follows the person's extent from inference to inference.

    Args:
        frame_size: ``(width, height)`` of the frames.
    """

    def __init__(self, frame_size: Size) -> None:
        self._size = frame_size
        self._whole = Box.whole(frame_size)
        self._aspects = aspects_of(frame_size)
        self.reset()

    @property
    def box(self) -> Box:
        """Where to look next."""
        return self._box

    def reset(self) -> None:
        """Look at the whole frame again."""
        self._box = self._whole
        self._roomy = 0
        self._since_search = 0
        self._watched: Image | None = None

    def update(self, alpha: FloatImage, looked_at: Box) -> Box:
        """Take in what the network found and return where to look next.

        Args:
            alpha: ``(h, w)`` float32 in 0..1: the matte of the last frame.
            looked_at: the box that it covers.
        """
        extent = person_extent(alpha, looked_at)
        if extent is None:
            self._box = self._whole
            return self._box
        wanted = self._fitted(extent, _MARGIN)
        if not _holds(self._box, self._clamped(extent, _TIGHT)):
            self._box, self._roomy = wanted, 0
        elif _area(self._box) > _SHRINK_AT * _area(wanted):
            self._roomy += 1
            if self._box == self._whole or self._roomy >= _SHRINK_AFTER:
                self._box, self._roomy = wanted, 0
        else:
            self._roomy = 0
        return self._box

    def must_search(self, frame: Frame) -> bool:
        """Say whether the whole frame should be looked at: something stirs beside the box.

        A search is also due every few seconds, so that somebody who came in slowly is found.
        """
        self._since_search += 1
        if self._box == self._whole:
            return False
        small = cv2.cvtColor(frame.scaled(_WATCH_SIZE), cv2.COLOR_BGR2GRAY)
        if self._watched is None:
            self._watched = np.asarray(small, np.uint8)
            return False
        stirred = cv2.absdiff(np.asarray(small, np.uint8), self._watched) > _WATCH_LEVELS
        stirred[self._inside()] = False
        due = self._since_search >= _SEARCH_EVERY
        stirs = self._since_search >= _SEARCH_PAUSE and stirred.mean() > _STIR_SHARE
        if due or stirs:
            self._since_search = 0
            self._watched = np.asarray(small, np.uint8)
        return due or bool(stirs)

    def widen(self, alpha: FloatImage) -> Box:
        """Take in a search of the whole frame: the box then holds everybody found."""
        extent = person_extent(alpha, self._whole)
        if extent is not None and not _holds(self._box, self._clamped(extent, 0.0)):
            self._box, self._roomy = self._fitted(extent, _MARGIN), 0
        return self._box

    def _inside(self) -> tuple[slice, slice]:
        across, down = _WATCH_SIZE[0] / self._size[0], _WATCH_SIZE[1] / self._size[1]
        return (
            slice(int(self._box.top * down), math.ceil(self._box.bottom * down)),
            slice(int(self._box.left * across), math.ceil(self._box.right * across)),
        )

    def _clamped(self, extent: Box, margin: float) -> Box:
        """Return ``extent`` with a margin, a share of its size, inside the frame."""
        across, down = margin * extent.width, margin * extent.height
        return Box(
            max(0.0, extent.left - across),
            max(0.0, extent.top - down),
            min(self._whole.right, extent.right + across),
            min(self._whole.bottom, extent.bottom + down),
        )

    def _fitted(self, extent: Box, margin: float) -> Box:
        """Return the smallest allowed box around ``extent``, or the whole frame."""
        inner = self._clamped(extent, margin)
        boxes = [self._around(inner, aspect) for aspect in self._aspects]
        best = min((box for box in boxes if box), key=_area, default=self._whole)
        return best if _area(best) < _WORTHWHILE * _area(self._whole) else self._whole

    def _around(self, inner: Box, aspect: float) -> Box | None:
        """Return the box of one shape around ``inner``, or None where the frame is too small."""
        width = max(inner.width, inner.height * aspect)
        height = max(inner.height, inner.width / aspect)
        columns, rows = math.ceil(width / GRID_PX) + 1, math.ceil(height / GRID_PX) + 1
        span = _on_grid(inner.left, inner.right, columns * GRID_PX, self._size[0])
        rise = _on_grid(inner.top, inner.bottom, rows * GRID_PX, self._size[1])
        if span is None or rise is None:
            return None
        return Box(span[0], rise[0], span[1], rise[1])


def _on_grid(first: float, last: float, length: int, limit: int) -> tuple[float, float] | None:
    """Return a stretch of ``length`` on the grid that is centred on first..last, within limit."""
    if length > limit:
        return (0.0, float(limit)) if length <= limit + 2 * GRID_PX else None
    start = round((first + last - length) / 2 / GRID_PX) * GRID_PX
    start = min(max(0, start), (limit - length) // GRID_PX * GRID_PX)
    if limit - (start + length) < GRID_PX:
        return float(limit - length), float(limit)
    return float(start), float(start + length)


def _area(box: Box) -> float:
    return box.width * box.height


def _holds(outer: Box, inner: Box) -> bool:
    return (
        outer.left <= inner.left
        and outer.top <= inner.top
        and outer.right >= inner.right
        and outer.bottom >= inner.bottom
    )
