"""A camera that is pulled out and plugged in again, while an app goes on reading."""

from __future__ import annotations

import numpy as np
import pytest

from livebg.frame import Image
from tests.system.footage import BACKGROUND_BGR
from tests.system.studio import Studio

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]

_TOLERANCE = 12
"""Levels that I420 and the sampling of a colour may cost."""


def is_background(image: Image) -> bool:
    """Say whether the new background fills most of ``image``: a room with nobody in it."""
    median = np.median(image.reshape(-1, 3), axis=0)
    return bool(np.abs(median - BACKGROUND_BGR).max() < _TOLERANCE)


def is_card(image: Image) -> bool:
    """Say whether ``image`` is dark and grey, as the privacy card is."""
    median = np.median(image.reshape(-1, 3), axis=0)
    return bool(median.max() < 70 and np.ptp(median) < 25)


def test_a_camera_is_plugged_in_again(studio: Studio) -> None:
    studio.load_vivid()
    job = studio.start_livebg()
    with studio.read() as app:
        app.wait_for(1, is_background, timeout_s=400)
        studio.unplug_vivid()
        app.wait_for(1, is_card, after=len(app.pictures()), timeout_s=60)
        studio.plug_vivid_in()
        app.wait_for(1, is_background, after=len(app.pictures()), timeout_s=120)
    odd = [
        index
        for index, image in enumerate(app.pictures())
        if not (is_background(image) or is_card(image))
    ]
    assert not odd, f"these pictures in {app.folder} are neither filtered nor a card: {odd}"
    assert job.stop() == 0
