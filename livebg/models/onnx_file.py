"""Reading ONNX files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from livebg.errors import InputError

__all__ = ["read_onnx"]


def read_onnx(path: Path) -> Any:
    """Return an ONNX file as an ``onnx.ModelProto``; weights in separate files are not read.

    Raises:
        InputError: the file is missing, or is no ONNX file.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except DecodeError as error:
        raise InputError(f"{path} is damaged or no ONNX file; export the network again") from error
    if not model.graph.node:
        raise InputError(f"{path} is an ONNX file without a network; export the network again")
    return model
