"""Single pictures: filtered with more care than the frames of a video."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livebg.config.load import chosen_settings
from livebg.config.settings import Settings
from livebg.download import Progress
from livebg.frame import Frame, Image, Size
from livebg.models.catalog import CATALOG, VOC_CLASSES
from livebg.pipeline import Pipeline

__all__ = ["FilteredStill", "cutout", "filter_still", "still_settings"]

_DEFAULT_PRESET = "quality"

_INFERENCES = 3
"""Inferences of a network with memory on one picture: its error falls by 7 % with three (0.3 % more
with each further one), most where there is no person."""

_MOST_PIXELS: Size = (1920, 1080)
"""Largest input of a network with classes: the largest network takes 2 GiB for as many pixels, and
half a minute or more on a processor."""


@dataclass(frozen=True, slots=True)
class FilteredStill:
    """A filtered picture.

    Attributes:
        image: ``(H, W, 3)`` uint8 BGR, or ``(H, W, 4)`` BGRA with straight alpha.
        labels: ``(H, W)`` uint8, the PASCAL VOC class of each pixel; of a network without classes,
            person where the matte says so.
    """

    image: Image
    labels: NDArray[np.uint8]


def cutout(picture: Image, *, preset: str | None = None, **overrides: Any) -> Image:
    """Cut the person out of one picture.

    Each call loads the network, which takes a second or so; use ``Pipeline`` for many pictures.

    Args:
        picture: ``(H, W, 3)`` uint8 BGR, not altered.
        preset: name of a preset, ``quality`` by default.
        overrides: settings by name, as text or value.

    Returns:
        ``(H, W, 4)`` uint8 BGRA with straight alpha.

    Raises:
        SettingsError: a setting is unknown or out of range.
        ModelError: the network cannot be loaded, or failed.
    """
    overrides.setdefault("background", "transparent")
    settings = chosen_settings(None, preset, overrides, default_preset=_DEFAULT_PRESET)
    if "matte_size" not in overrides:
        settings = still_settings(settings, (picture.shape[1], picture.shape[0]))
    return filter_still(picture, settings).image


def still_settings(settings: Settings, size: Size) -> Settings:
    """Return ``settings`` with which a network with classes sees a picture's own pixels.

    RVM's coefficients reach full size without that.
    """
    entry = CATALOG.get(settings.model)
    if entry is None or not entry.classes:
        return settings
    return replace(settings, matte_size=min(size, _MOST_PIXELS, key=lambda side: side[0] * side[1]))


def filter_still(
    picture: Image, settings: Settings, *, progress: Progress | None = None
) -> FilteredStill:
    """Filter one picture.

    Args:
        picture: ``(H, W, 3)`` uint8 BGR, not altered.
        settings: all settings.
        progress: told how far a download of weights is.
    """
    frame = Frame(picture, index=0, captured_ns=0)
    with Pipeline(settings, frame.size, progress=progress) as pipeline:
        pipeline.warm_up(frame, _INFERENCES - 1)
        matte = pipeline.matte(frame)
        assert matte is not None  # only a live pipeline is ever late
        composite = pipeline.compose(frame, matte, want_alpha=True)
        labels = pipeline.labels(frame, matte)
    if labels is None:
        assert composite.alpha is not None  # it was asked for
        labels = np.where(composite.alpha > 127, VOC_CLASSES.index("person"), 0).astype(np.uint8)
    return FilteredStill(composite.image, labels)
