"""livebg: a real-time background filter for webcams.

The public names are imported when they are first used, so that ``import livebg`` is light: it
loads neither a network engine nor OpenCV.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livebg.config.background import Background
    from livebg.config.load import load_settings
    from livebg.config.settings import Settings
    from livebg.conversion import Conversion, convert
    from livebg.errors import (
        BenchError,
        DamagedFileError,
        DeviceLostError,
        EndOfStreamError,
        FetchError,
        InputError,
        LivebgError,
        ModelError,
        SessionError,
        SettingsError,
        SinkError,
        SinkUnavailableError,
        SourceError,
        SourceUnavailableError,
        SystemChangeError,
        UsageError,
        WeightsError,
    )
    from livebg.frame import Composite, Frame, Matte
    from livebg.live.session import Session
    from livebg.pipeline import Pipeline
    from livebg.segmenters.base import Segmenter, SegmenterInfo
    from livebg.sinks.base import Sink
    from livebg.sources.base import Source, SourceInfo
    from livebg.still import cutout

__version__ = "0.1.0"

__all__ = [
    "Background",
    "BenchError",
    "Composite",
    "Conversion",
    "DamagedFileError",
    "DeviceLostError",
    "EndOfStreamError",
    "FetchError",
    "Frame",
    "InputError",
    "LivebgError",
    "Matte",
    "ModelError",
    "Pipeline",
    "Segmenter",
    "SegmenterInfo",
    "Session",
    "SessionError",
    "Settings",
    "SettingsError",
    "Sink",
    "SinkError",
    "SinkUnavailableError",
    "Source",
    "SourceError",
    "SourceInfo",
    "SourceUnavailableError",
    "SystemChangeError",
    "UsageError",
    "WeightsError",
    "__version__",
    "convert",
    "cutout",
    "load_settings",
]

_MODULES = {
    "Background": "livebg.config.background",
    "Composite": "livebg.frame",
    "Conversion": "livebg.conversion",
    "Frame": "livebg.frame",
    "Matte": "livebg.frame",
    "Pipeline": "livebg.pipeline",
    "Segmenter": "livebg.segmenters.base",
    "SegmenterInfo": "livebg.segmenters.base",
    "Session": "livebg.live.session",
    "Settings": "livebg.config.settings",
    "Sink": "livebg.sinks.base",
    "Source": "livebg.sources.base",
    "SourceInfo": "livebg.sources.base",
    "convert": "livebg.conversion",
    "cutout": "livebg.still",
    "load_settings": "livebg.config.load",
}
"""Modules of the public names; the others are in ``livebg.errors``."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'livebg' has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES.get(name, "livebg.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
