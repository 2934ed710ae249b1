"""Framing: mirroring, magnifying a window of a frame, and auto-framing.

A frame is magnified before it is composed: the person comes near, a background picture stays where
it is, and the outline is computed from the magnified picture's own pixels.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.clock import NS_PER_S
from livebg.frame import Box, FloatImage, Frame, Image, Matte, Size

__all__ = ["AutoFraming", "busts_of", "mirrored", "reframed", "window_of"]

_PERSON = 0.5
_LEAST_SHARE = 0.004
"""Share of the picture that a person has at least."""

_LIMB = 0.27
"""Radius of a limb, as a share of that of the largest circle inside the person: an arm is thinner,
a head is thicker."""

_HEAD_ASPECT = 1.2
"""Height of a head by its width; the neck comes before a longer stretch is as narrow."""

_BUST_WIDTH, _BUST_HEIGHT = 2.6, 2.0
"""A bust's sides by its head's."""

_HEADROOM = 1 / 8
_SIDE_ROOM = 0.1
_MOST_ZOOM = 2.5

_STEADY_S = 0.2
_FOLLOW_S, _LEAVE_S = 0.3, 1.2
_PAUSE_S = 2.0
_LONGEST_STEP_S = 0.5

_WHOLE = np.array([0.5, 0.5, 0.0])
"""A window: its centre as shares of width and height, and the logarithm of its zoom."""

_ARRIVED = 1e-3
"""How near to the whole picture the window snaps to it: at most a pixel or two of full HD."""

_DEAD_SHIFT = 0.05
"""How far off the window's middle may be before it follows, as a share of its sides."""

_DEAD_ZOOM = 0.1
"""How much too large or too small it may be, as a logarithm."""


