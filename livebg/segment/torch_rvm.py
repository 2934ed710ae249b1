"""Robust Video Matting on torch (CPU, CUDA, MPS), as far as its refiner's coefficients."""

from __future__ import annotations

from pathlib import Path

import torch

from livebg.errors import ModelError
from livebg.models.nets.rvm import ALPHA_PLANE, RobustVideoMatting, State, initial_state
from livebg.models.nets.rvm_weights import load_rvm
from livebg.segment.base import Segmenter, SegmenterInfo
from livebg.segment.preprocess import check_frame_size
from livebg.segment.torch_engine import (
    describe_engine,
    download,
    place,
    resolve_device,
    resolve_dtype,
    running,
    upload,
)
from livebg.types import Box, FloatImage, Frame, Matte, Size

__all__ = ["TorchRvm"]

_ALPHA = slice(ALPHA_PLANE, ALPHA_PLANE + 1)


class TorchRvm(Segmenter):
    """RVM with its recurrent state kept on the device.

    Args:
        weights: the release's ``.onnx`` or ``.pth``.
        frame_size: ``(width, height)`` of the frames.
        input_size: ``(width, height)`` that the network sees.
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        precision: ``auto`` (f16 on CUDA, f32 elsewhere), ``f32``, ``bf16`` or ``f16``.
        threads: processor threads of the whole process's torch, where the device is the CPU.

    Raises:
        WeightsError: the file is not RVM.
        UsageError: there is no such device.
    """

    def __init__(
        self,
        weights: Path,
        frame_size: Size,
        *,
        input_size: Size,
        device: str = "cpu",
        precision: str = "auto",
        threads: int = 1,
    ) -> None:
        self._device = resolve_device(device)
        self._dtype = resolve_dtype(self._device, precision)
        if self._device.type == "cpu":
            torch.set_num_threads(threads)
        self._frame_size = frame_size
        self._input_size = input_size
        self._model: RobustVideoMatting | None = place(load_rvm(weights), self._device, self._dtype)
        self._state = self._zeros()

    @property
    def info(self) -> SegmenterInfo:
        """What runs, and how."""
        return SegmenterInfo(
            model="rvm",
            engine=describe_engine(self._device, self._dtype),
            input_size=self._input_size,
            recurrent=True,
        )

    def segment(self, frame: Frame) -> Matte:
        """Return the matte of ``frame`` as coefficients; see ``Segmenter.segment``."""
        check_frame_size(frame, self._frame_size)
        if self._model is None:
            raise ModelError("rvm was closed; build a new segmenter")
        small = frame.scaled(self._input_size)
        with running("rvm", self._device):
            rgb = upload(small, self._device, self._dtype)
            found = self._model.coefficients(rgb, self._state)
            planes = torch.cat((found.gain[:, _ALPHA], found.offset[:, _ALPHA], found.coarse), 1)
            gain, offset, coarse = self._checked(planes[0], frame)
            self._state = found.state
        return Matte(
            gain=gain,
            offset=offset,
            coarse=coarse,
            box=Box.whole(frame.size),
            frame_index=frame.index,
            captured_ns=frame.captured_ns,
        )

    def _checked(self, planes: torch.Tensor, frame: Frame) -> tuple[FloatImage, ...]:
        try:
            return tuple(download(planes, "rvm", frame))
        except ModelError:
            self.reset()
            raise

    def reset(self) -> None:
        """Set the recurrent state to zero."""
        self._state = self._zeros()

    def _zeros(self) -> State:
        return initial_state(self._input_size, device=self._device, dtype=self._dtype)

    def close(self) -> None:
        """Release the network's memory. Idempotent."""
        self._model = None
