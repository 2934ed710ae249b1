from dataclasses import replace

import numpy as np
import pytest

from livebg.errors import ModelError
from livebg.runtime.refinement import Refinement
from livebg.source.synthetic import SyntheticScene
from livebg.temporal.flow import FlowCarrier
from livebg.types import FloatImage, Frame, Matte, Size
from tests.mattes import full_alpha, noise_matte, plain_matte, shrunk

SIZE: Size = (320, 180)
SMALL: Size = (160, 90)


class Bench:
    """A still scene, seen again and again."""

    def __init__(self, *, recurrent: bool = False, smoothing_s: float = 0.25) -> None:
        self.scene = SyntheticScene(SIZE, frame_count=1, motion=0.0)
        self.image = self.scene.read().image
        self.carrier = FlowCarrier(SIZE)
        self.refinement = Refinement(self.carrier, recurrent=recurrent, smoothing_s=smoothing_s)
        self._index = 0

    @property
    def truth(self) -> FloatImage:
        return shrunk(self.scene.truth(0) / 255, SMALL)

    def next_frame(self) -> Frame:
        frame = Frame(self.image, self._index, round(self._index / 30 * 1e9))
        self._index += 1
        return frame

    def refine(self, alpha: FloatImage) -> tuple[Matte, Frame]:
        frame = self.next_frame()
        matte = self.refinement.refine(plain_matte(alpha, frame), frame)
        self.carrier.set_anchor(frame, matte)
        return matte, frame


def test_a_plain_matte_gets_the_frames_edges() -> None:
    bench = Bench()
    matte, frame = bench.refine(bench.truth)
    assert matte.gain.any()
    assert np.abs(full_alpha(matte, frame) - bench.scene.truth(0) / 255).mean() < 0.02


def test_coefficients_are_kept_but_for_the_haze() -> None:
    bench = Bench(recurrent=True)
    frame = bench.next_frame()
    matte = noise_matte(frame, SMALL)
    # Somebody is never far, but not near everywhere: there the haze is taken.
    stripes = (np.arange(SMALL[0]) // 8 % 2).astype(np.float32)
    matte = replace(matte, offset=matte.offset - 0.3, coarse=matte.coarse * stripes)
    refined = bench.refinement.refine(matte, frame)
    before, after = matte.small_alpha(frame), refined.small_alpha(frame)
    # Float32, of values up to some tens.
    assert (after <= before + 1e-5).all()
    assert (after >= np.clip((before - 0.06) / 0.94, 0, 1) - 1e-5).all()
    assert np.abs(after - before).max() > 0.01


@pytest.mark.parametrize(
    ("recurrent", "smoothing_s", "smooths"),
    [(False, 0.25, True), (False, 0.0, False), (True, 0.25, False)],
)
def test_only_networks_without_memory_are_smoothed(
    recurrent: bool, smoothing_s: float, smooths: bool
) -> None:
    bench = Bench(recurrent=recurrent, smoothing_s=smoothing_s)
    bench.refine(bench.truth)
    less, _ = bench.refine(0.5 * bench.truth)
    assert (less.coarse[bench.truth > 0.99].mean() > 0.6) == smooths


def test_the_same_frame_again_is_not_averaged() -> None:
    bench = Bench()
    frame = bench.next_frame()
    bench.carrier.set_anchor(frame, bench.refinement.refine(plain_matte(bench.truth, frame), frame))
    again = bench.refinement.refine(plain_matte(0.5 * bench.truth, frame), frame)
    assert again.coarse[bench.truth > 0.99].mean() < 0.51


def test_smoothing_may_be_changed_between_two_mattes() -> None:
    bench = Bench()
    bench.refine(bench.truth)
    bench.refinement.smoothing_s = 0.0
    less, _ = bench.refine(0.5 * bench.truth)
    assert less.coarse[bench.truth > 0.99].mean() < 0.51


def test_a_refused_matte_shows_nobody_and_is_counted() -> None:
    bench = Bench()
    bench.refine(bench.truth)
    matte, frame = bench.refine(np.ones_like(bench.truth))
    assert not full_alpha(matte, frame).any()
    assert bench.refinement.refused == 1


def test_a_reset_forgets_the_mattes_before() -> None:
    """Somebody who fills the picture is believed on the way there, and not out of the blue."""
    bench = Bench()
    near = np.ones_like(bench.truth)
    near[:, :40] = 0
    bench.refine(near)
    assert full_alpha(*bench.refine(np.ones_like(near))).any()
    bench.refinement.reset()
    assert not full_alpha(*bench.refine(np.ones_like(near))).any()


def test_nonsense_is_an_error() -> None:
    bench = Bench()
    with pytest.raises(ModelError, match="frame 0 with values that are no alpha matte"):
        bench.refine(np.full_like(bench.truth, np.nan))
