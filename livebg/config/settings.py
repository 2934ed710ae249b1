"""Settings: the schema says once what each is, what it may be, and how it changes.

The command line, the environment, configuration files and ``change_settings`` know a setting from
its field of ``Settings`` alone; ``livebg.config.load`` reads them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from livebg.config.background import Background, Blur, parse_background
from livebg.config.camera import CameraSelector, parse_camera
from livebg.errors import LivebgError, SettingsError, did_you_mean
from livebg.frame import Size

__all__ = [
    "NETWORK_SETTINGS",
    "SETTINGS",
    "CpuBudget",
    "Every",
    "Setting",
    "Settings",
    "check_value",
    "requirement",
    "same_camera",
    "same_network",
]

Every = int | Literal["auto"]
"""How often the network runs: every n-th frame, or as the mask scheduler decides."""

CpuBudget = int | Literal["auto"]
"""Percent of one core that the whole program may use, or what the frame rate leaves."""

Change = Literal["live", "camera", "network"]
"""What a changed setting needs: nothing new, the camera opened again, or another network."""

_FLAGS = {"true": True, "yes": True, "on": True, "1": True}
_FLAGS |= {"false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the schema says of one setting.

    Attributes:
        name: key in a configuration file; ``LIVEBG_<NAME>`` in the environment; with dashes on
            the command line.
        kind: how its text is read: ``text``, ``flag``, ``integer``, ``number``, ``size`` (WxH),
            ``names`` (comma-separated), ``auto-integer`` (an integer or ``auto``), ``background``,
            ``camera``.
        default: its value when no layer sets it.
        meaning: one line for ``--help``.
        change: what a running session does when it changes.
        unit: unit of a number, empty where it has none.
        bounds: smallest and largest allowed number, or None.
        choices: allowed texts, empty where any is allowed.
        metavar: placeholder for ``--help``, where it is another than that of the kind.
    """

    name: str
    kind: str
    default: Any
    meaning: str
    change: Change = "network"
    unit: str = ""
    bounds: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    metavar: str = ""


def requirement(setting: Setting) -> str:
    """Return what ``setting`` accepts, as the end of the phrase "it must be ...".

    Example:
        >>> requirement(SETTINGS["max_age"])
        'a whole number from 1 to 240 frames'
    """
    span = f" {setting.unit}" if setting.unit else ""
    if setting.bounds is not None:
        span = " from {:g} to {:g}".format(*setting.bounds) + span
    phrases = {
        "flag": "true or false",
        "integer": f"a whole number{span}",
        "number": f"a number{span}",
        "auto-integer": f"auto, or a whole number{span}",
        "size": f"WIDTHxHEIGHT, each{span}",
        "names": "names separated by commas",
    }
    choices = f"one of {', '.join(setting.choices)}" if setting.choices else "text"
    return phrases.get(setting.kind, choices)


def check_value(setting: Setting, value: Any, origin: str) -> Any:
    """Return ``value`` in the form that ``Settings`` holds.

    Args:
        setting: the setting that it is meant for.
        value: a value of its kind, or the text that a user writes for it.
        origin: where it was given, for messages: a file, a variable, an option.

    Raises:
        SettingsError: it cannot be read, is out of range, or is not among the choices.
    """
    try:
        read = _read(setting.kind, value.strip()) if isinstance(value, str) else value
        return _checked(setting, read)
    except LivebgError as error:
        raise SettingsError(f"{origin}: {error}") from error
    except (ValueError, KeyError):
        shown = repr(value) if isinstance(value, str) else str(value)
        hint = did_you_mean(value, setting.choices) if isinstance(value, str) else ""
        raise SettingsError(
            f"{origin}: {setting.name} cannot be {shown}, it must be {requirement(setting)}{hint}"
        ) from None


def _read_size(text: str) -> list[int]:
    return [int(side) for side in re.split("[xX\N{MULTIPLICATION SIGN}]", text)]


def _read(kind: str, text: str) -> Any:
    """Return what ``text`` stands for; raise ValueError or KeyError where it cannot be read."""
    if not text:
        raise ValueError(text)
    return _READERS[kind](text)


_READERS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "flag": lambda text: _FLAGS[text.lower()],
    "integer": int,
    "number": float,
    "auto-integer": lambda text: "auto" if text.lower() == "auto" else int(text),
    "size": _read_size,
    "names": lambda text: [name.strip() for name in text.split(",")],
    "background": parse_background,
    "camera": parse_camera,
}


def _checked(setting: Setting, value: Any) -> Any:
    """Return an allowed value; raise ValueError for any other."""
    match setting.kind, value:
        case ("flag", bool()) | ("background", Background()) | ("camera", CameraSelector()):
            return value
        case "integer" | "auto-integer", int() if _is_number(setting, value):
            return value
        case "auto-integer", "auto":
            return value
        case "number", int() | float() if _is_number(setting, value):
            return float(value)
        case "size", None if setting.default is None:
            return None
        case "size", [int() as width, int() as height]:
            if _is_number(setting, width) and _is_number(setting, height):
                return width, height
        case "names", [_, *_] if all(isinstance(name, str) and name for name in value):
            return tuple(value)
        case "text", str() if value and value in (setting.choices or (value,)):
            return value
    raise ValueError(value)


def _is_number(setting: Setting, value: float) -> bool:
    """Say whether ``value`` is a number that the setting allows; True and False are none."""
    low, high = setting.bounds or (-math.inf, math.inf)
    return not isinstance(value, bool) and math.isfinite(value) and low <= value <= high


