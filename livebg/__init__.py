"""livebg: a real-time background filter for webcams.

The public names are imported when they are first used, so that ``import livebg`` is light: it
loads neither a network engine nor OpenCV.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livebg.config.load import load_settings
    from livebg.config.settings import Settings
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
    from livebg.pipeline import Pipeline

__version__ = "0.1.0"

__all__ = [
    "BenchError",
    "Composite",
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
    "SessionError",
    "Settings",
    "SettingsError",
    "SinkError",
    "SinkUnavailableError",
    "SourceError",
    "SourceUnavailableError",
    "SystemChangeError",
    "UsageError",
    "WeightsError",
    "__version__",
    "load_settings",
]

_MODULES = {
    "Composite": "livebg.frame",
    "Frame": "livebg.frame",
    "Matte": "livebg.frame",
    "Pipeline": "livebg.pipeline",
    "Settings": "livebg.config.settings",
    "load_settings": "livebg.config.load",
}
"""Where the public names live; those that are not listed are errors."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'livebg' has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES.get(name, "livebg.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
