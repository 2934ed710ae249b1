"""The crop of the frame that holds the person, and that moves rarely.

A person at a desk fills a third of the picture. A network that sees only that part sees it at
nearly twice the resolution for the same work. The box must not follow every movement, because the
network's recurrent state is resampled whenever it moves, and it must never cut off a hand or a
second person that comes in from the side.
"""

from __future__ import annotations

import math
from collections import deque

import cv2
import numpy as np

from livebg.clock import NS_PER_S
from livebg.frame import Box, FloatImage, FramePyramid, Image, Size

__all__ = ["GRID_PX", "PersonBox", "aspects_of", "person_extent"]

GRID_PX = 16
"""Boxes begin and end on multiples of this, so that they fall on the halved pictures' pixels."""

_PERSON_ALPHA = 0.5
_MIN_SHARE = 0.001
"""Of the matte's pixels: the least person that counts."""

_MIN_SHARE_OF_LARGEST = 0.1
"""Of the largest person's pixels: the least further person that counts."""

_MARGIN = 0.14
"""Space around the person in a new box, as a share of the person's extent."""

_MIN_MARGIN = 0.05
"""The box moves when less space than this is left."""

_MAX_CROP_SHARE = 0.8
"""Of the frame's area: a larger box is not worth a crop."""

_MIN_HEIGHT = 0.4
"""Of the frame's height: the smallest box."""

_SHRINK_AT = 1.6
"""A box of this many times the needed area shrinks, after ``_SHRINK_AFTER_S``."""

_SHRINK_AFTER_S = 1.0
_RECENT_S = 2.0
"""A new box holds the person's extents of this time."""

_MOTION_SIZE = (64, 36)
_MOTION_LEVELS = 18
"""A pixel that changes by more has moved."""

_MOTION_SHARE = 0.02
"""Of the pixels: motion outside the box that calls for a search."""

_SEARCH_EVERY_S = 4.0
_SEARCH_PAUSE_S = 1.0


def aspects_of(frame_size: Size) -> tuple[float, ...]:
    """Return the aspect ratios (width / height) that boxes may have besides the frame's."""
    return (4 / 3, 1.0) if frame_size[0] >= frame_size[1] else (1.0, 3 / 4)


def person_extent(alpha: FloatImage, box: Box) -> Box | None:
    """Return the rectangle of the frame that holds every pixel that is certainly a person.

    Args:
        alpha: ``(h, w)`` float32 in 0..1, covering ``box``.
        box: part of the frame that ``alpha`` covers.

    Returns:
        The extent in frame pixels, or None without a person.
    """
    certain = cv2.erode((alpha > _PERSON_ALPHA).astype(np.uint8), np.ones((3, 3), np.uint8))
    _, _, parts, _ = cv2.connectedComponentsWithStats(certain)
    areas = parts[1:, cv2.CC_STAT_AREA]
    if areas.size == 0 or areas.max() < _MIN_SHARE * certain.size:
        return None
    people = parts[1:][areas >= _MIN_SHARE_OF_LARGEST * areas.max()]
    left, top = people[:, cv2.CC_STAT_LEFT], people[:, cv2.CC_STAT_TOP]
    right, bottom = left + people[:, cv2.CC_STAT_WIDTH], top + people[:, cv2.CC_STAT_HEIGHT]
    across, down = box.width / alpha.shape[1], box.height / alpha.shape[0]
    return Box(
        box.left + float(left.min() - 1) * across,
        box.top + float(top.min() - 1) * down,
        box.left + float(right.max() + 1) * across,
        box.top + float(bottom.max() + 1) * down,
    )


