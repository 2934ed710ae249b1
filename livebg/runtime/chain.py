"""What the live session needs of a pipeline, and which settings it can change in one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Protocol

from livebg.config.schema import Settings
from livebg.pixel_format import BGR, PixelFormat
from livebg.types import Composite, Frame

__all__ = ["LIVE_SETTINGS", "Chain", "added_up", "patient", "same_network"]

LIVE_SETTINGS = frozenset(
    {
        "auto_frame",
        "background",
        "camera",
        "cpu_budget",
        "edge_colour",
        "every",
        "fps",
        "max_age",
        "max_matte_age_s",
        "max_residual",
        "mirror",
        "size",
        "smoothing_s",
    }
)
"""Settings that a pipeline can take over between two frames; any other needs another network."""

_NETWORK_SETTINGS = frozenset(item.name for item in fields(Settings)) - LIVE_SETTINGS

_AT_FIRST_S = 10.0
_COUNTS = frozenset({"frames", "inferred", "refused"})


class Chain(Protocol):
    """What a live session needs of ``livebg.runtime.pipeline.Pipeline``."""

    @property
    def statistics(self) -> Mapping[str, Any]:
        """What the mask scheduler and the stages did."""

    def clear_statistics(self) -> None:
        """Count from zero again."""

    def process(
        self, frame: Frame, *, want_alpha: bool = False, pixel_format: PixelFormat = BGR
    ) -> Composite:
        """Return the filtered ``frame``."""

    def prepare(self, settings: Settings) -> None:
        """Do what takes time of ``reconfigure``; any thread may call it meanwhile."""

    def reconfigure(self, settings: Settings) -> None:
        """Take over settings that need no other network."""

    def reset(self) -> None:
        """Forget all earlier frames."""

    def close(self) -> None:
        """Release what it holds."""


def patient(settings: Settings) -> Settings:
    """Return ``settings`` with which a network may take its time, as it does at first."""
    return replace(settings, max_matte_age_s=_AT_FIRST_S)


def same_network(one: Settings, other: Settings) -> bool:
    """Say whether one pipeline can serve both settings, one after the other."""
    return all(getattr(one, name) == getattr(other, name) for name in _NETWORK_SETTINGS)


def added_up(past: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """Return the statistics of two pipelines, one after the other: counts added, the rest new.

    Example:
        >>> added_up({"frames": 3, "reasons": {"age": 1}}, {"frames": 4, "model": "rvm"})
        {'frames': 7, 'reasons': {'age': 1}, 'model': 'rvm'}
    """
    both = {**past, **present}
    for name in _COUNTS & both.keys():
        both[name] = past.get(name, 0) + present.get(name, 0)
    if "reasons" in both:
        both["reasons"] = dict(Counter(past.get("reasons")) + Counter(present.get("reasons")))
    return both
