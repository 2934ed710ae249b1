"""Mattes that are known exactly, and what they should look like at full size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.frame import Box, FloatImage, Frame, Image, Matte, Size


def frame_of(image: Image, index: int = 0) -> Frame:
    """A frame whose pixels nobody may write to."""
    image = np.ascontiguousarray(image)
    image.flags.writeable = False
    return Frame(image, index, captured_ns=index * 40_000_000)


def noise_frame(size: Size, seed: int = 0, index: int = 0) -> Frame:
    """A frame in which every pixel differs from its neighbours."""
    random = np.random.default_rng(seed)
    return frame_of(random.integers(0, 256, (size[1], size[0], 3), np.uint8), index)


def texture(seed: int, size: Size, blob_px: int) -> Image:
    """Soft blobs of some ``blob_px`` pixels."""
    shape = (size[1] // blob_px + 2, size[0] // blob_px + 2, 3)
    coarse = np.random.default_rng(seed).uniform(20, 235, shape).astype(np.float32)
    blobs = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(blobs, 0, 255), np.uint8)


def plain_matte(alpha: NDArray[np.floating], frame: Frame, box: Box | None = None) -> Matte:
    """A matte without detail of its own: ``alpha``, ``(h, w)`` in 0..1, spread over ``box``."""
    alpha = np.ascontiguousarray(alpha, np.float32)
    whole = Box.whole(frame.size)
    return Matte(np.zeros_like(alpha), alpha, alpha, box or whole, frame.index, frame.captured_ns)


def noise_matte(frame: Frame, size: Size = (16, 9), box: Box | None = None, seed: int = 0) -> Matte:
    """Coefficients that differ from pixel to pixel, with alphas below 0 and above 1."""
    random = np.random.default_rng(seed)
    shape = (size[1], size[0])
    gain = random.normal(0, 2, shape).astype(np.float32)
    offset = random.normal(0.5, 0.7, shape).astype(np.float32)
    whole = Box.whole(frame.size)
    coarse = np.clip(offset, 0, 1)
    return Matte(gain, offset, coarse, box or whole, frame.index, frame.captured_ns)


def disc(size: Size, centre: tuple[float, float], radius: float, softness: float) -> FloatImage:
    """An alpha of 1 inside a circle; its edge is ``softness`` wide. Shares of the height."""
    width, height = size
    x = (np.arange(width) + 0.5) / height
    y = (np.arange(height) + 0.5) / height
    distance = np.hypot(x - centre[0], y[:, None] - centre[1])
    return np.asarray(np.clip((radius - distance) / softness + 0.5, 0, 1), np.float32)


def shrunk(alpha: NDArray[np.floating], size: Size) -> FloatImage:
    """``alpha`` averaged down to ``size``."""
    small = cv2.resize(alpha.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def upsampled(plane: FloatImage, box: Box, size: Size) -> NDArray[np.float64]:
    """``plane`` bilinearly at every pixel centre of a frame, with its border continued."""
    height, width = plane.shape
    xs = box.left + (np.arange(width) + 0.5) * box.width / width
    ys = box.top + (np.arange(height) + 0.5) * box.height / height
    columns, rows = np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5
    lines = np.stack([np.interp(columns, xs, line) for line in plane])
    return np.stack([np.interp(rows, ys, line) for line in lines.T], axis=1)


def full_alpha(matte: Matte, frame: Frame) -> NDArray[np.float64]:
    """The definition of a matte: ``clip(gain * grey + offset)`` at full size, 0 outside its box."""
    grey = frame.image.mean(axis=2) / 255
    gain, offset = (upsampled(p, matte.box, frame.size) for p in (matte.gain, matte.offset))
    alpha: NDArray[np.float64] = np.clip(gain * grey + offset, 0, 1)
    columns, rows = np.arange(frame.size[0]) + 0.5, np.arange(frame.size[1]) + 0.5
    alpha[:, (columns < matte.box.left) | (columns > matte.box.right)] = 0
    alpha[(rows < matte.box.top) | (rows > matte.box.bottom)] = 0
    return alpha
