"""What passes between the stages: frame, matte and composite, with their sizes and formats.

All three are frozen: a stage that has handed one on never writes into its arrays again, so a
value may cross threads without a copy or a lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BGR",
    "Box",
    "ColourMatrix",
    "Composite",
    "FloatImage",
    "Frame",
    "FramePyramid",
    "Image",
    "Matte",
    "MatteOrigin",
    "PixelFormat",
    "PixelLayout",
    "Size",
    "size_text",
]

Image = NDArray[np.uint8]
"""``(H, W)``, ``(H, W, 3)`` BGR or ``(H, W, 4)`` BGRA, uint8, alpha straight."""

FloatImage = NDArray[np.float32]
"""``(H, W)`` or ``(H, W, C)``, float32."""

Size = tuple[int, int]
"""``(width, height)`` in pixels."""

MatteOrigin = Literal["inferred", "carried"]
"""``inferred``: the network saw this very frame. ``carried``: moved here by optical flow."""

PixelLayout = Literal["bgr", "rgb", "i420", "nv12", "yuy2"]

ColourMatrix = Literal["bt601", "bt709"]
"""How luma and chroma were made of red, green and blue. The range is limited: luma 16..235, chroma
16..240. Video calls take a camera's pictures for BT.601, players a tagged recording for BT.709."""


def size_text(size: Size) -> str:
    """Return a size as people write it: ``1280x720``."""
    return f"{size[0]}x{size[1]}"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a frame, in pixels of that frame; right and bottom are exclusive."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def whole(cls, size: Size) -> Box:
        """Return the box that covers a frame of ``size``."""
        return cls(0.0, 0.0, float(size[0]), float(size[1]))

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.bottom - self.top

    def holds(self, other: Box) -> bool:
        """Return whether all of ``other`` lies in this box."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and self.right >= other.right
            and self.bottom >= other.bottom
        )


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """A layout, and for those of luma and chroma the matrix. All are uint8 and C-contiguous.

    ======  ===============  ======================================================================
    layout  array            content
    ======  ===============  ======================================================================
    bgr     (H, W, 3 or 4)   blue, green, red; with a fourth channel straight alpha
    rgb     (H, W, 3)        red, green, blue
    i420    (H * 3/2, W)     luma, then U, then V, both halved each way; H and W are even
    nv12    (H * 3/2, W)     luma, then U V U V ..., halved each way; H and W are even
    yuy2    (H, W, 2)        Y U Y V for every two pixels of a row; W is even
    ======  ===============  ======================================================================

    A halved chroma sample lies in the middle of the pixels that it is the mean of. The matrix of
    ``bgr`` and ``rgb`` is None.
    """

    layout: PixelLayout
    matrix: ColourMatrix | None = None

    def __post_init__(self) -> None:
        if (self.matrix is None) != (self.layout in ("bgr", "rgb")):
            raise ValueError(f"{self.layout} with the colour matrix {self.matrix} is no format")

    def held_size(self, size: Size) -> Size:
        """Return the largest part of ``size`` that this format can hold."""
        across, down = {"i420": (2, 2), "nv12": (2, 2), "yuy2": (2, 1)}.get(self.layout, (1, 1))
        return size[0] - size[0] % across, size[1] - size[1] % down

    def holds(self, size: Size) -> bool:
        """Return whether pictures of ``size`` can have this format."""
        return self.held_size(size) == size

    def shape(self, size: Size) -> tuple[int, ...]:
        """Return the shape of an opaque picture of ``size``."""
        width, height = size
        match self.layout:
            case "i420" | "nv12":
                return height * 3 // 2, width
            case "yuy2":
                return height, width, 2
            case _:
                return height, width, 3

    def size(self, image: Image) -> Size:
        """Return the size of the picture that ``image`` holds in this format."""
        height, width = image.shape[:2]
        return width, height * 2 // 3 if self.layout in ("i420", "nv12") else height

    def fits(self, image: Image) -> bool:
        """Return whether ``image`` has the dtype and a shape of this format."""
        if image.dtype != np.uint8 or image.ndim not in (2, 3):
            return False
        size = self.size(image)
        if self.layout == "bgr" and image.shape == (size[1], size[0], 4):
            return True
        return self.holds(size) and image.shape == self.shape(size)


BGR = PixelFormat("bgr")
"""The format of frames, and of composites unless a sink asks for another one."""

_MEAN_OF_LEVELS = np.full((1, 3), 1 / 765, np.float32)


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a source.

    Attributes:
        image: ``(H, W, 3)`` uint8 BGR, C-contiguous; never written to after it was handed on.
        index: 0 for the source's first frame; a live source counts dropped frames too.
        captured_ns: monotonic nanoseconds: when the picture was taken (live), or its
            presentation time counted from the first frame (files).
    """

    image: Image
    index: int
    captured_ns: int

    @property
    def size(self) -> Size:
        """``(width, height)`` in pixels."""
        return self.image.shape[1], self.image.shape[0]


