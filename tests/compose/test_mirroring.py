from dataclasses import replace

import numpy as np
import pytest

from livebg.compose.mirroring import mirrored
from livebg.types import Box, Frame, Image
from tests.mattes import plain_matte

PICTURE: Image = np.random.default_rng(3).integers(0, 256, (72, 128, 3), np.uint8)


def test_a_picture_and_its_matte_are_turned_together() -> None:
    frame = Frame(PICTURE, 7, 11)
    alpha = np.random.default_rng(4).random((9, 16), np.float32)
    matte = replace(plain_matte(alpha, frame), box=Box(10, 5, 50, 72))
    shown, turned = mirrored(frame, matte)
    assert np.array_equal(shown.image, PICTURE[:, ::-1])
    assert (shown.index, shown.captured_ns) == (7, 11)
    assert turned.box == Box(78, 5, 118, 72)
    found = turned.alpha_over(shown, (64, 36))
    assert found == pytest.approx(matte.alpha_over(frame, (64, 36))[:, ::-1], abs=1e-6)


def test_turning_twice_gives_what_was_there() -> None:
    frame = Frame(PICTURE, 7, 11)
    labels = np.arange(144, dtype=np.uint8).reshape(9, 16)
    matte = replace(plain_matte(np.eye(9, 16, dtype=np.float32), frame), labels=labels)
    shown, turned = mirrored(*mirrored(frame, matte))
    assert np.array_equal(shown.image, frame.image)
    assert turned.box == matte.box
    for name in ("gain", "offset", "coarse", "labels"):
        plane = getattr(turned, name)
        assert np.array_equal(plane, getattr(matte, name))
        assert plane.flags.c_contiguous