def mirrored(frame: Frame, matte: Matte) -> tuple[Frame, Matte]:
    """Return a frame and its matte with left and right swapped, in new arrays.

    The network never sees a mirrored frame, so mirroring may begin and end at any time.
    """

    def swapped(plane: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(plane[:, ::-1])

    shown = Frame(np.asarray(cv2.flip(frame.image, 1), np.uint8), frame.index, frame.captured_ns)
    width, box = frame.size[0], matte.box
    return shown, replace(
        matte,
        gain=swapped(matte.gain),
        offset=swapped(matte.offset),
        coarse=swapped(matte.coarse),
        box=Box(width - box.right, box.top, width - box.left, box.bottom),
        labels=None if matte.labels is None else swapped(matte.labels),
    )


def reframed(frame: Frame, matte: Matte, window: Box) -> tuple[Frame, Matte]:
    """Return ``window`` of a frame and of its matte, magnified to the frame's size.

    The window lies inside the frame and has its shape; fractions of a pixel count, so that a slow
    pan does not stutter. Where it is all of the frame, the two are returned as they are.
    """
    if window == Box.whole(frame.size):
        return frame, matte
    shown = Frame(window_of(frame.image, window), frame.index, frame.captured_ns)
    return shown, _matte_in(matte, window, frame.size)


def window_of(image: Image, window: Box) -> Image:
    """Return ``window`` of ``image``, which is uint8, at the size of all of ``image``.

    The window is shifted to whole pixels bilinearly and then magnified, which takes a quarter
    of the time of an affine warp and stays within half a pixel of it.
    """
    height, width = image.shape[:2]
    columns, rows = math.ceil(window.width), math.ceil(window.height)
    centre = (window.left + (columns - 1) / 2, window.top + (rows - 1) / 2)
    part = cv2.getRectSubPix(image, (columns, rows), centre)
    magnified = (
        max(width, round(columns * width / window.width)),
        max(height, round(rows * height / window.height)),
    )
    shown = cv2.resize(part, magnified, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(shown[:height, :width], np.uint8)


def _matte_in(matte: Matte, window: Box, size: Size) -> Matte:
    """Return the part of ``matte`` in ``window``, in the pixels of the magnified frame.

    Where the window holds no part of it, alpha is 0 everywhere.
    """
    box = matte.box
    part = Box(
        max(box.left, window.left),
        max(box.top, window.top),
        min(box.right, window.right),
        min(box.bottom, window.bottom),
    )
    if part.width <= 0 or part.height <= 0:
        zero = np.zeros((1, 1), np.float32)
        return replace(matte, gain=zero, offset=zero, coarse=zero, box=Box.whole(size), labels=None)
    # Rounded, so that a part that ends with the window ends with the frame.
    across, down = size[0] / window.width, size[1] / window.height
    return replace(
        matte,
        gain=_part_of(matte.gain, box, part),
        offset=_part_of(matte.offset, box, part),
        coarse=_part_of(matte.coarse, box, part),
        box=Box(
            round((part.left - window.left) * across, 3),
            round((part.top - window.top) * down, 3),
            round((part.right - window.left) * across, 3),
            round((part.bottom - window.top) * down, 3),
        ),
        labels=None,
    )


def _part_of(plane: FloatImage, box: Box, part: Box) -> FloatImage:
    """Return the ``part`` of a plane that covers ``box``, interpolated linearly."""
    height, width = plane.shape
    across, down = width / box.width, height / box.height
    size = (max(1, round(part.width * across)), max(1, round(part.height * down)))
    step_x, step_y = part.width * across / size[0], part.height * down / size[1]
    warp = np.array(
        [
            [step_x, 0, (part.left - box.left) * across + step_x / 2 - 0.5],
            [0, step_y, (part.top - box.top) * down + step_y / 2 - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(plane, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def busts_of(alpha: FloatImage, frame_size: Size) -> Box | None:
    """Return the box of the heads and shoulders of all people, without their arms.

    Args:
        alpha: ``(h, w)`` float32 in 0..1, over the whole frame; a small size will do.
        frame_size: ``(width, height)`` of the frame, in whose pixels the box is; it may reach
            beyond it.
    """
    mask = (alpha > _PERSON).astype(np.uint8)
    count, labels, facts, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    busts = [
        _bust((labels == label).astype(np.uint8))
        for label in range(1, count)
        if facts[label, cv2.CC_STAT_AREA] >= _LEAST_SHARE * mask.size
    ]
    if not busts:
        return None
    across, down = frame_size[0] / mask.shape[1], frame_size[1] / mask.shape[0]
    return Box(
        min(bust.left for bust in busts) * across,
        min(bust.top for bust in busts) * down,
        max(bust.right for bust in busts) * across,
        max(bust.bottom for bust in busts) * down,
    )


def _bust(person: Image) -> Box:
    """Return the head and shoulders of one person, in the pixels of its mask ``(h, w)`` 0 and 1.

    The head ends at the first row that is farther from the top than a head as wide as the widest
    row so far is high.
    """
    radius = round(_LIMB * float(cv2.distanceTransform(person, cv2.DIST_L2, 3).max()))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    trunk = cv2.morphologyEx(person, cv2.MORPH_OPEN, disc)
    widths = np.count_nonzero(trunk, axis=1)
    top = int(np.flatnonzero(widths)[0])
    widest = np.maximum.accumulate(widths[top:])
    deep = np.arange(1, widest.size + 1) >= _HEAD_ASPECT * widest
    height = int(np.argmax(deep)) + 1 if deep.any() else int(np.count_nonzero(widths))
    columns = np.flatnonzero(trunk[top : top + height].any(axis=0))
    middle = (columns[0] + columns[-1] + 1) / 2
    half = _BUST_WIDTH * float(widest[height - 1]) / 2
    return Box(middle - half, top, middle + half, top + _BUST_HEIGHT * height)


class AutoFraming:
    """A window that keeps heads and shoulders in place. Called by one thread at a time.

    The busts come to the middle, the tops of the heads an eighth of the window below its upper
    edge, which puts the eyes of a single person on the upper third. The window follows once its
    target has left a dead band; where all people are gone it stops, waits, and then slowly opens up
    to the whole picture.

    It moves by the exact solution of the critically damped oscillator for a goal that rests between
    two frames: it never overshoots, and its path does not depend on the frame rate.

    Args:
        strength: 0 shows the whole picture; 100 comes as near as the busts allow, and at most
            magnifies two and a half times.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength
        """0..100; may be changed between two frames: the window then moves there."""
        self._place = self._goal = _WHOLE
        self._speed = np.zeros(3)
        self._steady: NDArray[np.float64] | None = None
        self._absent_s = 0.0
        self._before_ns: int | None = None

    @property
    def at_rest(self) -> bool:
        """True while the whole picture is shown and is meant to be."""
        return self.strength <= 0 and bool((self._place == _WHOLE).all())

    def update(self, busts: Box | None, frame_size: Size, captured_ns: int) -> Box:
        """Return the window to show of a frame with ``busts``: a box inside it, of its shape."""
        since_ns = captured_ns - (captured_ns if self._before_ns is None else self._before_ns)
        self._before_ns = captured_ns
        step_s = min(_LONGEST_STEP_S, max(0.0, since_ns / NS_PER_S))
        target = self._target(busts, frame_size) if busts and self.strength > 0 else None
        self._choose_goal(target, step_s)
        self._move(step_s, _LEAVE_S if self._goal is _WHOLE else _FOLLOW_S)
        return self._window(frame_size)

    def _target(self, busts: Box, frame_size: Size) -> NDArray[np.float64]:
        width, height = frame_size
        nearest = max(
            busts.width / (1 - 2 * _SIDE_ROOM) / width,
            busts.height / (1 - _HEADROOM) / height,
            1 / _MOST_ZOOM,
        )
        zoom = max(0.0, -math.log(nearest)) * min(1.0, self.strength / 100)
        share = math.exp(-zoom)
        x = (busts.left + busts.right) / 2 / width
        y = busts.top / height + (0.5 - _HEADROOM) * share
        return np.array([_inside(x, share), _inside(y, share), zoom])

    def _choose_goal(self, target: NDArray[np.float64] | None, step_s: float) -> None:
        if target is None:
            if self._steady is not None:
                self._steady, self._goal = None, self._place
            self._absent_s += step_s
            if self._absent_s >= _PAUSE_S or self.strength <= 0:
                self._goal = _WHOLE
            return
        self._absent_s = 0.0
        if self._steady is None:
            self._steady = target
        self._steady += (1 - math.exp(-step_s / _STEADY_S)) * (target - self._steady)
        off = np.abs(self._steady - self._goal)
        shift = off[:2].max() / math.exp(-self._goal[2])
        if shift > _DEAD_SHIFT or off[2] > _DEAD_ZOOM:
            self._goal = self._steady.copy()

    def _move(self, step_s: float, time_constant_s: float) -> None:
        """Move towards the goal for ``step_s`` seconds, critically damped."""
        rate = 1 / time_constant_s
        off = self._place - self._goal
        pull = self._speed + rate * off
        decay = math.exp(-rate * step_s)
        self._place = self._goal + (off + pull * step_s) * decay
        self._speed = (self._speed - rate * pull * step_s) * decay
        if self._goal is _WHOLE and np.abs(self._place - _WHOLE).max() < _ARRIVED:
            self._place, self._speed = _WHOLE, np.zeros(3)

    def _window(self, frame_size: Size) -> Box:
        width, height = frame_size
        share = min(1.0, math.exp(-self._place[2]))
        x, y = _inside(self._place[0], share), _inside(self._place[1], share)
        return Box(
            max(0.0, x - share / 2) * width,
            max(0.0, y - share / 2) * height,
            min(1.0, x + share / 2) * width,
            min(1.0, y + share / 2) * height,
        )


def _inside(centre: float, share: float) -> float:
    """Return the centre nearest to ``centre`` whose window, ``share`` wide, lies within 0..1."""
    return min(max(centre, share / 2), 1 - share / 2)