class FramePyramid:
    """Smaller versions of one frame, each computed once and kept.

    Segmentation, optical flow, blur and edge colour all need the frame small. The pipeline makes
    one pyramid per frame and hands it from stage to stage. Do not modify the arrays it returns.
    Threads may share it.

    Args:
        frame: the frame at full size.
        quarter: ``(H // 4, W // 4, 3)`` uint8, the frame at a quarter of its size, where the caller
            has computed it already (see ``livebg.pixels.reduction``).

    Example:
        >>> pyramid = FramePyramid(Frame(np.full((8, 12, 3), 51, np.uint8), 0, 0))
        >>> pyramid.halved(1).shape, float(pyramid.grey((3, 2)).mean())
        ((4, 6, 3), 0.20000000298023224)
    """

    def __init__(self, frame: Frame, quarter: Image | None = None) -> None:
        self.frame = frame
        """The frame at full size."""
        self._halves: dict[int, Image] = {0: frame.image}
        if quarter is not None:
            self._halves[2] = quarter
        self._scaled: dict[tuple[int, Size, Box], Image] = {}
        self._greys: dict[tuple[int, Size, Box], FloatImage] = {}

    @property
    def size(self) -> Size:
        """``(width, height)`` of the frame in pixels."""
        return self.frame.size

    def halved(self, times: int) -> Image:
        """Return the frame halved ``times`` times by area, rounding sizes down.

        Returns:
            ``(H // 2**times, W // 2**times, 3)`` uint8 BGR, no side below 1.
        """
        if times not in self._halves:
            larger = self.halved(times - 1)
            half = (max(1, larger.shape[1] // 2), max(1, larger.shape[0] // 2))
            self._halves[times] = np.asarray(_resized(larger, half), np.uint8)
        return self._halves[times]

    def scaled(self, size: Size, box: Box | None = None) -> Image:
        """Return the frame, or a box of it, at another size without aliasing.

        Most of a reduction is done by halving, which is exact, vectorised and shared; the last
        step, by less than two along the side that shrinks less, interpolates.

        Args:
            size: ``(width, height)`` of the result.
            box: part of the frame, in its pixels; None for all of it.

        Returns:
            ``(h, w, 3)`` uint8 BGR.
        """
        box = box or Box.whole(self.size)
        return self._scaled_from(_halvings(box, size), size, box)

    def grey(self, size: Size, box: Box | None = None) -> FloatImage:
        """Return the unweighted mean of the three channels at another size; see ``scaled``.

        Returns:
            ``(h, w)`` float32 in 0..1.
        """
        box = box or Box.whole(self.size)
        return self._grey_from(_halvings(box, size), size, box)

    def soft_grey(self, size: Size, box: Box | None = None) -> FloatImage:
        """Return ``grey``, a little softer where the box is reduced to less than a half.

        It is then read from the frame at a quarter of its size, even where the result is larger
        than that: other stages need the quarter too, so no half has to be computed.
        """
        box = box or Box.whole(self.size)
        halvings = _halvings(box, size)
        return self._grey_from(max(2, halvings) if halvings else 0, size, box)

    def _grey_from(self, halvings: int, size: Size, box: Box) -> FloatImage:
        import cv2

        key = (halvings, size, box)
        if key not in self._greys:
            pixels = self._scaled_from(halvings, size, box).astype(np.float32)
            self._greys[key] = np.asarray(cv2.transform(pixels, _MEAN_OF_LEVELS), np.float32)
        return self._greys[key]

    def _scaled_from(self, halvings: int, size: Size, box: Box) -> Image:
        """Return ``box`` at ``size``, from the frame halved so many times."""
        image = self.halved(halvings)
        if box == Box.whole(self.size):
            if image.shape[1::-1] == size:
                return image
            part = image
        else:
            across, down = image.shape[1] / self.size[0], image.shape[0] / self.size[1]
            left = min(round(box.left * across), image.shape[1] - 1)
            top = min(round(box.top * down), image.shape[0] - 1)
            right, bottom = round(box.right * across), round(box.bottom * down)
            part = image[top : max(top + 1, bottom), left : max(left + 1, right)]
        key = (halvings, size, box)
        if key not in self._scaled:
            self._scaled[key] = np.asarray(_resized(part, size), np.uint8)
        return self._scaled[key]


def _halvings(box: Box, size: Size) -> int:
    """Return how often a box can be halved before it is smaller than ``size``."""
    times = 0
    while min(box.width / size[0], box.height / size[1]) >= 2 ** (times + 1):
        times += 1
    return times


def _resized(image: NDArray[Any], size: Size) -> NDArray[Any]:
    """Return ``image`` at ``size``, without aliasing.

    OpenCV's linear interpolation is the exact mean of two by two pixels where it halves, five
    times as fast as its averaging elsewhere, and leaves no pixel out up to a factor of two.
    """
    import cv2

    halved = image.shape[1] <= 2 * size[0] and image.shape[0] <= 2 * size[1]
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR if halved else cv2.INTER_AREA)


@dataclass(frozen=True, slots=True)
class Matte:
    """An alpha matte in its small, linear form: ``alpha = clip(gain * grey + offset, 0, 1)``.

    ``grey`` is the unweighted mean of a frame's three channels in 0..1 at full size; ``gain`` and
    ``offset`` are upsampled bilinearly (half-pixel centres) from the network's size. That is the
    local linear model of the guided filter (He et al. 2013, eq. 5) whose coefficients Robust Video
    Matting's refiner predicts (Lin et al. 2021, section 3.1.3): the matte stays small, and its
    edges are those of the frame that it is applied to. A plain matte has ``gain`` 0 and ``offset``
    alpha.

    Attributes:
        gain: ``(h, w)`` float32, C-contiguous.
        offset: ``(h, w)`` float32, C-contiguous.
        coarse: ``(h, w)`` float32 in 0..1: the alpha at the network's own size.
        box: the part of the frame that the arrays cover; outside it alpha is 0.
        frame_index: index of the frame that it belongs to.
        captured_ns: that frame's capture time.
        origin: whether the network saw that frame.
        labels: ``(h, w)`` uint8 class indices (PASCAL VOC), from networks that have classes.
    """

    gain: FloatImage
    offset: FloatImage
    coarse: FloatImage
    box: Box
    frame_index: int
    captured_ns: int
    origin: MatteOrigin = "inferred"
    labels: NDArray[np.uint8] | None = None

    @property
    def size(self) -> Size:
        """``(width, height)`` of the coefficient arrays."""
        return self.gain.shape[1], self.gain.shape[0]

    def small_alpha(self, pyramid: FramePyramid) -> FloatImage:
        """Return the alpha of the matte's own frame, at the matte's size and in its box.

        Returns:
            ``(h, w)`` float32 in 0..1, a new array.
        """
        return self._applied(pyramid.grey(self.size, self.box))

    def alpha_over(self, pyramid: FramePyramid, size: Size) -> FloatImage:
        """Return the alpha over all of its frame, at ``size``, which is small: no edge is refined.

        Returns:
            ``(h, w)`` float32 in 0..1, a new array; 0 outside the matte's box.
        """
        across, down = size[0] / pyramid.size[0], size[1] / pyramid.size[1]
        left, top = round(self.box.left * across), round(self.box.top * down)
        right = max(left + 1, round(self.box.right * across))
        bottom = max(top + 1, round(self.box.bottom * down))
        alpha = np.zeros((size[1], size[0]), np.float32)
        soft = self._applied(pyramid.soft_grey(self.size, self.box))
        inside = _resized(soft, (right - left, bottom - top))
        alpha[top:bottom, left:right] = inside[: size[1] - top, : size[0] - left]
        return alpha

    def _applied(self, grey: FloatImage) -> FloatImage:
        alpha = grey * self.gain
        alpha += self.offset
        return np.clip(alpha, 0, 1, out=alpha)


@dataclass(frozen=True, slots=True)
class Composite:
    """A frame as a sink gets it.

    Attributes:
        image: the picture in ``pixel_format``: ``(H, W, 3)`` uint8 BGR, or ``(H, W, 4)`` uint8 BGRA
            with straight alpha, unless the sinks want it otherwise.
        index: index of the source frame.
        captured_ns: capture time of the source frame, monotonic nanoseconds.
        alpha: ``(H, W)`` uint8 matte at full size, where a sink asked for it.
        private: True when it is the privacy card or the bare plate instead of a filtered frame.
        pixel_format: how the picture's pixels lie in memory.
    """

    image: Image
    index: int
    captured_ns: int
    alpha: Image | None = None
    private: bool = False
    pixel_format: PixelFormat = BGR

    @property
    def size(self) -> Size:
        """``(width, height)`` in pixels."""
        return self.pixel_format.size(self.image)
