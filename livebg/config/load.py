"""Presets: the configuration files that come with livebg.

Reading settings: defaults < preset < configuration file < environment < command line.

Each layer may also name the preset, and the strongest that does decides.

From one preset to another while a session runs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from livebg.config.settings import SETTINGS, Setting, Settings, check_value, parse_text
from livebg.errors import SettingsError, did_you_mean

__all__ = [
    "BY_COST",
    "CONFIG_VARIABLE",
    "DEFAULT_PRESET",
    "ENVIRONMENT_PREFIX",
    "change_settings",
    "chosen_settings",
    "load_settings",
    "preset_names",
    "preset_of",
    "preset_path",
    "presets_folder",
    "read_config",
    "with_preset",
]


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


ENVIRONMENT_PREFIX = "LIVEBG_"

CONFIG_VARIABLE = "LIVEBG_CONFIG"
_PRESET_VARIABLE = "LIVEBG_PRESET"
_OTHER_VARIABLES = frozenset({"LIVEBG_CACHE", "LIVEBG_TEST_CACHE"})
"""Variables with our prefix that other parts of livebg read."""

_LARGEST_CONFIG_BYTES = 1_000_000
"""A configuration file has a few hundred bytes; a video named by mistake is not read whole."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


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
        return load_settings(preset=preset, overrides=overrides, default_preset=default_preset)
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
        environment: variables; those that start with ``LIVEBG_`` are read. None are by default:
            pass ``os.environ``.
        overrides: by setting name, the text or the value that the command line or a caller gives;
            goes before everything else.
        default_preset: preset when no layer names one.

    Raises:
        SettingsError: a setting, a variable or a preset is unknown; a value has the wrong type, is
            out of range or is not among the choices; a file cannot be read or is no TOML.

    Example:
        >>> load_settings(preset="fast", overrides={"mirror": "yes"}).mirror
        True
    """
    variables = _known_variables(environment)
    if config is None and CONFIG_VARIABLE in variables:
        config = Path(variables[CONFIG_VARIABLE])
    from_file = _NOTHING if config is None else read_config(config)
    named = (
        (preset, "--preset"),
        (variables.get(_PRESET_VARIABLE), _PRESET_VARIABLE),
        (from_file.get("preset"), str(config)),
        (default_preset, "the default preset"),
    )
    values: dict[str, Any] = {}
    for name, origin in named:
        if name is not None:
            values |= _read_preset(name, origin)
            break
    values |= {key: value for key, value in from_file.items() if key != "preset"}
    for name, setting in SETTINGS.items():
        variable = ENVIRONMENT_PREFIX + name.upper()
        if variable in variables:
            values[name] = parse_text(setting, variables[variable], variable)
    values |= _checked(overrides, _option)
    return Settings(**values)


def change_settings(settings: Settings, changes: Mapping[str, Any], origin: str) -> Settings:
    """Return ``settings`` with ``changes``, all of them checked, or raise and change nothing.

    Args:
        settings: the values to start from.
        changes: texts or values by setting name.
        origin: who asks, for the message.

    Raises:
        SettingsError: as ``load_settings``.

    Example:
        >>> change_settings(Settings(), {"mirror": "yes"}, "the panel").mirror
        True
    """
    return replace(settings, **_checked(changes, lambda _: origin))


def read_config(path: Path) -> dict[str, Any]:
    """Return the checked values of a TOML file by setting name, and ``preset`` if it names one.

    Raises:
        SettingsError: the file cannot be read, is no TOML, or holds a key or value that is not
            allowed.
    """
    content = _read_toml(path)
    values: dict[str, Any] = {}
    for key, value in content.items():
        if key == "preset":
            if not isinstance(value, str):
                raise SettingsError(
                    f"{path}: preset cannot be {value}, it must be a name in quotes"
                )
            values[key] = value
        else:
            setting = _find(key, str(path), (*SETTINGS, "preset"))
            values[key] = check_value(setting, value, str(path))
    return values


def _read_preset(name: str, origin: str) -> dict[str, Any]:
    path = preset_path(name, origin)
    values = read_config(path)
    if "preset" in values:
        raise SettingsError(f"{path}: a preset cannot build on another, remove its key 'preset'")
    return values


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


def _known_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return our variables that have a value; an empty one counts as not set."""
    valid = {ENVIRONMENT_PREFIX + name.upper() for name in SETTINGS}
    valid |= {CONFIG_VARIABLE, _PRESET_VARIABLE, *_OTHER_VARIABLES}
    ours = {name: text for name, text in environment.items() if name.startswith(ENVIRONMENT_PREFIX)}
    for name in ours:
        if name not in valid:
            raise SettingsError(
                f"{name}: livebg reads no such environment variable, unset or rename it"
                f"{did_you_mean(name, valid, prefix=ENVIRONMENT_PREFIX)}"
            )
    return {name: text for name, text in ours.items() if text}


def _checked(values: Mapping[str, Any], origin_of: Callable[[str], str]) -> dict[str, Any]:
    checked = {}
    for name, value in values.items():
        origin = origin_of(name)
        setting = _find(name, origin, SETTINGS)
        read = parse_text if isinstance(value, str) else check_value
        checked[name] = read(setting, value, origin)
    return checked


def _find(name: str, origin: str, valid: tuple[str, ...] | Mapping[str, Setting]) -> Setting:
    if name not in SETTINGS:
        raise SettingsError(f"{origin}: there is no setting {name!r}{did_you_mean(name, valid)}")
    return SETTINGS[name]


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


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
