"""From one preset to another while a session runs."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import Any

from livebg.config.load import read_config
from livebg.config.presets import BY_COST, preset_path
from livebg.config.schema import SETTINGS, Settings

__all__ = ["preset_of", "with_preset"]


def preset_of(settings: Settings) -> str | None:
    """Return which of the presets that differ by cost ``settings`` agree with, or None.

    Raises:
        SettingsError: a preset's file cannot be read.

    Example:
        >>> preset_of(with_preset(Settings(mirror=True), "fast"))
        'fast'
    """
    return next((name for name in BY_COST if with_preset(settings, name) == settings), None)


def with_preset(settings: Settings, name: str) -> Settings:
    """Return ``settings`` with all that tells the presets apart as ``name`` has it.

    Args:
        settings: what holds now; what no preset of ``BY_COST`` touches stays.
        name: one of ``BY_COST``.

    Raises:
        SettingsError: a preset's file cannot be read.
    """
    touched = {key for other in BY_COST for key in _values(other)}
    defaults = {key: SETTINGS[key].default for key in touched}
    return replace(settings, **(defaults | _values(name)))


@cache
def _values(name: str) -> MappingProxyType[str, Any]:
    return MappingProxyType(read_config(preset_path(name, "the keys")))
