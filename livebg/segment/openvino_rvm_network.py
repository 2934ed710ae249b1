"""Robust Video Matting compiled by OpenVINO for one size of input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livebg.errors import ModelError
from livebg.models.openvino_import import import_openvino
from livebg.models.rvm_graph import load_cut_graph, state_shapes
from livebg.segment.compiled_network import compiled_network
from livebg.segment.openvino_engine import openvino_core
from livebg.segment.rvm import RvmNetwork
from livebg.types import FloatImage, Image, Size

__all__ = ["OpenvinoRvmNetwork"]


class OpenvinoRvmNetwork(RvmNetwork):
    """The network as far as its refiner's coefficients, with its recurrent state kept in place.

    Two infer requests alternate: the tensors that one writes its state to are the ones that the
    other reads it from, so the state is never copied.

    Args:
        weights: the released ``rvm_mobilenetv3_fp32.onnx``.
        input_size: ``(width, height)`` that the network sees; multiples of 16.
        cache_folder: where OpenVINO keeps compiled networks.
        device: an OpenVINO device name.
        precision: ``f32``, ``bf16`` or ``f16``.
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
    ) -> None:
        openvino = import_openvino()
        self._input_size = input_size
        compiled, self._weights = compiled_network(
            lambda: load_cut_graph(openvino_core(), weights, input_size),
            weights=weights,
            input_size=input_size,
            device=device,
            precision=precision,
            threads=threads,
            cache_folder=cache_folder,
        )
        self._states = [
            [
                openvino.Tensor(openvino.Type.f32, openvino.Shape(list(shape)))
                for shape in state_shapes(input_size)
            ]
            for _ in range(2)
        ]
        width, height = input_size
        self._input: NDArray[np.uint8] = np.empty((1, height, width, 3), np.uint8)
        source = openvino.Tensor(self._input, shared_memory=True)
        self._requests = [compiled.create_infer_request() for _ in range(2)]
        for turn, request in enumerate(self._requests):
            request.set_tensor("src", source)
            for number, (old, new) in enumerate(
                zip(self._states[turn], self._states[1 - turn], strict=True), start=1
            ):
                request.set_tensor(f"r{number}i", old)
                request.set_tensor(f"r{number}o", new)
        self._turn = 0
        self.forget()

    @property
    def input_size(self) -> Size:
        """``(width, height)`` that the network sees."""
        return self._input_size

    @property
    def state(self) -> list[FloatImage]:
        """The recurrent state, finest first: ``(C, h, w)`` float32 views, valid until ``infer``."""
        return [tensor.data[0] for tensor in self._states[self._turn]]

    def infer(self, picture: Image) -> tuple[FloatImage, FloatImage, FloatImage]:
        """Run the network once.

        Args:
            picture: ``(h, w, 3)`` uint8 BGR at the input size.

        Returns:
            gain, offset and coarse alpha (0..1), each ``(h, w)`` float32, owned by the caller.

        Raises:
            ModelError: OpenVINO failed, or the network was closed.
        """
        if not self._requests:
            raise ModelError("rvm was closed; build a new segmenter")
        self._input[0] = picture
        request = self._requests[self._turn]
        try:
            request.infer()
        except RuntimeError as error:
            raise ModelError(f"OpenVINO failed while it ran rvm: {error}") from error
        self._turn = 1 - self._turn
        gain, offset, coarse = (
            np.array(request.get_tensor(name).data[0, 0], np.float32)
            for name in ("gain", "offset", "coarse")
        )
        return gain, offset, coarse

    def load_state(self, planes: Sequence[FloatImage]) -> None:
        """Replace the recurrent state; shapes as in ``state``."""
        for old, new in zip(self.state, planes, strict=True):
            old[:] = new

    def forget(self) -> None:
        """Set the recurrent state to zero."""
        for plane in self.state:
            plane[:] = 0

    def close(self) -> None:
        """Release the infer requests. Idempotent."""
        self._requests = []
