"""Every setting once: its name, default, unit, range and meaning.

The command line, the environment and the configuration files are all read through this schema;
``livebg.config.load`` does the reading.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal

from livebg.types import Size

__all__ = ["SETTINGS", "CpuBudget", "Every", "Setting", "Settings"]

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
