"""Importing OpenVINO without its telemetry.

``import openvino`` reports itself to Google Analytics, from a thread of its own that stays, unless
the user has opted out. Without the package ``openvino_telemetry`` it uses a stub that does nothing;
livebg promises that nothing leaves the machine, so it hides that package from it.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, cast

__all__ = ["import_openvino"]


def import_openvino() -> Any:
    """Return the module ``openvino``, imported without telemetry if nobody has imported it before.

    Raises:
        ImportError: OpenVINO is not installed, or does not run here.
    """
    # None makes Python's import system say that there is no such package.
    cast("dict[str, Any]", sys.modules).setdefault("openvino_telemetry", None)
    return importlib.import_module("openvino")
