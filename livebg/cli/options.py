"""Options of the command line for settings, derived from the schema."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from livebg.config.load import CONFIG_VARIABLE, DEFAULT_PRESET, load_settings, preset_names
from livebg.config.settings import SETTINGS, Setting, Settings

__all__ = [
    "add_overrides",
    "add_settings_options",
    "config_path",
    "overrides_from",
    "settings_from",
]

_DESTINATION = "setting."
"""Prefix of a setting's place in the parsed arguments, apart from a subcommand's own options."""

_METAVARS = {
    "auto-integer": "N|auto",
    "background": "SPEC",
    "camera": "CAMERA",
    "integer": "N",
    "names": "NAME[,NAME...]",
    "number": "N",
    "size": "WxH",
}
"""Placeholders in ``--help`` by kind of setting."""


def add_settings_options(
    parser: argparse.ArgumentParser,
    *,
    names: Sequence[str] | None = None,
    default_preset: str = DEFAULT_PRESET,
) -> None:
    """Add ``--preset``, ``--config`` and an option for each of ``names`` (all by default)."""
    group = parser.add_argument_group("settings")
    presets = preset_names()
    group.add_argument(
        "--preset",
        metavar="NAME",
        help=f"start from a preset: {', '.join(presets)} (default {default_preset})",
    )
    group.add_argument("--config", type=Path, metavar="FILE", help="read settings from a TOML file")
    defaults = load_settings(preset=default_preset)
    for name in SETTINGS if names is None else names:
        shown = _shown(SETTINGS[name], getattr(defaults, name))
        _add_option(group, SETTINGS[name], f"default {shown}")
    parser.set_defaults(default_preset=default_preset)


def add_overrides(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """Add an option for each of some settings, for a subcommand that goes through presets."""
    group = parser.add_argument_group("settings, in place of what the presets say")
    for name in names:
        _add_option(group, SETTINGS[name], "default: the preset's")


def settings_from(
    arguments: argparse.Namespace, environment: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings that files, environment and command line together ask for."""
    return load_settings(
        preset=arguments.preset,
        config=arguments.config,
        environment=os.environ if environment is None else environment,
        overrides=overrides_from(arguments),
        default_preset=arguments.default_preset,
    )


def config_path(arguments: argparse.Namespace) -> Path | None:
    """Return the configuration file that ``settings_from`` reads, or None where it reads none."""
    named = arguments.config or os.environ.get(CONFIG_VARIABLE)
    return Path(named) if named else None


def overrides_from(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that the command line names, unread, by name."""
    return {
        place.removeprefix(_DESTINATION): value
        for place, value in vars(arguments).items()
        if place.startswith(_DESTINATION)
    }


def _add_option(group: argparse._ArgumentGroup, setting: Setting, default: str) -> None:
    """Add one option whose text stays unread, so that ``load_settings`` words every refusal."""
    how: dict[str, Any] = (
        {"action": argparse.BooleanOptionalAction}
        if setting.kind == "flag"
        else {"metavar": setting.metavar or "|".join(setting.choices) or _METAVARS[setting.kind]}
    )
    group.add_argument(
        f"--{setting.name.replace('_', '-')}",
        dest=f"{_DESTINATION}{setting.name}",
        default=argparse.SUPPRESS,
        help=_help(setting, default),
        **how,
    )


def _help(setting: Setting, default: str) -> str:
    facts = []
    if setting.bounds is not None:
        low, high = setting.bounds
        facts.append(f"{low:g} to {high:g} {setting.unit}".rstrip())
    elif setting.unit:
        facts.append(setting.unit)
    facts.append(default)
    return f"{setting.meaning} ({', '.join(facts)})".replace("%", "%%")


def _shown(setting: Setting, value: Any) -> str:
    match setting.kind:
        case "flag":
            return "yes" if value else "no"
        case "size":
            return "as it comes" if value is None else f"{value[0]}x{value[1]}"
        case "names":
            return ",".join(value)
        case "number":
            return f"{value:g}"
    return str(value)