if TYPE_CHECKING:
    T = TypeVar("T")

    class Parsed(Generic[T]):
        """A field that takes a value or the user's text for it, and holds the value."""

        def __get__(self, instance: object, owner: type) -> T: ...

        def __set__(self, instance: object, value: T | str) -> None: ...


def _setting(default: Any, kind: str, meaning: str, **facts: Any) -> Any:
    """Return a field of ``Settings``; ``facts`` are further attributes of its ``Setting``."""
    return field(default=default, metadata={"kind": kind, "meaning": meaning, **facts})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One immutable set of values, checked when it is made; a change makes a new one.

    Raises:
        SettingsError: a value has the wrong type, is out of range, or names a file that is missing.

    Example:
        >>> Settings(background="blur:80").background
        Blur(strength=80.0)
    """

    # Camera
    camera: Parsed[CameraSelector] = _setting(
        CameraSelector(),
        "camera",
        "camera: auto, an index, a path, a name, a URL, or a video file",
        change="camera",
    )
    size: Parsed[Size | None] = _setting(
        None, "size", "size to ask of the camera", unit="px", bounds=(16, 8192), change="camera"
    )
    fps: float = _setting(
        30.0,
        "number",
        "frame rate to ask of the camera, or of a folder of pictures",
        unit="frames/s",
        bounds=(1, 240),
        change="camera",
    )
    mirror: bool = _setting(False, "flag", "mirror the picture left to right", change="live")

    # Network
    model: str = _setting(
        "rvm", "text", "network: a name from `livebg models list`, or an ONNX file", metavar="NAME"
    )
    keep: Parsed[tuple[str, ...]] = _setting(
        ("person",), "names", "classes to keep, for networks that have classes"
    )
    device: str = _setting(
        "auto",
        "text",
        "auto, cpu, cuda, mps, torch:cpu, openvino:GPU or openvino:NPU",
        metavar="DEVICE",
    )
    precision: str = _setting(
        "auto",
        "text",
        "arithmetic of the network; int8: whole numbers where that is good enough, else f32",
        choices=("auto", "f32", "bf16", "f16", "int8"),
    )
    threads: int = _setting(
        1, "integer", "processor threads of the network", unit="threads", bounds=(1, 64)
    )

    # Matte
    matte_size: Parsed[Size] = _setting(
        (320, 192),
        "size",
        "pixels that the network sees, as a 16:9 size; other shapes get as many pixels",
        unit="px",
        bounds=(64, 2048),
    )
    crop: bool = _setting(
        True, "flag", "let rvm look only where the person is, at a finer resolution"
    )
    every: Every = _setting(
        "auto",
        "auto-integer",
        "run the network on every n-th frame, or when it is needed (auto)",
        unit="frames",
        bounds=(1, 30),
        change="live",
    )
    max_residual: float = _setting(
        0.06,
        "number",
        "share of the outline that may look wrong after the matte was moved, before auto runs "
        "the network again",
        bounds=(0, 1),
        metavar="SHARE",
        change="live",
    )
    max_age: int = _setting(
        16,
        "integer",
        "frames after which auto runs the network in any case",
        unit="frames",
        bounds=(1, 240),
        change="live",
    )
    cpu_budget: CpuBudget = _setting(
        "auto",
        "auto-integer",
        "processor time that a live session may use; auto stays within the frame rate",
        unit="% of one core",
        bounds=(5, 1600),
        change="live",
    )
    latency: str = _setting(
        "low",
        "text",
        "live: low never waits for the network and moves the last matte along; aligned waits "
        "for a frame's own inference",
        choices=("low", "aligned"),
    )
    smoothing_s: float = _setting(
        0.1,
        "number",
        "time constant that calms the mattes of networks without memory where the picture "
        "rests; 0 for none",
        unit="s",
        bounds=(0, 5),
        metavar="SECONDS",
        change="live",
    )
    max_matte_age_s: float = _setting(
        0.5,
        "number",
        "age of a matte beyond which the plate is shown instead of a person",
        unit="s",
        bounds=(0.05, 10),
        metavar="SECONDS",
        change="live",
    )

    # Picture
    background: Parsed[Background] = _setting(
        Blur(),
        "background",
        "blur[:0..100], white, gray, color:#rrggbb, transparent, none, or a picture or video",
        change="live",
    )
    edge_colour: bool = _setting(
        True, "flag", "take the old room's colour out of soft edges", change="live"
    )
    auto_frame: float = _setting(
        0.0,
        "number",
        "pan and zoom to head and shoulders: 0 not at all, 100 as near as they allow",
        bounds=(0, 100),
        metavar="0..100",
        change="live",
    )

    def __post_init__(self) -> None:
        for name, setting in SETTINGS.items():
            object.__setattr__(self, name, check_value(setting, getattr(self, name), "settings"))


SETTINGS: dict[str, Setting] = {
    item.name: Setting(name=item.name, default=item.default, **item.metadata)
    for item in fields(Settings)
}
"""The schema by setting name, in the order of ``Settings``."""

_CAMERA_SETTINGS = frozenset(name for name in SETTINGS if SETTINGS[name].change == "camera")
NETWORK_SETTINGS = frozenset(name for name in SETTINGS if SETTINGS[name].change == "network")


def same_camera(one: Settings, other: Settings) -> bool:
    """Say whether both settings ask for the same source in the same way."""
    return all(getattr(one, name) == getattr(other, name) for name in _CAMERA_SETTINGS)


def same_network(one: Settings, other: Settings) -> bool:
    """Say whether one pipeline can serve both settings, one after the other."""
    return all(getattr(one, name) == getattr(other, name) for name in NETWORK_SETTINGS)
