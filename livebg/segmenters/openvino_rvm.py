"""Robust Video Matting compiled by OpenVINO for one size of input.

Robust Video Matting on OpenVINO.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livebg.errors import ModelError
from livebg.frame import FloatImage, Image, Size
from livebg.models.openvino_ir import import_openvino
from livebg.models.rvm_graph import load_cut_graph
from livebg.segmenters.openvino import (
    compiled_network,
    computes_int8,
    describe_engine,
    openvino_core,
    resolve_precision,
)
from livebg.segmenters.rvm import RvmNetwork, RvmSegmenter

__all__ = ["OpenvinoRvm", "OpenvinoRvmNetwork"]


class OpenvinoRvmNetwork(RvmNetwork):
    """The network as far as its refiner's coefficients, with its recurrent state kept in place.

    Args:
        weights: the released ``rvm_mobilenetv3_fp32.onnx``.
        input_size: ``(width, height)`` that the network sees; multiples of 16.
        cache_folder: where OpenVINO keeps compiled networks.
        device: an OpenVINO device name.
        precision: ``f32``, ``bf16`` or ``f16``.
        int8: compute most convolutions in whole numbers; for the released weights only.
        threads: processor threads.

    Raises:
        ModelError: the file is not RVM, or cannot be compiled.
    """

    def __init__(
        self,
        weights: Path,
        input_size: Size,
        *,
        cache_folder: Path,
        device: str,
        precision: str,
        threads: int,
        int8: bool = False,
    ) -> None:
        openvino = import_openvino()
        self._input_size = input_size
        compiled, self._weights = compiled_network(
            lambda: load_cut_graph(openvino_core(), weights, input_size, int8=int8),
            weights=weights,
            input_size=input_size,
            device=device,
            precision=precision,
            threads=threads,
            cache_folder=cache_folder,
            variant="int8" if int8 else "float",
        )
        width, height = input_size
        self._input: NDArray[np.uint8] = np.empty((1, height, width, 3), np.uint8)
        self._request: Any = compiled.create_infer_request()
        self._request.set_tensor("src", openvino.Tensor(self._input, shared_memory=True))
        self._variables = sorted(self._request.query_state(), key=lambda variable: variable.name)

    @property
    def input_size(self) -> Size:
        """``(width, height)`` that the network sees."""
        return self._input_size

    @property
    def state(self) -> list[FloatImage]:
        """The recurrent state, finest first: ``(C, h, w)`` float32 copies."""
        return [np.array(variable.state.data[0], np.float32) for variable in self._variables]

    def infer(self, picture: Image) -> tuple[FloatImage, FloatImage, FloatImage]:
        """Run the network once.

        Args:
            picture: ``(h, w, 3)`` uint8 BGR at the input size.

        Returns:
            gain, offset and coarse alpha (0..1), each ``(h, w)`` float32, owned by the caller.

        Raises:
            ModelError: OpenVINO failed, or the network was closed.
        """
        if self._request is None:
            raise ModelError("rvm was closed; build a new segmenter")
        self._input[0] = picture
        try:
            self._request.infer()
        except RuntimeError as error:
            raise ModelError(f"OpenVINO failed while it ran rvm: {error}") from error
        gain, offset, coarse = (
            np.array(self._request.get_tensor(name).data[0, 0], np.float32)
            for name in ("gain", "offset", "coarse")
        )
        return gain, offset, coarse

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
        self._request = None


class OpenvinoRvm(RvmSegmenter):
    """RVM on OpenVINO; see ``RvmSegmenter``.

    Args:
        weights: the released ``rvm_mobilenetv3_fp32.onnx``.
        frame_size: ``(width, height)`` of the frames.
        input_size: ``(width, height)`` that the network sees; multiples of 16.
        cache_folder: where OpenVINO keeps compiled networks.
        device: an OpenVINO device name.
        precision: ``auto``, ``f32``, ``bf16``, ``f16`` or ``int8``. ``int8`` computes most
            convolutions in whole numbers and the rest in f32; ``auto`` does so too where the
            weights are ``released``, with the rest in bf16 where the processor has it.
        released: whether the weights are the released ones, whose ranges are known.
        threads: processor threads.
        crop: look where the person is; the matte then covers only that box.
        live: as for ``RvmSegmenter``.

    Raises:
        ModelError: the file is not RVM, or cannot be compiled.
        UsageError: there is no such device, or it lacks that arithmetic.
    """

    def __init__(
        self,
        weights: Path,
        frame_size: Size,
        *,
        input_size: Size,
        cache_folder: Path,
        device: str = "CPU",
        precision: str = "auto",
        released: bool = True,
        threads: int = 1,
        crop: bool = False,
        live: bool = False,
    ) -> None:
        int8 = precision == "int8" or (precision == "auto" and released and computes_int8(device))
        precision = resolve_precision(device, precision)
        make_network = partial(
            OpenvinoRvmNetwork,
            weights,
            cache_folder=cache_folder,
            device=device,
            precision=precision,
            threads=threads,
            int8=int8,
        )
        engine = describe_engine(device, f"int8+{precision}" if int8 else precision)
        super().__init__(engine, frame_size, input_size, make_network, crop=crop, live=live)
