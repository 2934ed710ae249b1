"""A network that takes everything for a person, or fails: the room must not be shown."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from livebg.config.settings import Every, Settings
from livebg.errors import ModelError
from livebg.frame import Box, Composite, Frame, Matte
from livebg.pipeline import Pipeline
from tests.privacy.test_pipeline_marker import LATENCIES, SIZE, FakeNetwork, leaks, play
from tests.support.fakes import processed, scene, shows_room

Spoil = Callable[[Matte], Matte]

WHITE = Settings(background="white", every=1, edge_colour=False)


def _filled(level: float) -> Spoil:
    def spoil(matte: Matte) -> Matte:
        alpha = np.full_like(matte.offset, level)
        return replace(matte, offset=alpha, coarse=alpha)

    return spoil


def _coefficients(gain: float, offset: float) -> Spoil:
    """What a network that predicts coefficients may break into."""

    def spoil(matte: Matte) -> Matte:
        return replace(
            matte,
            gain=np.full_like(matte.gain, gain),
            offset=np.full_like(matte.offset, offset),
            coarse=np.zeros_like(matte.coarse),
        )

    return spoil


def _with_a_hole(matte: Matte) -> Matte:
    alpha = np.ones_like(matte.offset)
    alpha[:4, :4] = 0
    return replace(matte, offset=alpha, coarse=alpha)


def _in_a_box(matte: Matte) -> Matte:
    return replace(_filled(1.0)(matte), box=Box(0, 0, SIZE[0] / 2, SIZE[1]))


def _one_value(value: float) -> Spoil:
    def spoil(matte: Matte) -> Matte:
        offset = matte.offset.copy()
        offset[0, 0] = value
        return replace(matte, offset=offset)

    return spoil


def _of_shape(*shape: int) -> Spoil:
    return lambda matte: replace(matte, offset=np.ones(shape, np.float32))


EVERYTHING = {
    "ones": _filled(1.0),
    "larger than one": _filled(50.0),
    "haze": _filled(0.6),
    "hole": _with_a_hole,
    "box": _in_a_box,
    "offset": _coefficients(0.0, 3.0),
    "gain": _coefficients(30.0, 0.0),
}
NONSENSE = {
    "nan": _one_value(np.nan),
    "inf": _one_value(np.inf),
    "huge": _one_value(1e30),
    "smaller": _of_shape(45, 80),
    "stacked": _of_shape(90, 160, 1),
    "empty": _of_shape(0, 0),
    "beyond": lambda matte: replace(matte, box=Box(0, 0, 2 * SIZE[0], SIZE[1])),
}


def _later(spoil: Spoil, from_call: int) -> Spoil:
    calls = 0

    def spoil_later(matte: Matte) -> Matte:
        nonlocal calls
        calls += 1
        return spoil(matte) if calls > from_call else matte

    return spoil_later


def pipeline_of(settings: Settings, spoil: Spoil) -> Pipeline:
    return Pipeline(settings, SIZE, segmenter=FakeNetwork(spoil))


def frame_at(index: int) -> Frame:
    return Frame(scene(SIZE), index, round(index / 30 * 1e9))


def run(pipeline: Pipeline, frames: int) -> list[Composite]:
    return [processed(pipeline, frame_at(index)) for index in range(frames)]


@pytest.mark.parametrize("wrong", EVERYTHING)
@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("from_call", [0, 4], ids=["at once", "later"])
def test_a_session_whose_network_claims_everything(
    wrong: str, latency: str, from_call: int
) -> None:
    settings = replace(WHITE, latency=latency)
    assert not leaks(play(settings, _later(EVERYTHING[wrong], from_call), frames=12))


@pytest.mark.parametrize("wrong", NONSENSE)
@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("from_call", [0, 4], ids=["at once", "later"])
def test_a_session_whose_network_answers_with_nonsense(
    wrong: str, latency: str, from_call: int
) -> None:
    settings = replace(WHITE, latency=latency)
    sink = play(settings, _later(NONSENSE[wrong], from_call), frames=12)
    assert not leaks(sink)
    assert sink.cards
    # The good ones may be overtaken by the card on a busy machine.
    assert from_call > 0 or not sink.filtered


@pytest.mark.parametrize("wrong", EVERYTHING)
@pytest.mark.parametrize("every", [1, 3, "auto"])
def test_who_claims_everything_gets_the_plate_and_is_counted(wrong: str, every: Every) -> None:
    settings = replace(WHITE, every=every)
    pipeline = pipeline_of(settings, EVERYTHING[wrong])
    for composite in run(pipeline, 12):
        assert (composite.image == 255).all()
    assert pipeline.statistics["refused"] == pipeline.statistics["inferred"] > 0


def test_once_the_network_works_again_the_person_is_back() -> None:
    broken = _filled(1.0)
    calls = 0

    def spoil(matte: Matte) -> Matte:
        nonlocal calls
        calls += 1
        return broken(matte) if 10 <= calls < 20 else matte

    pipeline = pipeline_of(replace(WHITE, smoothing_s=0.0), spoil)
    composites = run(pipeline, 30)
    middle = [composite.image[90, 160] for composite in composites]
    assert (middle[8] == middle[29]).all()
    assert all((level == 255).all() for level in middle[9:19])
    assert not any(shows_room(composite.image) for composite in composites)
    assert pipeline.statistics["refused"] == 10


@pytest.mark.parametrize("wrong", NONSENSE)
def test_nonsense_is_an_error_without_a_warning(wrong: str) -> None:
    with pytest.raises(ModelError, match="the network answered frame 0"):
        run(pipeline_of(WHITE, NONSENSE[wrong]), 1)


@pytest.mark.parametrize("smoothing_s", [0.0, 0.25, 5.0])
def test_smoothing_lets_nothing_in_by_and_by(smoothing_s: float) -> None:
    settings = replace(WHITE, smoothing_s=smoothing_s)
    for composite in run(pipeline_of(settings, _later(_filled(1.0), 5)), 60):
        assert not shows_room(composite.image)


@pytest.mark.parametrize("spoil", [lambda matte: matte, _later(_filled(1.0), 5)])
def test_auto_framing_shows_no_more_of_the_room(spoil: Spoil) -> None:
    settings = replace(WHITE, auto_frame=100)
    composites = run(pipeline_of(settings, spoil), 60)
    assert not any(shows_room(composite.image) for composite in composites)
