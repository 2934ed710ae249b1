"""Views of pictures for compiled code.

Compiled code is made once for each combination of array kinds, hence every argument is passed as
a read-only, contiguous view.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["PIXEL", "Picture", "picture", "read_only"]

PIXEL = np.dtype([("blue", "u1"), ("green", "u1"), ("red", "u1")])


class Picture(NamedTuple):
    """Two views of the same rows.

    Attributes:
        pixels: ``(rows, W)`` of records: compiled code reads ``pixels[y, x].blue``.
        channels: ``(rows, W * 3)``: blue, green, red, blue, green, red ...
    """

    pixels: NDArray[Any]
    channels: NDArray[Any]


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only, contiguous view of ``array``."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def picture(image: NDArray[np.uint8]) -> Picture:
    """Return views of ``image``, ``(H, W, 3)`` uint8 BGR; its records are ``PIXEL``."""
    image = read_only(image)
    return Picture(image.view(PIXEL)[..., 0], image.reshape(image.shape[0], -1))
