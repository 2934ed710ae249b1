"""Networks on a torch device: pictures in, mattes out, and neither leaves the device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from livebg.device.coefficients import Planes
from livebg.device.graph import Step, recorded
from livebg.device.picture import PLANES, DevicePicture
from livebg.models.nets.rvm import ALPHA_PLANE, initial_state
from livebg.models.nets.rvm_weights import load_rvm
from livebg.models.nets.torchvision_nets import load_classes
from livebg.models.nets.voc import VOC_CLASSES, class_indices
from livebg.segment.base import SegmenterInfo
from livebg.segment.torch_engine import describe_engine, place
from livebg.types import Size

__all__ = ["DeviceClasses", "DeviceNetwork", "DeviceRvm"]

_SETTLING_LOOKS = 2
"""Extra looks at the first frame, as on the host; see ``livebg.segment.rvm``."""


class DeviceNetwork(ABC):
    """A network in one arithmetic for one size of input.

    Args:
        device: where it runs.
        dtype: what it computes in.
        input_size: ``(width, height)`` that it sees.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype, input_size: Size) -> None:
        self.device = device
        self.dtype = dtype
        self.input_size = input_size

    @property
    @abstractmethod
    def info(self) -> SegmenterInfo:
        """What runs, and how."""

    @abstractmethod
    def infer(self, pictures: Sequence[DevicePicture]) -> list[Planes]:
        """Return the mattes of ``pictures``, one after the other; valid until the next call."""

    @abstractmethod
    def reset(self) -> None:
        """Forget all earlier pictures; does nothing for a network without memory."""

    @abstractmethod
    def look_unrecorded(self) -> None:
        """Look at a black picture operation by operation, so that they can be counted or timed."""

    def _seen(self, picture: DevicePicture) -> Tensor:
        """Return what the network sees of a picture: ``(1, 3, h, w)`` RGB in 0..1."""
        return (picture.scaled(self.input_size).flip(1) / 255).to(self.dtype)

    def _blank(self, count: int = 1) -> Tensor:
        width, height = self.input_size
        blank = torch.zeros((count, 3, height, width), dtype=self.dtype, device=self.device)
        return blank.to(memory_format=torch.channels_last)


class DeviceRvm(DeviceNetwork):
    """Robust Video Matting as far as its refiner's coefficients, with its state on the device.

    Args:
        weights: the release's ``.onnx`` or ``.pth``.
        device: where it runs.
        dtype: what it computes in.
        input_size: ``(width, height)`` that it sees; multiples of 16.

    Raises:
        WeightsError: the file is not RVM.
    """

    def __init__(
        self, weights: Path, device: torch.device, dtype: torch.dtype, input_size: Size
    ) -> None:
        super().__init__(device, dtype, input_size)
        self._model = place(load_rvm(weights), device, dtype)
        self._state = initial_state(input_size, device=device, dtype=dtype)
        self._looks_due = 0
        self._step: Step = recorded(self._look, [self._blank()], "rvm")
        self.reset()

    @property
    def info(self) -> SegmenterInfo:
        """What runs, and how."""
        engine = describe_engine(self.device, self.dtype)
        return SegmenterInfo("rvm", engine, self.input_size, recurrent=True)

    def infer(self, pictures: Sequence[DevicePicture]) -> list[Planes]:
        """Return the mattes of ``pictures``; see ``DeviceNetwork.infer``."""
        found = []
        for picture in pictures:
            seen = self._seen(picture)
            for _ in range(self._looks_due):
                self._step(seen)
            self._looks_due = 0
            (planes,) = self._step(seen)
            gain, offset, coarse = planes.to(PLANES, copy=True).chunk(3, 1)
            found.append(Planes(gain, offset, coarse))
        return found

    def reset(self) -> None:
        """Set the recurrent state to zero."""
        for level in self._state:
            level.zero_()
        self._looks_due = _SETTLING_LOOKS

    def look_unrecorded(self) -> None:
        """Look at a black picture; see ``DeviceNetwork.look_unrecorded``."""
        self._look(self._blank())

    def _look(self, rgb: Tensor) -> tuple[Tensor]:
        """Look once; the state is written in place, so that a graph finds it where it was."""
        found = self._model.coefficients(rgb, self._state)
        for kept, level in zip(self._state, found.state, strict=True):
            kept.copy_(level)
        alpha = slice(ALPHA_PLANE, ALPHA_PLANE + 1)
        return (torch.cat((found.gain[:, alpha], found.offset[:, alpha], found.coarse), 1),)


class DeviceClasses(DeviceNetwork):
    """One of torchvision's networks: alpha is the probability of the kept classes, added up.

    It has no memory, so that several pictures may be looked at together.

    Args:
        name: one of torchvision's networks, as the catalogue names it.
        weights: its checkpoint.
        device: where it runs.
        dtype: what it computes in.
        input_size: ``(width, height)`` that it sees.
        keep: names of the classes to keep.

    Raises:
        WeightsError: the file is not that network's checkpoint.
        UsageError: there is no such network or class.
    """

    def __init__(
        self,
        name: str,
        weights: Path,
        device: torch.device,
        dtype: torch.dtype,
        input_size: Size,
        keep: Sequence[str],
    ) -> None:
        super().__init__(device, dtype, input_size)
        kept = class_indices(keep)
        self._name = name
        self._model = place(load_classes(name, weights), device, dtype)
        self._kept = torch.tensor(kept, device=device)
        self._steps: dict[int, Step] = {}

    @property
    def info(self) -> SegmenterInfo:
        """What runs, and how."""
        engine = describe_engine(self.device, self.dtype)
        return SegmenterInfo(
            self._name, engine, self.input_size, recurrent=False, classes=VOC_CLASSES
        )

    def infer(self, pictures: Sequence[DevicePicture]) -> list[Planes]:
        """Return the mattes of ``pictures``, looked at together; see ``DeviceNetwork.infer``."""
        count = len(pictures)
        if count not in self._steps:
            self._steps[count] = recorded(self._look, [self._blank(count)], self._name)
        seen = torch.cat([self._seen(picture) for picture in pictures])
        alphas, labels = self._steps[count](seen.contiguous(memory_format=torch.channels_last))
        nothing = torch.zeros_like(alphas[:1])
        return [
            Planes(nothing, alphas[n : n + 1].clone(), alphas[n : n + 1].clone(), labels[n].clone())
            for n in range(count)
        ]

    def reset(self) -> None:
        """Do nothing: the network has no memory."""

    def look_unrecorded(self) -> None:
        """Look at a black picture; see ``DeviceNetwork.look_unrecorded``."""
        self._look(self._blank())

    def _look(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        logits = self._model(rgb)
        probabilities = logits.softmax(1, dtype=PLANES).index_select(1, self._kept)
        return probabilities.sum(1, keepdim=True).clamp_(0, 1), logits.argmax(1).to(torch.uint8)
