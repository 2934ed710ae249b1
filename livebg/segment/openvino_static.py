"""Networks without memory on OpenVINO: torchvision's, and a user's ONNX files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livebg.errors import ModelError, UsageError
from livebg.models.nets.voc import VOC_CLASSES, class_indices
from livebg.models.onnx_shapes import NetworkFile, describe_onnx
from livebg.models.openvino_import import import_openvino
from livebg.models.openvino_ir import converted_network
from livebg.models.static_graph import load_static_graph
from livebg.segment.base import Segmenter, SegmenterInfo
from livebg.segment.openvino_engine import (
    compile_graph,
    describe_engine,
    openvino_core,
    resolve_precision,
)
from livebg.segment.plain_matte import plain_matte
from livebg.segment.preprocess import check_frame_size
from livebg.types import Frame, Matte, Size

__all__ = ["OpenvinoStatic"]

_PERSON = 1
"""Which of two classes is kept."""


class OpenvinoStatic(Segmenter):
    """A network that looks at one picture at a time, compiled for one input size.

    Scaling, the output's activation and the choice of classes are part of the compiled graph: it
    takes bytes and gives alpha.

    Args:
        path: an ONNX file (``.onnx``), or a checkpoint of ``name``.
        frame_size: ``(width, height)`` of the frames.
        name: catalogue name of a torchvision network, for its checkpoint; None for an ONNX file.
        keep: names of the classes to keep, for networks with the classes of PASCAL VOC.
        input_size: ``(width, height)`` that the network sees, unless an ONNX file fixes it.
        cache_folder: where converted and compiled networks are kept.
        device: an OpenVINO device name.
        precision: ``auto``, ``f32``, ``bf16`` or ``f16``.
        threads: processor threads.

    Raises:
        InputError: the ONNX file is missing, or is none.
        UsageError: the ONNX file is no network that livebg can use, or has memory; there is no
            such class or device.
        WeightsError: the checkpoint is not that of ``name``.
        ModelError: OpenVINO cannot convert or compile the network.
    """

    def __init__(
        self,
        path: Path,
        frame_size: Size,
        *,
        name: str | None = None,
        keep: Sequence[str] = ("person",),
        input_size: Size,
        cache_folder: Path,
        device: str = "CPU",
        precision: str = "auto",
        threads: int = 1,
    ) -> None:
        self._precision = resolve_precision(device, precision)
        self._device = device
        self._frame_size = frame_size
        self._model = name or str(path)
        if name is None:
            network = _described(path)
        else:
            network = converted_network(name, path, input_size, cache_folder)
        self._input_size = network.input_size or input_size
        self._classes = VOC_CLASSES if network.kind == "classes" else ()
        kept = class_indices(keep) if self._classes else (_PERSON,)
        compiled = compile_graph(
            load_static_graph(openvino_core(), network, self._input_size, kept),
            device=device,
            precision=self._precision,
            threads=threads,
            cache_folder=cache_folder,
        )
        width, height = self._input_size
        self._input: NDArray[np.uint8] = np.empty((1, height, width, 3), np.uint8)
        self._request: Any = compiled.create_infer_request()
        self._request.set_input_tensor(import_openvino().Tensor(self._input, shared_memory=True))

    @property
    def info(self) -> SegmenterInfo:
        """What runs, and how."""
        return SegmenterInfo(
            model=self._model,
            engine=describe_engine(self._device, self._precision),
            input_size=self._input_size,
            recurrent=False,
            classes=self._classes,
        )

    def segment(self, frame: Frame) -> Matte:
        """Return the matte of ``frame``, plain; see ``Segmenter.segment``."""
        check_frame_size(frame, self._frame_size)
        if self._request is None:
            raise ModelError(f"{self._model} was closed; build a new segmenter")
        self._input[0] = frame.scaled(self._input_size)
        try:
            self._request.infer()
        except RuntimeError as error:
            raise ModelError(f"OpenVINO failed while it ran {self._model}: {error}") from error
        alpha = np.array(self._request.get_tensor("alpha").data[0, 0], np.float32)
        if not np.isfinite(alpha).all():
            raise ModelError(
                f"{self._model} returned values that are not numbers for frame {frame.index}"
            )
        np.clip(alpha, 0, 1, out=alpha)
        labels = (
            np.array(self._request.get_tensor("labels").data[0, 0], np.uint8)
            if self._classes
            else None
        )
        return plain_matte(alpha, frame, labels)

    def reset(self) -> None:
        """Do nothing: the network has no memory."""

    def close(self) -> None:
        """Release the infer request. Idempotent."""
        self._request = None


def _described(path: Path) -> NetworkFile:
    network = describe_onnx(path)
    if network.kind == "recurrent":
        raise UsageError(
            f"{path} is a recurrent network, which cannot be run on single pictures; "
            "use it as Robust Video Matting"
        )
    return network
