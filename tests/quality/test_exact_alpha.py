"""The real network through the real pipeline, on pictures whose alpha is known exactly.

A real person is cut out of the talking-head clip with the network at twice its usual size and put
in front of a drawn room: whatever that cut-out is, it is the exact alpha of the new picture. The
drawn person, with loose hair and a waving arm, is harder and owes nothing to the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from livebg.config.settings import Every, Settings
from livebg.pipeline import Pipeline
from livebg.sources.video import VideoFile
from tests.support import exact_footage
from tests.support.exact_footage import SIZE, Footage, Score, cutouts_of, over_room
from tests.support.mattes import full_alpha
from tests.support.scenes import SyntheticScene

COUNT = 32
WARM = 16
"""Frames after which the recurrent network has settled, also where it sees every other one."""


@pytest.fixture(scope="module")
def real_person(
    rvm_weights: Path, talking_head_clip: Path, tmp_path_factory: pytest.TempPathFactory
) -> Footage:
    cache = tmp_path_factory.mktemp("openvino")
    return over_room(
        cutouts_of(talking_head_clip, rvm_weights, cache, input_size=(512, 288), count=COUNT)
    )


@pytest.fixture(scope="module")
def drawn_person() -> Footage:
    scene = SyntheticScene(SIZE, frame_count=COUNT)
    return Footage(list(scene), [scene.truth(index) for index in range(COUNT)])


def score(footage: Footage, every: Every) -> Score:
    settings = Settings(background="white", precision="f32", every=every)
    return exact_footage.score(footage, settings, warm=WARM)


def assert_costs_little(fewer: Sequence[Score], all_frames: Score, mad: float) -> None:
    for carried in fewer:
        assert carried.inferred <= COUNT / 2 + 1
        assert carried.mad <= all_frames.mad + mad
        assert carried.dtssd <= all_frames.dtssd + 1.0


def test_a_real_person_is_matted_exactly(rvm_weights: Path, real_person: Footage) -> None:
    every_frame = score(real_person, 1)
    # Measured: MAD 4.2 and dtSSD 1.0 at 320x192, mostly at hair finer than a pixel of that. A
    # third more would be seen as a coarser outline.
    assert every_frame.mad <= 5.6
    assert every_frame.dtssd <= 1.4
    # Measured: none with every other frame, 0.3 with auto; the person hardly moves.
    assert_costs_little([score(real_person, 2), score(real_person, "auto")], every_frame, mad=0.5)


def test_a_drawn_person_is_matted_well(rvm_weights: Path, drawn_person: Footage) -> None:
    every_frame = score(drawn_person, 1)
    # Measured: MAD 10.0 and dtSSD 3.2, with half of the picture's height in loose hair.
    assert every_frame.mad <= 13.0
    assert every_frame.dtssd <= 4.2
    # Measured: 0.2 more, at the fingers of the waving hand.
    assert_costs_little([score(drawn_person, 2)], every_frame, mad=1.0)


def test_what_is_skipped_for_speed_cannot_be_seen(
    rvm_weights: Path, talking_head_clip: Path, tmp_path: Path
) -> None:
    """The compositor looks at mixed tiles only; a real network's alpha is nowhere exactly pure."""
    with (
        Pipeline(Settings(background="white", precision="f32", every=1), SIZE) as pipeline,
        VideoFile(talking_head_clip) as video,
    ):
        for frame in islice(video, 4):
            matte = pipeline.matte(frame)
            assert matte is not None
            alpha = pipeline.compose(frame, matte, want_alpha=True).alpha
            assert alpha is not None
            # Tiles within 4 levels of pure are taken for pure; 2 for detail within a matte's pixel.
            assert np.abs(alpha - 255 * full_alpha(matte, frame)).max() <= 6


def test_frames_are_the_figure_over_the_room_with_exactly_the_truth() -> None:
    scene = SyntheticScene((160, 120), frame_count=8)
    for frame in scene:
        alpha = scene.truth(frame.index)
        assert alpha.shape == (120, 160)
        assert np.array_equal(frame.image[alpha == 0], scene.room[alpha == 0])
        # What the room leaves of the picture must be a colour: alpha * F = I - (1 - alpha) * B.
        share = alpha[..., None] / 255
        rest = frame.image - (1 - share) * scene.room
        assert rest.min() >= -0.5 - 1e-6  # rounding
        assert (rest - 255 * share).max() <= 0.5 + 1e-6
