"""One value of one setting: read from text, checked against the schema.

``parse_text`` reads what an environment variable or the command line says; ``check_value`` takes a
value that already has a type, as a TOML file or a caller gives it.

How strong a blurred background is, as the setting ``background`` writes it.

Every setting once: its name, default, unit, range and meaning.

The command line, the environment and the configuration files are all read through this schema;
``livebg.config.load`` does the reading.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal

from livebg.errors import SettingsError, UsageError, did_you_mean
from livebg.frame import Size

__all__ = [
    "BLUR_RANGE",
    "PLAIN_BLUR",
    "SETTINGS",
    "CpuBudget",
    "Every",
    "Setting",
    "Settings",
    "blur_strength",
    "check_value",
    "parse_text",
    "requirement",
]


_FLAGS = {"true": True, "yes": True, "on": True, "1": True}
_FLAGS |= {"false": False, "no": False, "off": False, "0": False}
_SIZE = re.compile(r"(\d+)\s*[x\N{MULTIPLICATION SIGN}]\s*(\d+)", re.IGNORECASE)


def requirement(setting: Setting) -> str:
    """Return what ``setting`` accepts, as the end of the phrase "it must be ...".

    Example:
        >>> from livebg.config.settings import SETTINGS
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


BLUR_RANGE = (0.0, 100.0)

PLAIN_BLUR = 50.0
"""Strength that ``blur`` without a number stands for."""


def blur_strength(background: str) -> float | None:
    """Return the strength of ``blur`` or ``blur:0..100``, or None for any other background.

    Raises:
        UsageError: it is a blur with something else than a number in that range.

    Example:
        >>> blur_strength("blur:80")
        80.0
    """
    word, colon, number = background.partition(":")
    if word.lower() != "blur":
        return None
    try:
        strength = float(number) if colon else PLAIN_BLUR
    except ValueError:
        strength = -1.0
    if not BLUR_RANGE[0] <= strength <= BLUR_RANGE[1]:
        raise UsageError(
            f"background {background!r}: the strength of a blur is a number from 0 to 100"
        )
    return strength


Every = int | Literal["auto"]
"""How often the network runs: every n-th frame, or as the mask scheduler decides."""

CpuBudget = int | Literal["auto"]
"""Percent of one core that the whole program may use, or what the frame rate leaves."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the schema says of one setting.

    Attributes:
        name: key in a configuration file; ``LIVEBG_<NAME>`` in the environment; with dashes on
            the command line.
        kind: how its text is read: ``text``, ``flag``, ``integer``, ``number``, ``size`` (WxH),
            ``names`` (comma-separated), ``auto-integer`` (an integer or ``auto``).
        default: its value when nobody sets it.
        meaning: one line for ``--help``.
        unit: unit of a number, empty where it has none.
        low: smallest allowed number, or None.
        high: largest allowed number, or None.
        choices: allowed texts, empty where any is allowed.
        metavar: placeholder for ``--help``.
    """

    name: str
    kind: str
    default: Any
    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    metavar: str = ""


