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


def test_the_soft_band_along_a_person_stays_as_it_is() -> None:
    alpha = np.tile(np.linspace(1, 0, 8, dtype=np.float32), (9, 1))
    alpha = np.hstack([alpha, np.full((9, 24), 0.05, np.float32)])
    matte = replace(_flat_matte(0), gain=np.zeros_like(alpha), offset=alpha, coarse=alpha)
    after = without_haze(matte).small_alpha(_FRAME)
    # Within two pixels of an alpha of a half nothing is taken; the mean over 3x3 pixels that ends
    # there reaches one pixel further in.
    np.testing.assert_allclose(after[:, :5], alpha[:, :5], atol=1e-6)
    assert (np.diff(after, axis=1) <= 1e-6).all()
    assert after[:, 12:].max() == 0


def test_coefficients_and_coarse_alpha_agree() -> None:
    grey = 120 / 255
    matte = _flat_matte(0.5)
    linear = replace(matte, gain=matte.gain + 1, offset=matte.offset - np.float32(grey))
    cleaned = without_haze(linear)
    np.testing.assert_allclose(cleaned.small_alpha(_FRAME), cleaned.coarse, atol=1e-5)


def _with_smudge(left: int, smudge: float) -> Matte:
    """A person on the left, and something that is half believed from column ``left`` on."""
    alpha = np.zeros((90, 160), np.float32)
    alpha[20:, :50] = 1
    alpha[60:80, left : left + 20] = smudge
    return replace(_flat_matte(0), gain=np.zeros_like(alpha), offset=alpha, coarse=alpha)


def test_what_is_half_believed_far_from_anybody_is_a_thing_in_the_room() -> None:
    after = without_haze(_with_smudge(120, 0.35)).small_alpha(_FRAME)
    assert after[:, 60:].max() == 0
    assert after[20:, :50].min() >= 1 - 1e-6


def test_a_blurred_hand_beside_the_person_stays() -> None:
    after = without_haze(_with_smudge(56, 0.35)).small_alpha(_FRAME)
    # The haze of six per cent is taken there too.
    assert after[62:78, 58:66].min() > 0.28


def test_somebody_else_far_away_stays() -> None:
    after = without_haze(_with_smudge(120, 0.9)).small_alpha(_FRAME)
    assert after[62:78, 122:138].min() > 0.88
