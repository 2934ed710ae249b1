from dataclasses import replace

import numpy as np

from livebg.refine.haze import without_haze
from livebg.types import Box, Frame, Matte


def _flat_matte(alpha: float) -> Matte:
    plane = np.full((4, 4), alpha, np.float32)
    return Matte(
        gain=np.zeros_like(plane),
        offset=plane,
        coarse=plane,
        box=Box(0, 0, 16, 16),
        frame_index=0,
        captured_ns=0,
    )


_FRAME = Frame(np.full((16, 16, 3), 120, np.uint8), 0, 0)


def test_a_smudge_of_five_per_cent_disappears() -> None:
    assert without_haze(_flat_matte(0.05)).small_alpha(_FRAME).max() == 0


def test_the_person_stays_whole() -> None:
    # 1e-6: two float32 roundings of values near 1.
    assert without_haze(_flat_matte(1.0)).small_alpha(_FRAME).min() >= 1 - 1e-6


def test_the_soft_band_keeps_its_order_and_moves_little() -> None:
    levels = np.linspace(0.2, 1.0, 9)
    after = [float(without_haze(_flat_matte(a)).small_alpha(_FRAME)[0, 0]) for a in levels]
    assert after == sorted(after)
    # The map moves alpha by haze * (1 - alpha) / (1 - haze), at most 0.052 from 0.2 on.
    assert np.abs(np.array(after) - levels).max() < 0.06


def test_coefficients_and_coarse_alpha_agree() -> None:
    grey = 120 / 255
    matte = _flat_matte(0.5)
    linear = replace(matte, gain=matte.gain + 1, offset=matte.offset - np.float32(grey))
    cleaned = without_haze(linear)
    np.testing.assert_allclose(cleaned.small_alpha(_FRAME), cleaned.coarse, atol=1e-5)
