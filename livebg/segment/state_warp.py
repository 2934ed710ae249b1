"""Moving a recurrent state along when the network's crop of the frame moves."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from livebg.types import Box, FloatImage

__all__ = ["warp_state"]


def warp_state(
    old: Sequence[FloatImage], old_box: Box, new: Sequence[FloatImage], new_box: Box
) -> None:
    """Resample every plane of a state from one crop of the frame to another.

    Args:
        old: ``(C, h, w)`` float32 planes, one per level; not modified.
        old_box: the part of the frame that ``old`` covers.
        new: ``(C, h', w')`` float32 planes of the same levels; overwritten where ``old`` covers
            them, left alone elsewhere.
        new_box: the part of the frame that ``new`` covers.
    """
    for source, target in zip(old, new, strict=True):
        height, width = target.shape[1:]
        xs = _positions(width, new_box.left, new_box.width, old_box.left, old_box.width, source, 2)
        ys = _positions(height, new_box.top, new_box.height, old_box.top, old_box.height, source, 1)
        across, down = np.meshgrid(xs, ys)
        for plane, moved in zip(source, target, strict=True):
            cv2.remap(
                np.ascontiguousarray(plane),
                across,
                down,
                cv2.INTER_LINEAR,
                dst=moved,
                borderMode=cv2.BORDER_TRANSPARENT,
            )


def _positions(
    count: int,
    new_first: float,
    new_span: float,
    old_first: float,
    old_span: float,
    source: FloatImage,
    axis: int,
) -> FloatImage:
    """Return where the centres of ``count`` new samples lie in the old plane, in samples.

    Between the outermost samples' centres and the plane's rim, the outermost samples count.
    """
    samples = source.shape[axis]
    frame = new_first + (np.arange(count) + 0.5) * (new_span / count)
    position = (frame - old_first) * (samples / old_span) - 0.5
    covered = (position >= -0.5) & (position <= samples - 0.5)
    inner = np.clip(position, 0, samples - 1)
    return np.asarray(np.where(covered, inner, position), np.float32)
