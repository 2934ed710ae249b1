"""Settings are read in layers: defaults < preset < configuration file < environment < options.

Each layer may name the preset; the strongest that does decides. A preset is a configuration file
that comes with livebg.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from livebg.config.settings import SETTINGS, Settings, check_value
from livebg.errors import SettingsError, did_you_mean

__all__ = [
    "BY_COST",
    "CONFIG_VARIABLE",
    "DEFAULT_PRESET",
    "change_settings",
    "chosen_settings",
    "load_settings",
    "preset_names",
    "preset_of",
    "presets_folder",
    "read_config",
    "with_preset",
]

DEFAULT_PRESET = "balanced"
"""The preset where no layer names one."""

BY_COST = ("fast", "balanced", "quality")
"""The presets that differ by cost alone, cheapest first."""

CONFIG_VARIABLE = "LIVEBG_CONFIG"

_PREFIX = "LIVEBG_"
_PRESET_VARIABLE = "LIVEBG_PRESET"
_VARIABLES = {_PREFIX + name.upper(): name for name in SETTINGS}
_OTHER_VARIABLES = (CONFIG_VARIABLE, _PRESET_VARIABLE, "LIVEBG_CACHE", "LIVEBG_TEST_CACHE")

_LARGEST_CONFIG_BYTES = 1_000_000
"""A configuration file has a few hundred bytes; a video named by mistake is not read whole."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def presets_folder() -> Path:
    """Return the folder of ``NAME.toml`` files: in the package, or beside it in a working tree."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def preset_names() -> tuple[str, ...]:
    """Return the names of the presets: those that differ by cost, then the others by name."""
    found = {file.stem for file in presets_folder().glob("*.toml")}
    return (*BY_COST, *sorted(found.difference(BY_COST)))


def chosen_settings(
    settings: Settings | None,
    preset: str | None,
    overrides: Mapping[str, Any],
    *,
    default_preset: str = DEFAULT_PRESET,
) -> Settings:
    """Return ``settings``, or where there are none, those that a preset and single ones make.

    Raises:
        SettingsError: both are given, or a setting or the preset is unknown or out of range.
    """
    if settings is None:
        chosen = load_settings(preset=preset, default_preset=default_preset)
        return change_settings(chosen, overrides, "settings")
    if preset is not None or overrides:
        raise SettingsError("give either whole settings, or a preset and single settings")
    return settings


def load_settings(
    *,
    preset: str | None = None,
    config: Path | None = None,
    environment: Mapping[str, str] = _NOTHING,
    overrides: Mapping[str, Any] = _NOTHING,
    default_preset: str | None = None,
) -> Settings:
    """Return the settings that all layers together ask for.

    Args:
        preset: name of a preset; goes before those that the environment and the file name.
        config: a TOML file; without it, the file that ``LIVEBG_CONFIG`` names, if any.
        environment: variables, of which those that start with ``LIVEBG_`` are read.
        overrides: texts or values of command line options by setting name; go before all else.
        default_preset: preset when no layer names one.

    Raises:
        SettingsError: a setting, a variable or a preset is unknown; a value is not allowed; a file
            cannot be read or is no TOML.

    Example:
        >>> load_settings(preset="fast", overrides={"mirror": "yes"}).mirror
        True
    """
    variables = _livebg_variables(environment)
    if config is None and CONFIG_VARIABLE in variables:
        config = Path(variables[CONFIG_VARIABLE])
    from_file = {} if config is None else read_config(config)
    layers = (
        (preset, "--preset"),
        (variables.get(_PRESET_VARIABLE), _PRESET_VARIABLE),
        (from_file.pop("preset", None), str(config)),
        (default_preset, "the default preset"),
    )
    named, origin = next((layer for layer in layers if layer[0] is not None), (None, ""))
    values = {} if named is None else dict(_read_preset(named, origin))
    values |= from_file
    for variable, text in variables.items():
        if variable in _VARIABLES:
            values |= _checked({_VARIABLES[variable]: text}, variable)
    for name, value in overrides.items():
        values |= _checked({name: value}, f"--{name.replace('_', '-')}")
    return Settings(**values)


def change_settings(settings: Settings, changes: Mapping[str, Any], origin: str) -> Settings:
    """Return ``settings`` with ``changes``, all of them checked, or raise and change nothing.

    Args:
        settings: the values to start from.
        changes: texts or values by setting name.
        origin: where the changes come from, for messages.

    Raises:
        SettingsError: a setting is unknown, or its value is not allowed.

    Example:
        >>> change_settings(Settings(), {"mirror": "yes"}, "the panel").mirror
        True
    """
    return replace(settings, **_checked(changes, origin)) if changes else settings


def read_config(path: Path) -> dict[str, Any]:
    """Return the checked values of a TOML file by setting name, and ``preset`` if it names one.

    Raises:
        SettingsError: the file cannot be read, is no TOML, or has a key or value not allowed.
    """
    values = _read_toml(path)
    preset = {"preset": values.pop("preset")} if "preset" in values else {}
    for value in preset.values():
        if not isinstance(value, str):
            raise SettingsError(f"{path}: preset cannot be {value}, it must be a name in quotes")
    return _checked(values, str(path), valid=(*SETTINGS, "preset")) | preset


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
    """Return ``settings`` with all that the presets of ``BY_COST`` say as preset ``name`` has it.

    Raises:
        SettingsError: a preset's file cannot be read.
    """
    touched = {key for other in BY_COST for key in _read_preset(other, "presets")}
    defaults = {key: SETTINGS[key].default for key in touched}
    return replace(settings, **{**defaults, **_read_preset(name, "presets")})


@cache
def _read_preset(name: str, origin: str) -> Mapping[str, Any]:
    names = preset_names()
    if name not in names:
        raise SettingsError(
            f"{origin}: there is no preset {name!r}, only {', '.join(names)}"
            f"{did_you_mean(name, names)}"
        )
    return MappingProxyType(read_config(presets_folder() / f"{name}.toml"))


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_CONFIG_BYTES + 1)
    except OSError as error:
        raise SettingsError(
            f"{path}: the configuration file cannot be read ({error.strerror or error}), "
            "name a TOML file that exists"
        ) from error
    if len(content) > _LARGEST_CONFIG_BYTES:
        raise SettingsError(
            f"{path}: this is no configuration file, it has more than {_LARGEST_CONFIG_BYTES} bytes"
        )
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = "it is no UTF-8 text" if isinstance(error, UnicodeDecodeError) else error
        raise SettingsError(f"{path}: the configuration file is no valid TOML: {reason}") from error


def _livebg_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return livebg's variables that have a value; an empty one counts as not set."""
    valid = (*_VARIABLES, *_OTHER_VARIABLES)
    ours = {name: text for name, text in environment.items() if name.startswith(_PREFIX)}
    for name in ours:
        if name not in valid:
            raise SettingsError(
                f"{name}: livebg reads no such environment variable, unset or rename it"
                f"{did_you_mean(name, valid, prefix=_PREFIX)}"
            )
    return {name: text for name, text in ours.items() if text}


def _checked(
    values: Mapping[str, Any], origin: str, valid: Iterable[str] = tuple(SETTINGS)
) -> dict[str, Any]:
    """Return ``values`` as ``Settings`` holds them; each must be the value of a setting."""
    for name in values:
        if name not in SETTINGS:
            raise SettingsError(
                f"{origin}: there is no setting {name!r}{did_you_mean(name, valid)}"
            )
    return {name: check_value(SETTINGS[name], value, origin) for name, value in values.items()}
