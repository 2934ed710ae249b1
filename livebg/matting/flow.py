"""Optical flow: carrying a matte from the frame that was inferred to later frames.

The network's linear coefficients, not the alpha, are warped: applied to the new frame's own grey
values they give a matte with the new frame's own edges, in a third of a millisecond instead of an
inference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.frame import FloatImage, Frame, FramePyramid, Matte, Size
from livebg.pixels import has_numba

__all__ = ["Carried", "FlowCarrier", "FlowEstimator", "OpencvFlow", "flow_estimator"]

_FLOW_PIXELS = 128 * 72

_LEAST_SIDE_PX = 32
"""OpenCV's DIS flow reads outside its memory on long pictures that are narrower than this."""

_FINEST_SCALE = 0
"""A small picture searched down to its own pixels is as good as one of four times as many pixels
searched down to half, and takes two thirds of the time. The preset's quarter is too blunt at hair
and fingers: a matte carried for up to three frames errs by a third more with it."""

_SOFT = 0.05
"""Alpha is soft, which makes an outline, from this to 1 less this."""

_WRONG_LEVELS = 14
"""Difference in grey above which a pixel looks wrong after the warp."""

_OUTLINE_PX = 3
"""Side of the square by which the outline is dilated."""

_LEAST_OUTLINE = 25
"""Length in pixels that an outline counts as at least."""

_ANYWHERE_WEIGHT = 4
"""Weight of the share of wrong pixels in the whole frame, beside their share in the outline."""

_CROWD_PX = 9
_CROWD_WEIGHT = 0.2
"""Side of the window in which wrong pixels make a crowd, and the weight of their share in it."""

_FOLLOW_PX = 9
"""Side of the window over which the person's motion is averaged."""

_FOLLOW_REACH_PX = 7
"""Side of the square by which the outline that takes that motion is dilated."""

_LEAST_WEIGHT = 1e-3
"""Weight of a pixel's own flow beside that of the person in its window."""


class FlowEstimator(Protocol):
    """Dense optical flow between small grey pictures. Called by one thread at a time."""

    def set_anchor(self, grey: NDArray[np.uint8]) -> None:
        """Take ``grey``, ``(h, w)`` uint8, for the earlier picture from now on."""

    def displacement(self, grey: NDArray[np.uint8]) -> FloatImage:
        """Return where each pixel of ``grey`` was in the anchor, relative to where it is.

        Args:
            grey: ``(h, w)`` uint8, of the anchor's size.

        Returns:
            ``(h, w, 2)`` float32, x and y in pixels, a new array.
        """

    def warp(
        self,
        planes: FloatImage,
        displacement: FloatImage,
        columns: tuple[float, float],
        rows: tuple[float, float],
    ) -> tuple[FloatImage, FloatImage, FloatImage]:
        """Return ``planes`` as they lie in the new picture.

        Args:
            planes: ``(h, w, 3)`` float32, C-contiguous.
            displacement: ``(h', w', 2)`` float32; see ``displacement``.
            columns: where the centre of the planes' first column lies in ``displacement``, counted
                from the centre of its first one, and the distance between two columns there.
            rows: likewise.

        Returns:
            The three planes, each ``(h, w)`` float32, C-contiguous, new arrays.
        """


def flow_estimator(size: Size) -> FlowEstimator:
    """Return the estimator for pictures of ``size``: compiled where there is numba."""
    if has_numba():
        from livebg.matting.block_matching import BlockMatching

        return BlockMatching(size)
    return OpencvFlow()