def _facts(
    kind: str,
    meaning: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    metavar: str = "",
) -> dict[str, Any]:
    return {
        "kind": kind,
        "meaning": meaning,
        "unit": unit,
        "low": low,
        "high": high,
        "choices": choices,
        "metavar": metavar,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One immutable set of values; a change makes a new one (``dataclasses.replace``)."""

    # Camera
    camera: str = field(
        default="auto",
        metadata=_facts(
            "text",
            "camera: auto, an index, a path, a name, a URL, or a video file",
            metavar="CAMERA",
        ),
    )
    size: Size | None = field(
        default=None,
        metadata=_facts(
            "size", "size to ask of the camera", unit="px", low=16, high=8192, metavar="WxH"
        ),
    )
    fps: float = field(
        default=30.0,
        metadata=_facts(
            "number",
            "frame rate to ask of the camera, or of a folder of pictures",
            unit="frames/s",
            low=1,
            high=240,
            metavar="N",
        ),
    )
    mirror: bool = field(default=False, metadata=_facts("flag", "mirror the picture left to right"))

    # Network
    model: str = field(
        default="rvm",
        metadata=_facts(
            "text", "network: a name from `livebg models list`, or an ONNX file", metavar="NAME"
        ),
    )
    keep: tuple[str, ...] = field(
        default=("person",),
        metadata=_facts(
            "names", "classes to keep, for networks that have classes", metavar="NAME[,NAME...]"
        ),
    )
    device: str = field(
        default="auto",
        metadata=_facts(
            "text",
            "auto, cpu, cuda, mps, torch:cpu, openvino:GPU or openvino:NPU",
            metavar="DEVICE",
        ),
    )
    precision: str = field(
        default="auto",
        metadata=_facts(
            "text",
            "arithmetic of the network; int8: whole numbers where that is good enough, else f32",
            choices=("auto", "f32", "bf16", "f16", "int8"),
        ),
    )
    threads: int = field(
        default=1,
        metadata=_facts(
            "integer",
            "processor threads of the network",
            unit="threads",
            low=1,
            high=64,
            metavar="N",
        ),
    )

    # Matte
    matte_size: Size = field(
        default=(320, 192),
        metadata=_facts(
            "size",
            "pixels that the network sees, as a 16:9 size; other shapes get as many pixels",
            unit="px",
            low=64,
            high=2048,
            metavar="WxH",
        ),
    )
    crop: bool = field(
        default=True,
        metadata=_facts("flag", "let rvm look only where the person is, at a finer resolution"),
    )
    every: Every = field(
        default="auto",
        metadata=_facts(
            "auto-integer",
            "run the network on every n-th frame, or when it is needed (auto)",
            unit="frames",
            low=1,
            high=30,
            metavar="N|auto",
        ),
    )
    max_residual: float = field(
        default=0.06,
        metadata=_facts(
            "number",
            "share of the outline that may look wrong after the matte was moved, before auto runs "
            "the network again",
            low=0,
            high=1,
            metavar="SHARE",
        ),
    )
    max_age: int = field(
        default=16,
        metadata=_facts(
            "integer",
            "frames after which auto runs the network in any case",
            unit="frames",
            low=1,
            high=240,
            metavar="N",
        ),
    )
    cpu_budget: CpuBudget = field(
        default="auto",
        metadata=_facts(
            "auto-integer",
            "processor time that a live session may use; auto stays within the frame rate",
            unit="% of one core",
            low=5,
            high=1600,
            metavar="N|auto",
        ),
    )
    latency: str = field(
        default="low",
        metadata=_facts(
            "text",
            "live: low never waits for the network and moves the last matte along; aligned waits "
            "for a frame's own inference",
            choices=("low", "aligned"),
        ),
    )
    smoothing_s: float = field(
        default=0.1,
        metadata=_facts(
            "number",
            "time constant that calms the mattes of networks without memory where the picture "
            "rests; 0 for none",
            unit="s",
            low=0,
            high=5,
            metavar="SECONDS",
        ),
    )
    max_matte_age_s: float = field(
        default=0.5,
        metadata=_facts(
            "number",
            "age of a matte beyond which the plate is shown instead of a person",
            unit="s",
            low=0.05,
            high=10,
            metavar="SECONDS",
        ),
    )

    # Picture
    background: str = field(
        default="blur",
        metadata=_facts(
            "text",
            "blur[:0..100], white, gray, color:#rrggbb, transparent, none, or a picture or video",
            metavar="SPEC",
        ),
    )
    edge_colour: bool = field(
        default=True, metadata=_facts("flag", "take the old room's colour out of soft edges")
    )
    auto_frame: float = field(
        default=0.0,
        metadata=_facts(
            "number",
            "pan and zoom to head and shoulders: 0 not at all, 100 as near as they allow",
            low=0,
            high=100,
            metavar="0..100",
        ),
    )


def _describe(item: Field[Any]) -> Setting:
    return Setting(name=item.name, default=item.default, **item.metadata)


SETTINGS: dict[str, Setting] = {item.name: _describe(item) for item in fields(Settings)}
"""The schema by setting name, in the order of ``Settings``."""
