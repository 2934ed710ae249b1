"""torchvision's networks in OpenVINO's own format, converted once and kept.

The conversion needs torch; every later start reads the result and does without.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from livebg.errors import ModelError
from livebg.models.onnx_conventions import UNIT_SCALING
from livebg.models.onnx_shapes import NetworkFile
from livebg.models.openvino_import import import_openvino
from livebg.types import Size

__all__ = ["converted_network"]

_INPUT = "rgb"
_OUTPUT = "logits"

_FORMAT = 1
"""Counts up when ``ClassLogits`` computes something else, so that older files are not taken."""


def converted_network(name: str, weights: Path, input_size: Size, folder: Path) -> NetworkFile:
    """Return a network for one input size in OpenVINO's format; made when it is not there yet.

    It is remade when the checkpoint's path, length or time of modification changes.

    Args:
        name: a torchvision network, as in ``livebg.models.nets.torchvision_nets.NETWORKS``.
        weights: its checkpoint.
        input_size: ``(width, height)``.
        folder: where converted networks are kept.

    Raises:
        WeightsError: the file is not that network's checkpoint.
        ModelError: the conversion failed, or its result cannot be written.
    """
    width, height = input_size
    path = folder / f"{name}-{width}x{height}-{_fingerprint(weights)}.xml"
    if not (path.is_file() and path.with_suffix(".bin").is_file()):
        _convert(name, weights, input_size, path)
    return NetworkFile(
        path=path,
        kind="classes",
        input_name=_INPUT,
        input_layout="NCHW",
        input_size=input_size,
        scaling=UNIT_SCALING,
        output_name=_OUTPUT,
        output_layout="NCHW",
        activation="softmax",
    )


def _fingerprint(weights: Path) -> str:
    try:
        facts = weights.stat()
    except OSError as error:
        raise ModelError(f"{weights} cannot be read: {error.strerror}") from error
    text = f"{_FORMAT} {weights.resolve()} {facts.st_size} {facts.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _convert(name: str, weights: Path, input_size: Size, path: Path) -> None:
    import torch

    from livebg.models.nets.torchvision_nets import load_classes

    width, height = input_size
    openvino = import_openvino()
    network = load_classes(name, weights)
    try:
        exported = torch.export.export(network, (torch.zeros(1, 3, height, width),))
        graph = openvino.convert_model(exported)
        graph.reshape([1, 3, height, width])
        graph.input(0).get_tensor().set_names({_INPUT})
        graph.output(0).get_tensor().set_names({_OUTPUT})
    except RuntimeError as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"{name} cannot be converted for OpenVINO: {reason}; run it with --device torch:cpu"
        ) from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            draft = Path(scratch) / path.name
            openvino.save_model(graph, str(draft), compress_to_fp16=False)
            # The graph goes last: it is what says that the pair is complete.
            for suffix in (".bin", ".xml"):
                os.replace(draft.with_suffix(suffix), path.with_suffix(suffix))
    except (OSError, RuntimeError) as error:
        raise ModelError(f"{name} cannot be kept in {path.parent}: {error}") from error
