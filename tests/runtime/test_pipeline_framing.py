"""Auto-framing in the chain: picture and matte move together, and only when they are asked to."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from livebg.config.schema import Settings
from livebg.pixel_format import PixelFormat
from livebg.runtime.backdrop import open_backdrop
from livebg.runtime.pipeline import Pipeline
from livebg.source.synthetic import SyntheticScene
from livebg.temporal.flow import FlowCarrier
from livebg.types import Composite, Frame, Image, Matte, Size
from tests.mattes import plain_matte
from tests.runtime.exact_segmenter import ExactSegmenter

SIZE: Size = (320, 180)
COLOUR = Settings(background="color:#0000ff", every=1, edge_colour=False)


class SmallPerson(SyntheticScene):
    """The drawn figure, a third as large, in the lower right of a wider room."""

    def truth(self, index: int) -> Image:
        far = np.zeros((SIZE[1], SIZE[0]), np.uint8)
        far[120:, 200:307] = super().truth(index)[::3, ::3]
        return far


class Bench:
    def __init__(self, settings: Settings) -> None:
        scene = SmallPerson(SIZE, frame_count=1, motion=0.0)
        self.image = scene.read().image
        self.alpha = scene.truth(0)
        self.pipeline = Pipeline(
            settings,
            _Same(scene),
            FlowCarrier(SIZE),
            open_backdrop(settings.background),
            open_backdrop,
        )
        self._index = 0

    def run(self, seconds: float) -> Composite:
        for _ in range(round(seconds * 30)):
            frame = Frame(self.image, self._index, round(self._index / 30 * 1e9))
            self._index += 1
            composite = self.pipeline.process(frame, want_alpha=True)
        return composite


class _Same(ExactSegmenter):
    """Sees the first frame's truth in every frame."""

    def segment(self, frame: Frame) -> Matte:
        first = super().segment(replace(frame, index=0))
        return plain_matte(first.offset, frame)


def share_of_person(composite: Composite) -> float:
    assert composite.alpha is not None
    return float(composite.alpha.mean() / 255)


def test_the_first_picture_is_whole_and_the_person_then_comes_near() -> None:
    bench = Bench(replace(COLOUR, auto_frame=100))
    first = share_of_person(bench.run(1 / 30))
    assert first == pytest.approx(bench.alpha.mean() / 255, rel=0.1)
    assert share_of_person(bench.run(4.0)) > 3 * first


def test_picture_and_alpha_are_framed_alike() -> None:
    composite = Bench(replace(COLOUR, auto_frame=100)).run(3.0)
    assert composite.size == SIZE
    assert composite.alpha is not None
    assert composite.alpha.shape == (SIZE[1], SIZE[0])
    background = (composite.image == (255, 0, 0)).all(axis=2)
    assert background[composite.alpha == 0].all()
    assert not background[composite.alpha == 255].any()


def test_a_cutout_keeps_its_four_channels() -> None:
    composite = Bench(replace(COLOUR, background="transparent", auto_frame=60)).run(2.0)
    assert composite.image.shape == (SIZE[1], SIZE[0], 4)
    assert composite.alpha is not None
    assert np.array_equal(composite.image[..., 3], composite.alpha)


def test_a_picture_background_stays_where_it_is(tmp_path: Path) -> None:
    picture = np.random.default_rng(8).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    cv2.imwrite(str(tmp_path / "room.png"), picture)
    settings = replace(COLOUR, background=str(tmp_path / "room.png"), auto_frame=100)
    composite = Bench(settings).run(3.0)
    assert composite.alpha is not None
    assert share_of_person(composite) > 0.1
    nobody = composite.alpha == 0
    assert np.array_equal(composite.image[nobody], picture[nobody])


def test_it_comes_in_the_wanted_format() -> None:
    wanted = PixelFormat("i420", "bt601")
    bench = Bench(replace(COLOUR, auto_frame=100))
    bench.run(2.0)
    frame = Frame(bench.image, 99, round(2.1e9))
    assert bench.pipeline.process(frame, pixel_format=wanted).pixel_format == wanted


def test_without_it_nothing_is_done() -> None:
    bench = Bench(COLOUR)
    composite = bench.run(1.0)
    assert "framing" not in bench.pipeline.statistics["stage_ms"]
    assert share_of_person(composite) == pytest.approx(bench.alpha.mean() / 255, rel=0.1)


def test_it_is_switched_on_and_off_between_two_frames() -> None:
    bench = Bench(COLOUR)
    before = bench.run(0.5)
    bench.pipeline.reconfigure(replace(COLOUR, auto_frame=100))
    near = share_of_person(bench.run(4.0))
    bench.pipeline.reconfigure(COLOUR)
    assert share_of_person(bench.run(1 / 30)) > 0.9 * near
    assert np.array_equal(bench.run(15.0).image, before.image)


def test_two_runs_are_the_same() -> None:
    one, other = (Bench(replace(COLOUR, auto_frame=70)).run(1.5) for _ in range(2))
    assert np.array_equal(one.image, other.image)
