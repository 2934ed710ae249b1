"""How a picture moved since an earlier one, and moving a matte's planes along.

Carrying a matte from the frame that was inferred to a later one, by optical flow.

The network's linear coefficients, not the alpha, are moved: applied to the new frame's own grey
values they give a matte with the new frame's own edges, which costs a third of a millisecond
instead of an inference.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.frame import FloatImage, Frame, FramePyramid, Matte, Size
from livebg.pixels import has_numba

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
    "Mover",
    "OpencvMover",
    "Placement",
    "fetch",
    "flow_size",
    "following",
    "grid_of",
    "mover_for",
]


_FINEST_SCALE = 0
"""A small picture searched down to its own pixels is as good as one of four times as many pixels
searched down to half, and takes two thirds of the time. The preset's quarter is too blunt at hair
and fingers: a matte carried for up to three frames errs by a third more with it."""


@dataclass(frozen=True, slots=True)
class Placement:
    """How a matte lies on the picture whose motion is known.

    Attributes:
        across, down: pixels of that picture per pixel of the matte.
        left, top: where the centre of the matte's first pixel lies in it, counted from the centre
            of its own first pixel.
    """

    across: float
    down: float
    left: float
    top: float


class Mover(ABC):
    """Compares small grey pictures with an earlier one. Called by one thread at a time."""

    @abstractmethod
    def set_anchor(self, grey: NDArray[np.uint8]) -> None:
        """Take ``grey``, ``(h, w)`` uint8, for the earlier picture from now on."""

    @abstractmethod
    def displacement(self, grey: NDArray[np.uint8]) -> FloatImage:
        """Return where each pixel of ``grey`` was in the anchor, relative to where it is.

        Args:
            grey: ``(h, w)`` uint8, of the anchor's size.

        Returns:
            ``(h, w, 2)`` float32, x and y in pixels, a new array.
        """

    @abstractmethod
    def moved(
        self, planes: FloatImage, displacement: FloatImage, placement: Placement
    ) -> tuple[FloatImage, FloatImage, FloatImage]:
        """Return ``planes`` as they lie in the new picture.

        Args:
            planes: ``(h, w, 3)`` float32 of a matte, C-contiguous.
            displacement: ``(h', w', 2)`` float32; see ``displacement``.
            placement: how the matte lies on that.

        Returns:
            The three planes, each ``(h, w)`` float32, C-contiguous, new arrays.
        """


def mover_for(size: Size) -> Mover:
    """Return what compares pictures of ``size``: compiled block matching where there is numba."""
    if has_numba():
        from livebg.matting.block_matching import PatchMover

        return PatchMover(size)
    return OpencvMover()


class OpencvMover(Mover):
    """OpenCV's DIS flow (Kroeger et al. 2016) and remapping."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOpticalFlow_PRESET_ULTRAFAST)
        self._flow.setFinestScale(_FINEST_SCALE)
        self._anchor: NDArray[np.uint8] = np.zeros((0, 0), np.uint8)

    def set_anchor(self, grey: NDArray[np.uint8]) -> None:
        """Take the earlier picture; see ``Mover.set_anchor``."""
        self._anchor = grey

    def displacement(self, grey: NDArray[np.uint8]) -> FloatImage:
        """Return where each pixel was; see ``Mover.displacement``."""
        still = np.zeros((*grey.shape, 2), np.float32)
        return np.asarray(self._flow.calc(grey, self._anchor, still), np.float32)

    def moved(
        self, planes: FloatImage, displacement: FloatImage, placement: Placement
    ) -> tuple[FloatImage, FloatImage, FloatImage]:
        """Return ``planes`` moved; see ``Mover.moved``."""
        height, width = planes.shape[:2]
        per_pixel = np.array((1 / placement.across, 1 / placement.down), np.float32)
        nearby = cv2.warpAffine(
            displacement * per_pixel,
            np.array(((placement.across, 0, placement.left), (0, placement.down, placement.top))),
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        first, second, third = cv2.split(fetch(planes, cv2.add(nearby, grid_of((width, height)))))
        return np.asarray(first), np.asarray(second), np.asarray(third)


@lru_cache(maxsize=4)
def grid_of(size: Size) -> FloatImage:
    """Return every pixel's own position: ``(h, w, 2)`` float32 x and y; do not modify it."""
    xs, ys = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    return np.dstack([xs, ys]).astype(np.float32)


def fetch(plane: NDArray[Any], came_from: NDArray[Any]) -> NDArray[Any]:
    """Return ``plane`` read at the positions ``came_from``, ``(h, w, 2)`` float32 x and y."""
    both_in_one = cast("NDArray[Any]", None)  # OpenCV's stub forgets that one map may hold x and y
    return cv2.remap(
        plane, came_from, both_in_one, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


_FLOW_PIXELS = 128 * 72

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

    The flow leads straight from the new frame to the inferred one, so errors do not add up from
    frame to frame.

    Args:
        frame_size: ``(width, height)`` of the frames.
    """

    def __init__(self, frame_size: Size) -> None:
        self._frame_size = frame_size
        self._size = flow_size(frame_size)
        self._mover = mover_for(self._size)
        self._grid = grid_of(self._size)
        self._anchor: Matte | None = None
        self._planes: FloatImage = np.zeros((0, 0, 3), np.float32)
        self._looks: NDArray[np.uint8] = np.zeros((0, 0, 3), np.uint8)

    @property
    def anchor(self) -> Matte | None:
        """The matte that is carried, or None before the first."""
        return self._anchor

    def set_anchor(self, pyramid: FramePyramid, matte: Matte) -> None:
        """Carry ``matte``, which belongs to the frame of ``pyramid``, from now on."""
        self._anchor = matte
        self._planes = np.dstack([matte.gain, matte.offset, matte.coarse])
        grey = self._small_grey(pyramid)
        self._mover.set_anchor(grey)
        alpha = matte.alpha_over(pyramid, self._size)
        soft = ((alpha > SOFT) & (alpha < 1 - SOFT)).astype(np.uint8)
        outline = cv2.dilate(soft, np.ones((OUTLINE_PX, OUTLINE_PX), np.uint8))
        levels = np.rint(alpha * 255).astype(np.uint8)
        self._looks = np.dstack([grey, 255 * outline, levels])

    def reset(self) -> None:
        """Forget the matte."""
        self._anchor = None

    def carry(self, pyramid: FramePyramid) -> Carried:
        """Return the anchor's matte moved to the frame of ``pyramid``.

        Raises:
            ValueError: there is no anchor, or the frame is of another size.
        """
        frame = pyramid.frame
        if frame.size != self._frame_size:
            raise ValueError(
                f"frame {frame.index} is {frame.size[0]}x{frame.size[1]}, but the flow was set up "
                f"for {self._frame_size[0]}x{self._frame_size[1]}"
            )
        if self._anchor is None:
            raise ValueError("there is no matte to carry yet: call set_anchor first")
        grey = self._small_grey(pyramid)
        displacement = self._mover.displacement(grey)
        looks = fetch(self._looks, cv2.add(displacement, self._grid))
        before, outline, levels = cv2.split(looks)
        difference = np.asarray(cv2.absdiff(grey, before), np.uint8)
        residual = _residual(difference > WRONG_LEVELS, outline > 127)
        alpha = np.asarray(levels, np.float32) * np.float32(1 / 255)
        matte = self._moved(self._anchor, frame, following(displacement, alpha))
        return Carried(matte, residual, difference, displacement)

    def _small_grey(self, pyramid: FramePyramid) -> NDArray[np.uint8]:
        """Return the frame small and grey, without detail that would only shimmer at that size."""
        grey = cv2.cvtColor(pyramid.scaled(self._size), cv2.COLOR_BGR2GRAY)
        return np.asarray(cv2.GaussianBlur(grey, (3, 3), 0), np.uint8)

    def _moved(self, matte: Matte, frame: Frame, displacement: FloatImage) -> Matte:
        per_x, per_y = self._size[0] / frame.size[0], self._size[1] / frame.size[1]
        across = matte.box.width / matte.size[0] * per_x
        down = matte.box.height / matte.size[1] * per_y
        placement = Placement(
            across=across,
            down=down,
            left=matte.box.left * per_x + across / 2 - 0.5,
            top=matte.box.top * per_y + down / 2 - 0.5,
        )
        gain, offset, coarse = self._mover.moved(self._planes, displacement, placement)
        return replace(
            matte,
            gain=gain,
            offset=offset,
            coarse=coarse,
            frame_index=frame.index,
            captured_ns=frame.captured_ns,
            origin="carried",
        )


def _residual(wrong: NDArray[np.bool], outline: NDArray[Any]) -> float:
    """Return how wrong a move looks; see ``Carried``.

    Args:
        wrong: ``(h, w)``: where the frame is not what the flow says it should be.
        outline: ``(h, w)``: where the outline was moved to.
    """
    count = int(np.count_nonzero(wrong))
    if count == 0:
        return 0.0
    length = max(int(np.count_nonzero(outline)), LEAST_OUTLINE)
    along = np.count_nonzero(wrong & outline) / length
    crowd = cv2.blur(wrong.astype(np.float32), (CROWD_PX, CROWD_PX)).max()
    anywhere = count / wrong.size
    return float(min(1.0, max(along, ANYWHERE_WEIGHT * anywhere, CROWD_WEIGHT * crowd)))


def following(displacement: FloatImage, alpha: FloatImage) -> FloatImage:
    """Return ``displacement`` with the outline moving as the person inside it does.

    Flow is smooth: at an outline it is a mean of the person's motion and the room's, so the matte
    would lag behind. There the mean over a window counts, weighted by the square of how much of it
    is person.

    Args:
        displacement: ``(h, w, 2)`` float32.
        alpha: ``(h, w)`` float32 in 0..1: the carried alpha before this correction.
    """
    weight, least = alpha * alpha, np.float32(LEAST_WEIGHT)
    across, down = cv2.split(displacement)
    total_x, total_y, total = cv2.split(
        cv2.blur(cv2.merge([across * weight, down * weight, weight]), (FOLLOW_PX, FOLLOW_PX))
    )
    soft = ((weight > SOFT) & (weight < 1 - SOFT)).astype(np.uint8)
    band = cv2.dilate(soft, np.ones((FOLLOW_REACH_PX, FOLLOW_REACH_PX), np.uint8))
    share = cv2.blur(band.astype(np.float32), (3, 3)) / (total + least)
    # What is added is the person's motion less the pixel's own, in shares of the window's weight.
    across += share * (total_x - total * across)
    down += share * (total_y - total * down)
    return np.asarray(cv2.merge([across, down]), np.float32)
