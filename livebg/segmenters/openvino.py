"""Networks on OpenVINO: processors, Intel graphics and NPUs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livebg.errors import ModelError
from livebg.frame import FloatImage, Image, Size
from livebg.models.catalog import VOC_CLASSES, check_kept, class_indices
from livebg.models.onnx import NetworkFile, describe_onnx
from livebg.models.openvino_ir import converted_network, import_openvino, load_static_graph
from livebg.models.rvm_graph import load_cut_graph
from livebg.segmenters.base import SegmenterInfo
from livebg.segmenters.network import Network, NetworkOutput, NetworkSegmenter
from livebg.segmenters.openvino_compile import (
    compile_graph,
    compiled_network,
    computes_int8,
    openvino_core,
    resolve_precision,
)

__all__ = ["OpenvinoSegmenter"]

_PERSON = 1
"""Index of the person where a network has two classes."""


class OpenvinoSegmenter(NetworkSegmenter):
    """A network compiled by OpenVINO.

    Args:
        path: a user's ONNX file, or the weights of ``name``.
        name: catalogue name of the network; None for a user's file.
        input_size: ``(width, height)`` that the network sees, multiples of 16 for RVM, unless an
            ONNX file fixes it.
        cache_folder: where converted and compiled networks are kept.
        device: an OpenVINO device name.
        precision: ``auto``, ``f32``, ``bf16``, ``f16`` or ``int8``. ``int8`` computes most of
            RVM's convolutions in whole numbers and the rest in f32; ``auto`` does so too for the
            released weights, whose ranges are known, with the rest in bf16 where the processor
            has it.
        crop: show RVM the person only; see ``NetworkSegmenter``.

    Raises:
        InputError: the ONNX file is missing, or is none.
        UsageError: livebg cannot use the ONNX file; there is no such class or device, or it lacks
            that arithmetic.
        WeightsError: the weights are not those of ``name``.
        ModelError: OpenVINO cannot convert or compile the network.
    """

    def __init__(
        self,
        path: Path,
        frame_size: Size,
        *,
        name: str | None,
        keep: Sequence[str] = ("person",),
        input_size: Size,
        cache_folder: Path,
        device: str = "CPU",
        precision: str = "auto",
        threads: int = 1,
        crop: bool = False,
        live: bool = False,
    ) -> None:
        model = name or str(path)
        file = describe_onnx(path) if name is None else None
        recurrent = name == "rvm" or (file is not None and file.kind == "recurrent")
        int8 = recurrent and (
            precision == "int8" or (precision == "auto" and name == "rvm" and computes_int8(device))
        )
        precision = resolve_precision(device, precision)
        options: dict[str, Any] = {
            "cache_folder": cache_folder,
            "device": device,
            "precision": precision,
            "threads": threads,
        }
        classes: tuple[str, ...] = ()
        make_network: Callable[[Size], Network]
        if recurrent:
            check_kept(model, classes, keep)
            make_network = partial(_RecurrentNetwork, path, int8=int8, **options)
        else:
            file = file or converted_network(model, path, input_size, cache_folder)
            input_size = file.input_size or input_size
            classes = VOC_CLASSES if file.kind == "classes" else ()
            check_kept(model, classes, keep)
            kept = class_indices(keep) if classes else (_PERSON,)
            make_network = partial(_StaticNetwork, file, model, kept, **options)
        info = SegmenterInfo(
            model="rvm" if recurrent else model,
            engine=f"openvino {device} {'int8+' if int8 else ''}{precision}",
            input_size=input_size,
            recurrent=recurrent,
            classes=classes,
        )
        super().__init__(info, frame_size, make_network, crop=crop and recurrent, live=live)


class _OpenvinoNetwork(Network):
    """A compiled network that takes ``(1, h, w, 3)`` uint8 BGR, and its infer request."""

    def __init__(self, model: str, compiled: Any, input_size: Size) -> None:
        self._model = model
        self._input_size = input_size
        width, height = input_size
        self._input: NDArray[np.uint8] = np.empty((1, height, width, 3), np.uint8)
        self._request: Any = compiled.create_infer_request()
        self._request.set_input_tensor(import_openvino().Tensor(self._input, shared_memory=True))

    @property
    def input_size(self) -> Size:
        """``(width, height)`` that the network sees."""
        return self._input_size

    def _run(self, picture: Image) -> None:
        if self._request is None:
            raise ModelError(f"{self._model} was closed; build a new segmenter")
        self._input[0] = picture
        try:
            self._request.infer()
        except RuntimeError as error:
            raise ModelError(f"OpenVINO failed while it ran {self._model}: {error}") from error

    def _plane(self, name: str) -> FloatImage:
        return np.array(self._request.get_tensor(name).data[0, 0], np.float32)

    def close(self) -> None:
        """Release the infer request. Idempotent."""
        self._request = None


class _RecurrentNetwork(_OpenvinoNetwork):
    """RVM as far as its refiner's coefficients; OpenVINO keeps the state in place."""

    def __init__(
        self, weights: Path, input_size: Size, *, int8: bool, cache_folder: Path, **options: Any
    ) -> None:
        # The compiled network reads its weights from this memory.
        compiled, self._weights = compiled_network(
            lambda: load_cut_graph(openvino_core(), weights, input_size, int8=int8),
            weights=weights,
            input_size=input_size,
            cache_folder=cache_folder,
            variant="int8" if int8 else "float",
            **options,
        )
        super().__init__("rvm", compiled, input_size)
        self._variables = sorted(self._request.query_state(), key=lambda variable: variable.name)

    def infer(self, picture: Image) -> NetworkOutput:
        """Run the network once; see ``Network.infer``."""
        self._run(picture)
        return NetworkOutput(self._plane("gain"), self._plane("offset"), self._plane("coarse"))

    @property
    def state(self) -> list[FloatImage]:
        """The recurrent state; see ``Network.state``."""
        return [np.array(variable.state.data[0], np.float32) for variable in self._variables]

    def load_state(self, planes: Sequence[FloatImage]) -> None:
        """Replace the recurrent state; shapes as in ``state``."""
        openvino = import_openvino()
        for variable, plane in zip(self._variables, planes, strict=True):
            variable.state = openvino.Tensor(np.ascontiguousarray(plane[None]))

    def forget(self) -> None:
        """Set the recurrent state to zero."""
        self._request.reset_state()

    def close(self) -> None:
        """Release the infer request. Idempotent."""
        self._variables = []
        super().close()


class _StaticNetwork(_OpenvinoNetwork):
    """A network without memory.

    Scaling, the output's activation and the choice of classes are part of the compiled graph: it
    takes bytes and gives alpha.
    """

    def __init__(
        self, file: NetworkFile, model: str, kept: Sequence[int], input_size: Size, **options: Any
    ) -> None:
        graph = load_static_graph(openvino_core(), file, input_size, kept)
        super().__init__(model, compile_graph(graph, **options), input_size)
        self._has_classes = file.kind == "classes"

    def infer(self, picture: Image) -> NetworkOutput:
        """Run the network once; see ``Network.infer``."""
        self._run(picture)
        labels = None
        if self._has_classes:
            labels = np.array(self._request.get_tensor("labels").data[0, 0], np.uint8)
        return NetworkOutput.plain(self._plane("alpha"), labels)
