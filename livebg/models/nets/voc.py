"""The classes of PASCAL VOC 2012 (Everingham et al. 2015) and the colours they are drawn in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from livebg.errors import UsageError
from livebg.nearest import did_you_mean
from livebg.types import Image

__all__ = ["VOC_CLASSES", "class_indices", "voc_palette"]

VOC_CLASSES = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
"""Class names by index."""


def class_indices(names: Sequence[str]) -> tuple[int, ...]:
    """Return the indices of classes, ascending and each once.

    Args:
        names: class names in any order; upper case is accepted.

    Raises:
        UsageError: there is no name, or one of them is no class.

    Example:
        >>> class_indices(["person", "dog"])
        (12, 15)
    """
    if not names:
        raise UsageError(f"no class to keep was named; choose from {', '.join(VOC_CLASSES)}")
    return tuple(sorted({_class_index(name) for name in names}))


def _class_index(name: str) -> int:
    lowered = name.strip().lower()
    if lowered in VOC_CLASSES:
        return VOC_CLASSES.index(lowered)
    raise UsageError(
        f"no class is named {name!r}; choose from {', '.join(VOC_CLASSES)}"
        f"{did_you_mean(lowered, VOC_CLASSES)}"
    )


def voc_palette(count: int = len(VOC_CLASSES)) -> Image:
    """Return the colours of the first ``count`` classes, as the VOC development kit draws them.

    Bits 0, 1, 2 of a class index are the highest bits of its red, green and blue, bits 3, 4, 5 the
    next lower ones, and so on.

    Returns:
        ``(count, 3)`` uint8 in BGR.

    Example:
        >>> voc_palette()[15].tolist()
        [128, 128, 192]
    """
    indices = np.arange(count, dtype=np.uint32)
    colours = np.zeros((count, 3), np.uint8)
    for place in range(8):
        for bit, channel in enumerate((2, 1, 0)):
            value = (indices >> (3 * place + bit)) & 1
            colours[:, channel] |= (value << (7 - place)).astype(np.uint8)
    return colours