class PersonBox:
    """Box that follows the person's extent from inference to inference."""

    def __init__(self, frame_size: Size) -> None:
        self._size = frame_size
        self._whole = Box.whole(frame_size)
        self._aspects = aspects_of(frame_size)
        self.reset()

    @property
    def box(self) -> Box:
        """The crop for the next inference."""
        return self._box

    def reset(self) -> None:
        """Use the whole frame again."""
        self._box = self._whole
        self._roomy_since_ns: int | None = None
        self._searched_ns: int | None = None
        self._reference: Image | None = None
        self._extents: deque[tuple[int, Box]] = deque()

    def cuts_off(self, extent: Box | None, seen: Box) -> bool:
        """Say whether a person reaches the edge of the crop ``seen`` inside the frame."""
        return extent is not None and not seen.holds(self._clamped(extent, 0.0))

    def follow(self, extent: Box | None, captured_ns: int) -> Box:
        """Update the box after an inference and return it.

        The box moves as soon as the person comes near its edge, shrinks when it has been far too
        large for a while, and is the whole frame without a person. A new box holds the person's
        extents of the last seconds, so that a swaying person does not keep moving it.
        """
        if extent is None:
            self._extents.clear()
            self._box = self._whole
            return self._box
        needed = self._fitted(self._recent(extent, captured_ns), _MARGIN)
        if not self._box.holds(self._clamped(extent, _MIN_MARGIN)):
            self._box, self._roomy_since_ns = needed, None
        elif _area(self._box) <= _SHRINK_AT * _area(needed):
            self._roomy_since_ns = None
        else:
            since_ns = self._roomy_since_ns
            self._roomy_since_ns = captured_ns if since_ns is None else since_ns
            waited_s = (captured_ns - self._roomy_since_ns) / NS_PER_S
            if self._box == self._whole or waited_s >= _SHRINK_AFTER_S:
                self._box, self._roomy_since_ns = needed, None
        return self._box

    def must_search(self, pyramid: FramePyramid) -> bool:
        """Say whether the whole frame must be searched, because something moves outside the box.

        A search is also due every few seconds, so that a person who came in slowly is found.
        """
        if self._box == self._whole:
            return False
        frame = pyramid.frame
        small = np.asarray(cv2.cvtColor(pyramid.scaled(_MOTION_SIZE), cv2.COLOR_BGR2GRAY), np.uint8)
        if self._reference is None or self._searched_ns is None:
            self._reference, self._searched_ns = small, frame.captured_ns
            return False
        waited_s = (frame.captured_ns - self._searched_ns) / NS_PER_S
        moved = cv2.absdiff(small, self._reference) > _MOTION_LEVELS
        moved[self._inside()] = False
        moves = waited_s >= _SEARCH_PAUSE_S and moved.mean() > _MOTION_SHARE
        if not moves and waited_s < _SEARCH_EVERY_S:
            return False
        self._reference, self._searched_ns = small, frame.captured_ns
        return True

    def found(self, alpha: FloatImage) -> Box:
        """Update the box after a search of the whole frame: it holds every person."""
        extent = person_extent(alpha, self._whole)
        if extent is None:
            self._box = self._whole
        elif not self._box.holds(self._clamped(extent, 0.0)):
            self._box = self._fitted(extent, _MARGIN)
        self._roomy_since_ns = None
        return self._box

    def _recent(self, extent: Box, captured_ns: int) -> Box:
        """Return the rectangle that holds ``extent`` and those of the last seconds."""
        self._extents.append((captured_ns, extent))
        while captured_ns - self._extents[0][0] > _RECENT_S * NS_PER_S:
            self._extents.popleft()
        boxes = [box for _, box in self._extents]
        return Box(
            min(box.left for box in boxes),
            min(box.top for box in boxes),
            max(box.right for box in boxes),
            max(box.bottom for box in boxes),
        )

    def _inside(self) -> tuple[slice, slice]:
        across, down = _MOTION_SIZE[0] / self._size[0], _MOTION_SIZE[1] / self._size[1]
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
        return best if _area(best) < _MAX_CROP_SHARE * _area(self._whole) else self._whole

    def _around(self, inner: Box, aspect: float) -> Box | None:
        """Return the box of one shape around ``inner``, or None where the frame is too small."""
        least = _MIN_HEIGHT * self._size[1]
        height = max(inner.height, inner.width / aspect, least)
        width = max(inner.width, height * aspect)
        columns, rows = math.ceil(width / GRID_PX) + 1, math.ceil(height / GRID_PX) + 1
        span = _on_grid(inner.left, inner.right, columns * GRID_PX, self._size[0])
        rise = _on_grid(inner.top, inner.bottom, rows * GRID_PX, self._size[1])
        if span is None or rise is None:
            return None
        return Box(span[0], rise[0], span[1], rise[1])


def _on_grid(first: float, last: float, length: int, limit: int) -> tuple[float, float] | None:
    """Return an interval of ``length`` on the grid, centred on first..last, within limit."""
    if length > limit:
        return (0.0, float(limit)) if length <= limit + 2 * GRID_PX else None
    start = round((first + last - length) / 2 / GRID_PX) * GRID_PX
    start = min(max(0, start), (limit - length) // GRID_PX * GRID_PX)
    if limit - (start + length) < GRID_PX:
        return float(limit - length), float(limit)
    return float(start), float(start + length)


def _area(box: Box) -> float:
    return box.width * box.height
