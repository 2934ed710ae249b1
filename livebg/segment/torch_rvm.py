"""Robust Video Matting on torch (CPU, CUDA, MPS)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from livebg.errors import ModelError
from livebg.models.nets.rvm import ALPHA_PLANE, RobustVideoMatting, initial_state
from livebg.models.nets.rvm_weights import load_rvm
from livebg.segment.rvm import RvmNetwork, RvmSegmenter
from livebg.segment.torch_engine import (
    describe_engine,
    place,
    resolve_device,
    resolve_dtype,
    running,
    upload,
)
from livebg.types import FloatImage, Image, Size

__all__ = ["TorchRvm", "TorchRvmNetwork"]

_ALPHA = slice(ALPHA_PLANE, ALPHA_PLANE + 1)


class TorchRvm(RvmSegmenter):
    """RVM on torch; see ``RvmSegmenter``.

    Args:
        weights: the release's ``.onnx`` or ``.pth``.
        frame_size: ``(width, height)`` of the frames.
        input_size: ``(width, height)`` that the network sees; multiples of 16.
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        precision: ``auto`` (f16 on CUDA, f32 elsewhere), ``f32``, ``bf16`` or ``f16``.
        threads: processor threads of the whole process's torch, where the device is the CPU.
        crop: look where the person is; the matte then covers only that box.

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
        crop: bool = False,
    ) -> None:
        place_of = resolve_device(device)
        dtype = resolve_dtype(place_of, precision)
        if place_of.type == "cpu":
            torch.set_num_threads(threads)
        model = place(load_rvm(weights), place_of, dtype)
        make_network = partial(TorchRvmNetwork, model, device=place_of, dtype=dtype)
        engine = describe_engine(place_of, dtype)
        super().__init__(engine, frame_size, input_size, make_network, crop=crop)


class TorchRvmNetwork(RvmNetwork):
    """The torch module with a recurrent state for one size of input, kept on the device.

    Args:
        model: the network, placed on ``device`` in ``dtype``; shared by all sizes of input.
        input_size: ``(width, height)`` that the network sees.
        device: where it runs.
        dtype: what it computes in.
    """

    def __init__(
        self,
        model: RobustVideoMatting,
        input_size: Size,
        *,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._model: RobustVideoMatting | None = model
        self._input_size = input_size
        self._device = device
        self._dtype = dtype
        self.forget()

    @property
    def input_size(self) -> Size:
        """``(width, height)`` that the network sees."""
        return self._input_size

    @property
    def state(self) -> list[FloatImage]:
        """The recurrent state, finest first: ``(C, h, w)`` float32 copies."""
        return [level[0].float().cpu().numpy() for level in self._state]

    def load_state(self, planes: Sequence[FloatImage]) -> None:
        """Replace the recurrent state; shapes as in ``state``."""
        first, second, third, fourth = (
            torch.tensor(plane, device=self._device, dtype=self._dtype).unsqueeze(0)
            for plane in planes
        )
        self._state = (first, second, third, fourth)

    def forget(self) -> None:
        """Set the recurrent state to zero."""
        self._state = initial_state(self._input_size, device=self._device, dtype=self._dtype)

    def infer(self, picture: Image) -> tuple[FloatImage, FloatImage, FloatImage]:
        """Run the network once; see ``RvmNetwork.infer``."""
        if self._model is None:
            raise ModelError("rvm was closed; build a new segmenter")
        with running("rvm", self._device):
            rgb = upload(picture, self._device, self._dtype)
            found = self._model.coefficients(rgb, self._state)
            planes = torch.cat((found.gain[:, _ALPHA], found.offset[:, _ALPHA], found.coarse), 1)
            gain, offset, coarse = planes[0].float().cpu().contiguous().numpy()
            self._state = found.state
        return gain, offset, coarse

    def close(self) -> None:
        """Release the network's memory. Idempotent."""
        self._model = None
