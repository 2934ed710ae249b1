"""Presets: the configuration files that come with livebg."""

from __future__ import annotations

from pathlib import Path

from livebg.errors import SettingsError
from livebg.nearest import did_you_mean

__all__ = ["BY_COST", "DEFAULT_PRESET", "preset_names", "preset_path", "presets_folder"]

DEFAULT_PRESET = "balanced"
"""The preset of the command line when nobody names one."""

BY_COST = ("fast", "balanced", "quality")
"""The presets that differ by cost alone, weakest machine first; the others follow by name."""


def presets_folder() -> Path:
    """Return the folder of ``NAME.toml`` files.

    An installed livebg carries it inside the package; in a working tree, which an editable
    install points at, it lies beside the package.
    """
    package = Path(__file__).resolve().parents[1]
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def preset_names() -> tuple[str, ...]:
    """Return the names of the presets, those that differ by cost first, weakest machine first."""
    found = {file.stem for file in presets_folder().glob("*.toml")}
    by_cost = [name for name in BY_COST if name in found]
    return (*by_cost, *sorted(found.difference(by_cost)))


def preset_path(name: str, origin: str) -> Path:
    """Return the file of the preset ``name``.

    Args:
        name: the preset.
        origin: where it was asked for, for the message.

    Raises:
        SettingsError: there is no such preset.
    """
    names = preset_names()
    if name not in names:
        raise SettingsError(
            f"{origin}: there is no preset {name!r}, only {', '.join(names)}"
            f"{did_you_mean(name, names)}"
        )
    return presets_folder() / f"{name}.toml"
