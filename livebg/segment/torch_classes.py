"""torchvision's segmentation networks on torch (CPU, CUDA, MPS)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from livebg.errors import ModelError
from livebg.models.nets.torchvision_nets import ClassLogits, load_classes
from livebg.models.nets.voc import VOC_CLASSES, class_indices
from livebg.segment.base import Segmenter, SegmenterInfo
from livebg.segment.plain_matte import plain_matte
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
from livebg.types import Frame, Matte, Size

__all__ = ["TorchClasses"]


class TorchClasses(Segmenter):
    """Alpha is the probability of the kept classes, added up.

    Args:
        name: one of torchvision's networks, as the catalogue names it.
        weights: its checkpoint.
        frame_size: ``(width, height)`` of the frames.
        keep: names of the classes to keep.
        input_size: ``(width, height)`` that the network sees.
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        precision: ``auto`` (f16 on CUDA, f32 elsewhere), ``f32``, ``bf16`` or ``f16``.
        threads: processor threads of the whole process's torch, where the device is the CPU.

    Raises:
        WeightsError: the file is not that network's checkpoint.
        UsageError: there is no such network, class or device.
    """

    def __init__(
        self,
        name: str,
        weights: Path,
        frame_size: Size,
        *,
        keep: Sequence[str],
        input_size: Size,
        device: str = "cpu",
        precision: str = "auto",
        threads: int = 1,
    ) -> None:
        self._kept = list(class_indices(keep))
        self._device = resolve_device(device)
        self._dtype = resolve_dtype(self._device, precision)
        if self._device.type == "cpu":
            torch.set_num_threads(threads)
        self._name = name
        self._frame_size = frame_size
        self._input_size = input_size
        self._model: ClassLogits | None = place(
            load_classes(name, weights), self._device, self._dtype
        )

    @property
    def info(self) -> SegmenterInfo:
        """What runs, and how."""
        return SegmenterInfo(
            model=self._name,
            engine=describe_engine(self._device, self._dtype),
            input_size=self._input_size,
            recurrent=False,
            classes=VOC_CLASSES,
        )

    def segment(self, frame: Frame) -> Matte:
        """Return the matte of ``frame``, plain, with class labels; see ``Segmenter.segment``."""
        check_frame_size(frame, self._frame_size)
        if self._model is None:
            raise ModelError(f"{self._name} was closed; build a new segmenter")
        small = frame.scaled(self._input_size)
        with running(self._name, self._device):
            logits = self._model(upload(small, self._device, self._dtype))[0].float()
            probabilities = logits.softmax(0)[self._kept].sum(0, keepdim=True).clamp(0, 1)
            alpha = download(probabilities, self._name, frame)[0]
            labels = logits.argmax(0).to(torch.uint8).cpu().numpy()
        return plain_matte(alpha, frame, np.ascontiguousarray(labels))

    def reset(self) -> None:
        """Do nothing: the network has no memory."""

    def close(self) -> None:
        """Release the network's memory. Idempotent."""
        self._model = None