class OpencvFlow:
    """OpenCV's DIS flow (Kroeger et al. 2016) and remapping; see ``FlowEstimator``."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOpticalFlow_PRESET_ULTRAFAST)
        self._flow.setFinestScale(_FINEST_SCALE)
        self._anchor: NDArray[np.uint8] = np.zeros((0, 0), np.uint8)

    def set_anchor(self, grey: NDArray[np.uint8]) -> None:
        """Take the earlier picture."""
        self._anchor = grey

    def displacement(self, grey: NDArray[np.uint8]) -> FloatImage:
        """Return where each pixel was."""
        still = np.zeros((*grey.shape, 2), np.float32)
        return np.asarray(self._flow.calc(grey, self._anchor, still), np.float32)

    def warp(
        self,
        planes: FloatImage,
        displacement: FloatImage,
        columns: tuple[float, float],
        rows: tuple[float, float],
    ) -> tuple[FloatImage, FloatImage, FloatImage]:
        """Return ``planes`` as they lie in the new picture."""
        height, width = planes.shape[:2]
        per_pixel = np.array((1 / columns[1], 1 / rows[1]), np.float32)
        nearby = cv2.warpAffine(
            displacement * per_pixel,
            np.array(((columns[1], 0, columns[0]), (0, rows[1], rows[0]))),
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        first, second, third = cv2.split(_remapped(planes, np.asarray(nearby, np.float32)))
        return np.asarray(first), np.asarray(second), np.asarray(third)


@dataclass(frozen=True, slots=True)
class Carried:
    """A matte moved to another frame.

    Attributes:
        matte: the matte, with ``origin`` ``carried``.
        residual: how wrong the move looks, 0..1: the share of pixels along the person's outline
            whose grey value differs by more than 14 levels from what the flow predicts, or four
            times that share in the whole frame where that is more (a person comes in).
        difference: ``(h, w)`` uint8, at the size that the flow is computed at: by how many grey
            levels each pixel of the frame differs from what the flow predicts.
        displacement: ``(h, w, 2)`` float32, x and y in pixels of that size: where each pixel of
            the frame was in the anchor's frame, relative to where it is.
    """

    matte: Matte
    residual: float
    difference: NDArray[np.uint8]
    displacement: FloatImage


class FlowCarrier:
    """Moves the last inferred matte, the anchor, to each new frame.

    The flow leads straight from the new frame to the inferred one, so errors do not add up from
    frame to frame.

    Args:
        frame_size: ``(width, height)`` of the frames.
    """

    def __init__(self, frame_size: Size) -> None:
        self._frame_size = frame_size
        scale = (_FLOW_PIXELS / (frame_size[0] * frame_size[1])) ** 0.5
        self._size = (
            max(_LEAST_SIDE_PX, min(frame_size[0], round(frame_size[0] * scale))),
            max(_LEAST_SIDE_PX, min(frame_size[1], round(frame_size[1] * scale))),
        )
        self._estimator = flow_estimator(self._size)
        self._anchor: Matte | None = None
        self._planes: FloatImage = np.zeros((0, 0, 3), np.float32)
        self._appearance: NDArray[np.uint8] = np.zeros((0, 0, 3), np.uint8)

    @property
    def anchor(self) -> Matte | None:
        """The matte that is carried, or None before the first."""
        return self._anchor

    def set_anchor(self, pyramid: FramePyramid, matte: Matte) -> None:
        """Carry ``matte``, which belongs to the frame of ``pyramid``, from now on."""
        self._anchor = matte
        self._planes = np.dstack([matte.gain, matte.offset, matte.coarse])
        grey = self._small_grey(pyramid)
        self._estimator.set_anchor(grey)
        alpha = matte.alpha_over(pyramid, self._size)
        outline = _outline(alpha, _OUTLINE_PX)
        levels = np.rint(alpha * 255).astype(np.uint8)
        self._appearance = np.dstack([grey, 255 * outline, levels])

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
        displacement = self._estimator.displacement(grey)
        before, outline, levels = cv2.split(_remapped(self._appearance, displacement))
        difference = np.asarray(cv2.absdiff(grey, before), np.uint8)
        residual = _residual(difference > _WRONG_LEVELS, outline > 127)
        alpha = np.asarray(levels, np.float32) * np.float32(1 / 255)
        matte = self._warped(self._anchor, frame, follow_person(displacement, alpha))
        return Carried(matte, residual, difference, displacement)

    def _small_grey(self, pyramid: FramePyramid) -> NDArray[np.uint8]:
        """Return the frame small and grey, without detail that would only shimmer at that size."""
        grey = cv2.cvtColor(pyramid.scaled(self._size), cv2.COLOR_BGR2GRAY)
        return np.asarray(cv2.GaussianBlur(grey, (3, 3), 0), np.uint8)

    def _warped(self, matte: Matte, frame: Frame, displacement: FloatImage) -> Matte:
        per_x, per_y = self._size[0] / frame.size[0], self._size[1] / frame.size[1]
        across = matte.box.width / matte.size[0] * per_x
        down = matte.box.height / matte.size[1] * per_y
        gain, offset, coarse = self._estimator.warp(
            self._planes,
            displacement,
            (matte.box.left * per_x + across / 2 - 0.5, across),
            (matte.box.top * per_y + down / 2 - 0.5, down),
        )
        return replace(
            matte,
            gain=gain,
            offset=offset,
            coarse=coarse,
            frame_index=frame.index,
            captured_ns=frame.captured_ns,
            origin="carried",
        )


def follow_person(displacement: FloatImage, alpha: FloatImage) -> FloatImage:
    """Return ``displacement`` with the outline moving as the person inside it does.

    Flow is smooth: at an outline it is a mean of the person's motion and the background's, so the
    matte would lag behind. There the mean over a window counts, weighted by the square of the
    carried alpha before this correction.
    """
    weight, least = alpha * alpha, np.float32(_LEAST_WEIGHT)
    across, down = cv2.split(displacement)
    total_x, total_y, total = cv2.split(
        cv2.blur(cv2.merge([across * weight, down * weight, weight]), (_FOLLOW_PX, _FOLLOW_PX))
    )
    band = _outline(weight, _FOLLOW_REACH_PX).astype(np.float32)
    share = cv2.blur(band, (3, 3)) / (total + least)
    # Adds the person's motion less the pixel's own, in shares of the window's weight.
    across += share * (total_x - total * across)
    down += share * (total_y - total * down)
    return np.asarray(cv2.merge([across, down]), np.float32)


def _outline(alpha: FloatImage, side_px: int) -> NDArray[np.uint8]:
    """Return 1 where alpha is soft, dilated by a square, and 0 elsewhere."""
    soft = ((alpha > _SOFT) & (alpha < 1 - _SOFT)).astype(np.uint8)
    return np.asarray(cv2.dilate(soft, np.ones((side_px, side_px), np.uint8)), np.uint8)


def _residual(wrong: NDArray[np.bool], outline: NDArray[Any]) -> float:
    """Return how wrong a move looks, from the moved outline; see ``Carried``."""
    count = int(np.count_nonzero(wrong))
    if count == 0:
        return 0.0
    length = max(int(np.count_nonzero(outline)), _LEAST_OUTLINE)
    along = np.count_nonzero(wrong & outline) / length
    crowd = cv2.blur(wrong.astype(np.float32), (_CROWD_PX, _CROWD_PX)).max()
    anywhere = count / wrong.size
    return float(min(1.0, max(along, _ANYWHERE_WEIGHT * anywhere, _CROWD_WEIGHT * crowd)))


def _remapped(plane: NDArray[Any], displacement: FloatImage) -> NDArray[Any]:
    """Return ``plane`` read where each pixel was, bilinearly."""
    both_in_one = cast("NDArray[Any]", None)  # OpenCV's stub forgets that one map may hold x and y
    came_from = cv2.add(displacement, _positions(displacement.shape[1], displacement.shape[0]))
    return cv2.remap(
        plane, came_from, both_in_one, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


@lru_cache(maxsize=4)
def _positions(width: int, height: int) -> FloatImage:
    """Return every pixel's own position: ``(h, w, 2)`` float32 x and y; do not modify it."""
    xs, ys = np.meshgrid(np.arange(width), np.arange(height))
    return np.dstack([xs, ys]).astype(np.float32)
