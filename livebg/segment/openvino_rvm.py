"""Robust Video Matting on OpenVINO, as far as its refiner's coefficients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from livebg.errors import ModelError
from livebg.models.openvino_import import import_openvino
from livebg.models.rvm_graph import load_cut_graph, state_shapes
from livebg.segment.base import Segmenter, SegmenterInfo
from livebg.segment.openvino_engine import (
    compile_graph,
    describe_engine,
    openvino_core,
    resolve_precision,
)
from livebg.segment.preprocess import check_frame_size
from livebg.types import Box, Frame, Matte, Size

__all__ = ["OpenvinoRvm"]


class OpenvinoRvm(Segmenter):
    """RVM with its recurrent state kept in place.

    Two infer requests alternate: the tensors that one writes its state to are the ones that the
    other reads it from, so the state is never copied.

    Args:
        weights: the released ``rvm_mobilenetv3_fp32.onnx``.
        frame_size: ``(width, height)`` of the frames.
        input_size: ``(width, height)`` that the network sees; multiples of 16.
        cache_folder: where OpenVINO keeps compiled networks.
        device: an OpenVINO device name.
        precision: ``auto``, ``f32``, ``bf16`` or ``f16``.
        threads: processor threads.

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
        threads: int = 1,
    ) -> None:
        openvino = import_openvino()
        self._frame_size = frame_size
        self._input_size = input_size
        self._precision = resolve_precision(device, precision)
        self._device = device
        graph = load_cut_graph(openvino_core(), weights, input_size)
        compiled = compile_graph(
            graph,
            device=device,
            precision=self._precision,
            threads=threads,
            cache_folder=cache_folder,
        )
        shapes = state_shapes(input_size)
        self._states = [
            [openvino.Tensor(openvino.Type.f32, openvino.Shape(list(shape))) for shape in shapes]
            for _ in range(2)
        ]
        width, height = input_size
        self._input: np.ndarray[Any, np.dtype[np.uint8]] = np.empty((1, height, width, 3), np.uint8)
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
        self.reset()

    @property
    def info(self) -> SegmenterInfo:
        """What runs, and how."""
        return SegmenterInfo(
            model="rvm",
            engine=describe_engine(self._device, self._precision),
            input_size=self._input_size,
            recurrent=True,
        )

    def segment(self, frame: Frame) -> Matte:
        """Return the matte of ``frame`` as coefficients; see ``Segmenter.segment``."""
        check_frame_size(frame, self._frame_size)
        if not self._requests:
            raise ModelError("rvm was closed; build a new segmenter")
        self._input[0] = frame.scaled(self._input_size)
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
        if not np.isfinite(gain).all() or not np.isfinite(offset).all():
            self.reset()
            raise ModelError(f"rvm returned values that are not numbers for frame {frame.index}")
        return Matte(
            gain=gain,
            offset=offset,
            coarse=coarse,
            box=Box.whole(frame.size),
            frame_index=frame.index,
            captured_ns=frame.captured_ns,
        )

    def reset(self) -> None:
        """Set the recurrent state to zero."""
        for tensor in self._states[self._turn]:
            tensor.data[:] = 0

    def close(self) -> None:
        """Release the infer requests. Idempotent."""
        self._requests = []
