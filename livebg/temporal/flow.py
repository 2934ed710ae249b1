"""Carrying a matte from the frame that was inferred to a later one, by optical flow.

The network's linear coefficients, not the alpha, are moved: applied to the new frame's own grey
values they give a matte with the new frame's own edges, which costs a third of a millisecond
instead of an inference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.types import FloatImage, Frame, Matte, Size

__all__ = [
    "ANYWHERE_WEIGHT",
    "CROWD_PX",
    "CROWD_WEIGHT",
    "FOLLOW_PX",
    "FOLLOW_REACH_PX",
    "LEAST_OUTLINE",
    "LEAST_WEIGHT",
    "OUTLINE_PX",
    "SOFT",
    "WRONG_LEVELS",
    "Carried",
    "FlowCarrier",
    "flow_size",
    "following",
]

_FLOW_PIXELS = 128 * 72
_FINEST_SCALE = 0
"""A small picture searched down to its own pixels is as good as one of four times as many pixels
searched down to half, and takes two thirds of the time. The preset's quarter is too blunt at hair
and fingers: a matte carried for up to three frames errs by a third more with it."""

WRONG_LEVELS = 14
"""Difference in grey above which a pixel looks wrong after the move."""

SOFT = 0.05
"""Alpha is soft, which makes an outline, from this to 1 less this."""

OUTLINE_PX = 3
"""Width by which the outline is spread."""

LEAST_OUTLINE = 25
"""Length in pixels that an outline counts as at least."""

ANYWHERE_WEIGHT = 4
"""What a share of the whole frame counts by the side of one of the outline."""

CROWD_PX = 9
"""Side of the window in which wrong pixels make a crowd."""

CROWD_WEIGHT = 0.2
"""What the share of such a window counts."""

FOLLOW_PX = 9
"""Side of the window whose person an outline moves with."""

FOLLOW_REACH_PX = 7
"""Width by which the outline that does so is spread."""

LEAST_WEIGHT = 1e-3
"""What the flow of a pixel itself weighs beside that of the person in its window."""

_LEAST_SIDE_PX = 32
"""OpenCV's DIS flow reads outside its memory on long pictures that are narrower than this."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A matte moved to another frame.

    Attributes:
        matte: the matte, with ``origin`` ``carried``.
        residual: how wrong the move looks, 0..1: the share of pixels along the person's outline
            whose grey value differs by more than 14 levels from what the flow says it should be,
            or four times that share in the whole frame where that is more (somebody comes in).
        difference: ``(h, w)`` uint8, at the size that the flow is computed at: by how many grey
            levels each pixel of the frame differs from what the flow says it should be.
        displacement: ``(h, w, 2)`` float32, x and y in pixels of that size: where each pixel of
            the frame was in the anchor's frame, relative to where it is.
    """

    matte: Matte
    residual: float
    difference: NDArray[np.uint8]
    displacement: FloatImage


def flow_size(frame_size: Size) -> Size:
    """Return the ``(width, height)`` that flow is computed at for frames of ``frame_size``."""
    scale = (_FLOW_PIXELS / (frame_size[0] * frame_size[1])) ** 0.5
    return (
        max(_LEAST_SIDE_PX, min(frame_size[0], round(frame_size[0] * scale))),
        max(_LEAST_SIDE_PX, min(frame_size[1], round(frame_size[1] * scale))),
    )


class FlowCarrier:
    """Moves the last inferred matte to each new frame.

    The flow (DIS: Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search") leads
    straight from the new frame to the inferred one, so errors do not add up from frame to frame.

    Args:
        frame_size: ``(width, height)`` of the frames.
    """

    def __init__(self, frame_size: Size) -> None:
        self._frame_size = frame_size
        self._size = flow_size(frame_size)
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOpticalFlow_PRESET_ULTRAFAST)
        self._flow.setFinestScale(_FINEST_SCALE)
        self._anchor: Matte | None = None
        self._anchor_grey: NDArray[np.uint8] | None = None
        self._planes: FloatImage | None = None
        self._outline: NDArray[Any] = np.zeros(self._size[::-1], np.uint8)
        self._alpha: FloatImage = np.zeros(self._size[::-1], np.float32)
        self._flow_grid = _grid_of(self._size)
        self._matte_grid: FloatImage = self._flow_grid

    @property
    def anchor(self) -> Matte | None:
        """The matte that is carried, or None before the first."""
        return self._anchor

    def set_anchor(self, frame: Frame, matte: Matte) -> None:
        """Carry ``matte``, which belongs to ``frame``, from now on."""
        if self._matte_grid.shape[1::-1] != matte.size:
            self._matte_grid = _grid_of(matte.size)
        self._anchor = matte
        self._anchor_grey = self._small_grey(frame)
        alpha = self._alpha = matte.alpha_over(frame, self._size)
        soft = ((alpha > SOFT) & (alpha < 1 - SOFT)).astype(np.uint8)
        self._outline = cv2.dilate(soft, np.ones((OUTLINE_PX, OUTLINE_PX), np.uint8))
        self._planes = np.dstack([matte.gain, matte.offset, matte.coarse])

    def reset(self) -> None:
        """Forget the matte."""
        self._anchor = None

    def carry(self, frame: Frame) -> Carried:
        """Return the anchor's matte moved to ``frame``.

        Raises:
            ValueError: there is no anchor, or the frame is of another size.
        """
        if frame.size != self._frame_size:
            raise ValueError(
                f"frame {frame.index} is {frame.size[0]}x{frame.size[1]}, but the flow was set up "
                f"for {self._frame_size[0]}x{self._frame_size[1]}"
            )
        if self._anchor is None or self._anchor_grey is None or self._planes is None:
            raise ValueError("there is no matte to carry yet: call set_anchor first")
        grey = self._small_grey(frame)
        still = np.zeros((*grey.shape, 2), np.float32)
        displacement = np.asarray(self._flow.calc(grey, self._anchor_grey, still), np.float32)
        came_from = cv2.add(displacement, self._flow_grid)
        difference = np.asarray(cv2.absdiff(grey, _fetch(self._anchor_grey, came_from)), np.uint8)
        residual = self._residual(difference > WRONG_LEVELS, came_from)
        along = following(displacement, np.asarray(_fetch(self._alpha, came_from), np.float32))
        return Carried(self._moved(frame, along), residual, difference, displacement)

    def _residual(self, wrong: NDArray[np.bool], came_from: NDArray[Any]) -> float:
        """Return how wrong the move looks; see ``Carried``."""
        anywhere = np.count_nonzero(wrong) / wrong.size
        outline = np.asarray(_fetch(self._outline, came_from), np.bool_)
        length = max(int(np.count_nonzero(outline)), LEAST_OUTLINE)
        along = np.count_nonzero(wrong & outline) / length
        crowd = cv2.blur(wrong.astype(np.float32), (CROWD_PX, CROWD_PX)).max()
        return float(min(1.0, max(along, ANYWHERE_WEIGHT * anywhere, CROWD_WEIGHT * crowd)))

    def _small_grey(self, frame: Frame) -> NDArray[np.uint8]:
        """Return the frame small and grey, without detail that would only shimmer at that size."""
        grey = cv2.cvtColor(frame.scaled(self._size), cv2.COLOR_BGR2GRAY)
        return np.asarray(cv2.GaussianBlur(grey, (3, 3), 0), np.uint8)

    def _moved(self, frame: Frame, displacement: FloatImage) -> Matte:
        assert self._anchor is not None
        assert self._planes is not None
        matte, box = self._anchor, self._anchor.box
        # Pixels of the flow field per pixel of the matte, and where the matte's first one lies.
        across = box.width / matte.size[0] * self._size[0] / frame.size[0]
        down = box.height / matte.size[1] * self._size[1] / frame.size[1]
        left = box.left * self._size[0] / frame.size[0] + across / 2 - 0.5
        top = box.top * self._size[1] / frame.size[1] + down / 2 - 0.5
        in_matte_pixels = displacement * np.array((1 / across, 1 / down), np.float32)
        nearby = cv2.warpAffine(
            in_matte_pixels,
            np.array(((across, 0, left), (0, down, top))),
            matte.size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        moved = _fetch(self._planes, cv2.add(nearby, self._matte_grid))
        gain, offset, coarse = (np.asarray(plane, np.float32) for plane in cv2.split(moved))
        return replace(
            matte,
            gain=gain,
            offset=offset,
            coarse=coarse,
            frame_index=frame.index,
            captured_ns=frame.captured_ns,
            origin="carried",
        )


def following(displacement: FloatImage, alpha: FloatImage) -> FloatImage:
    """Return ``displacement`` with the outline moving as the person inside it does.

    Flow is smooth: at an outline it is a mean of the person's motion and the room's, so the matte
    would lag behind. There the mean over a window counts, weighted by the square of how much of it
    is person.

    Args:
        displacement: ``(h, w, 2)`` float32.
        alpha: ``(h, w)`` float32 in 0..1: the carried alpha before this correction.
    """
    weight = alpha * alpha
    window, least = (FOLLOW_PX, FOLLOW_PX), np.float32(LEAST_WEIGHT)
    total = cv2.blur(displacement * weight[..., None], window) + least * displacement
    persons = total / (cv2.blur(weight, window) + least)[..., None]
    soft = ((weight > SOFT) & (weight < 1 - SOFT)).astype(np.uint8)
    band = cv2.dilate(soft, np.ones((FOLLOW_REACH_PX, FOLLOW_REACH_PX), np.uint8))
    share = cv2.blur(band.astype(np.float32), (3, 3))[..., None]
    return np.ascontiguousarray(displacement + share * (persons - displacement), np.float32)


def _grid_of(size: Size) -> FloatImage:
    """Return every pixel's own position: ``(h, w, 2)`` float32 x and y."""
    xs, ys = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    return np.dstack([xs, ys]).astype(np.float32)


def _fetch(plane: NDArray[Any], came_from: NDArray[Any]) -> NDArray[Any]:
    """Return ``plane`` read at the positions ``came_from``, ``(h, w, 2)`` float32 x and y."""
    both_in_one = cast("NDArray[Any]", None)  # OpenCV's stub forgets that one map may hold x and y
    return cv2.remap(
        plane, came_from, both_in_one, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
