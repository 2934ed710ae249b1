"""One value of one setting: read from text, checked against the schema.

``parse_text`` reads what an environment variable or the command line says; ``check_value`` takes a
value that already has a type, as a TOML file or a caller gives it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from livebg.config.schema import Setting
from livebg.errors import SettingsError
from livebg.nearest import did_you_mean

__all__ = ["check_value", "parse_text", "requirement"]

_FLAGS = {"true": True, "yes": True, "on": True, "1": True}
_FLAGS |= {"false": False, "no": False, "off": False, "0": False}
_SIZE = re.compile(r"(\d+)\s*[x\N{MULTIPLICATION SIGN}]\s*(\d+)", re.IGNORECASE)


def requirement(setting: Setting) -> str:
    """Return what ``setting`` accepts, as the end of the phrase "it must be ...".

    Example:
        >>> from livebg.config.schema import SETTINGS
        >>> requirement(SETTINGS["max_age"])
        'a whole number from 1 to 240 frames'
    """
    span = _span(setting)
    match setting.kind:
        case "flag":
            return "true or false"
        case "integer":
            return f"a whole number{span}"
        case "number":
            return f"a number{span}"
        case "auto-integer":
            return f"auto, or a whole number{span}"
        case "size":
            return f"WIDTHxHEIGHT, each{span}"
        case "names":
            return "names separated by commas"
    if setting.choices:
        return f"one of {', '.join(setting.choices)}"
    return "text"


def parse_text(setting: Setting, text: str, origin: str) -> Any:
    """Return the value that ``text`` stands for.

    Args:
        setting: the setting that it is meant for.
        text: ``1280x720`` for a size, ``3`` or ``auto`` for every, ``person,dog`` for names,
            ``true``, ``yes``, ``on``, ``1`` or their opposites for a flag.
        origin: where it was said, for messages: a file, a variable, an option.

    Raises:
        SettingsError: the text cannot be read, or its value is not allowed.
    """
    try:
        return _CHECKS[setting.kind](setting, _READERS[setting.kind](text.strip()))
    except ValueError:
        raise _refusal(setting, text, origin) from None


def check_value(setting: Setting, value: Any, origin: str) -> Any:
    """Return ``value`` in the form that ``Settings`` holds.

    A size may be ``"1280x720"`` or two whole numbers, names may be one text with commas or a
    sequence of texts.

    Args:
        setting: the setting that it is meant for.
        value: what was given.
        origin: where it was given, for messages: a file, a variable, an option.

    Raises:
        SettingsError: it has the wrong type, is out of range, or is not among the choices.
    """
    try:
        return _CHECKS[setting.kind](setting, value)
    except ValueError:
        raise _refusal(setting, value, origin) from None


def _span(setting: Setting) -> str:
    unit = f" {setting.unit}" if setting.unit else ""
    if setting.low is None or setting.high is None:
        return unit
    return f" from {setting.low:g} to {setting.high:g}{unit}"


def _refusal(setting: Setting, value: Any, origin: str) -> SettingsError:
    shown = repr(value) if isinstance(value, str) else str(value)
    hint = did_you_mean(value, setting.choices) if isinstance(value, str) else ""
    return SettingsError(
        f"{origin}: {setting.name} cannot be {shown}, it must be {requirement(setting)}{hint}"
    )


def _read_flag(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise ValueError(text)
    return _FLAGS[text.lower()]


def _read_size(text: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return int(found[1]), int(found[2])


def _read_auto_integer(text: str) -> int | str:
    return "auto" if text.lower() == "auto" else int(text)


def _read_names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


_READERS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "flag": _read_flag,
    "integer": int,
    "number": float,
    "size": _read_size,
    "auto-integer": _read_auto_integer,
    "names": _read_names,
}


def _in_range(setting: Setting, value: float) -> None:
    low = -math.inf if setting.low is None else setting.low
    high = math.inf if setting.high is None else setting.high
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(value)


def _check_text(setting: Setting, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(value)
    if setting.choices and value not in setting.choices:
        raise ValueError(value)
    return value


def _check_flag(setting: Setting, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(value)
    return value


def _check_integer(setting: Setting, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(value)
    _in_range(setting, value)
    return value


def _check_number(setting: Setting, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(value)
    _in_range(setting, value)
    return float(value)


def _check_size(setting: Setting, value: Any) -> tuple[int, int] | None:
    if value is None and setting.default is None:
        return None
    if isinstance(value, str):
        value = _read_size(value)
    if not isinstance(value, Sequence) or len(value) != 2:
        raise ValueError(value)
    width, height = (_check_integer(setting, side) for side in value)
    return width, height


def _check_auto_integer(setting: Setting, value: Any) -> int | str:
    return "auto" if value == "auto" else _check_integer(setting, value)


def _check_names(setting: Setting, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = _read_names(value)
    if not isinstance(value, Sequence) or not value:
        raise ValueError(value)
    return tuple(_check_text(setting, name) for name in value)


_CHECKS: dict[str, Callable[[Setting, Any], Any]] = {
    "text": _check_text,
    "flag": _check_flag,
    "integer": _check_integer,
    "number": _check_number,
    "size": _check_size,
    "auto-integer": _check_auto_integer,
    "names": _check_names,
}
