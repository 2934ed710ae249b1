"""Networks on torch: NVIDIA cards (CUDA), Apple's (MPS), and the processor.

The network's small input is uploaded as bytes and converted on the device, where RVM's recurrent
state stays; the matte comes back in one small download. On CUDA a step is captured as a CUDA graph,
so that its few hundred kernels are launched as one.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from livebg.errors import DeviceLostError, LivebgError, ModelError, UsageError
from livebg.frame import FloatImage, Image, Size
from livebg.models.catalog import VOC_CLASSES, class_indices
from livebg.models.rvm import ALPHA_PLANE, RobustVideoMatting, State, initial_state
from livebg.models.rvm_weights import load_rvm
from livebg.models.torchvision import load_classes
from livebg.segmenters.base import SegmenterInfo
from livebg.segmenters.network import Network, NetworkOutput, NetworkSegmenter

__all__ = ["TorchEngine", "TorchSegmenter", "capture", "class_step", "resolve_device", "rvm_step"]

_log = logging.getLogger(__name__)

_DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}

_LOST = ("CUDA error", "CUDA driver", "NVIDIA driver", "No CUDA GPUs", "cuDNN error", "CUBLAS")
"""Parts of torch's messages about a device that is unusable for the rest of the process."""

_RUNS_BEFORE_CAPTURE = 3
"""cuDNN tries its algorithms and libraries get their workspaces in the first runs, neither of which
a capture may contain."""


class TorchSegmenter(NetworkSegmenter):
    """A network of the catalogue on a torch device.

    Args:
        weights: the weights of ``name``: RVM's ``.onnx`` or ``.pth``, torchvision's ``.pth``.
        input_size: ``(width, height)`` that the network sees; multiples of 16 for RVM.
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        precision: ``auto`` (f16 on CUDA, else f32), ``f32``, ``bf16`` or ``f16``.
        crop: show RVM the person only; see ``NetworkSegmenter``.

    Raises:
        UsageError: there is no such device, precision or class.
        WeightsError: the file does not hold the weights of ``name``.
        DeviceLostError: the device is out of memory, or has gone.
        ModelError: torch failed in another way.
    """

    def __init__(
        self,
        weights: Path,
        frame_size: Size,
        *,
        name: str,
        keep: Sequence[str] = ("person",),
        input_size: Size,
        device: str = "cpu",
        precision: str = "auto",
        threads: int = 1,
        crop: bool = False,
        live: bool = False,
    ) -> None:
        engine = TorchEngine(name, resolve_device(device), precision, threads)
        recurrent = name == "rvm"
        kept = class_indices(keep)
        with engine.running():
            # All crops share one copy of the weights. Channels last is a third faster on the
            # CPU, and what tensor cores need.
            model = load_rvm(weights) if recurrent else load_classes(name, weights)
            model.to(engine.device, engine.dtype).to(memory_format=torch.channels_last)
            indices = torch.tensor(kept, device=engine.device)
        step: Callable[..., Tensor] = (
            partial(rvm_step, model)
            if isinstance(model, RobustVideoMatting)
            else partial(class_step, model, indices, engine.dtype)
        )
        info = SegmenterInfo(
            model=name,
            engine=str(engine),
            input_size=input_size,
            recurrent=recurrent,
            classes=() if recurrent else VOC_CLASSES,
        )
        make_network = partial(_TorchNetwork, engine, step, recurrent)
        super().__init__(info, frame_size, make_network, crop=crop and recurrent, live=live)


def resolve_device(name: str) -> torch.device:
    """Return the device of a name such as ``cuda:1``, checked to be there.

    Raises:
        UsageError: there is no such device on this machine.
        DeviceLostError: there is, but its driver is too old.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"torch has no device {name!r}; choose cpu, cuda or mps") from error
    if device.type == "cuda":
        present = _has_cuda(device)
    else:
        present = device.type == "cpu" or (
            device.type == "mps" and torch.backends.mps.is_available()
        )
    if not present:
        raise UsageError(f"torch finds no device {name} on this machine; choose --device cpu")
    return device


def _has_cuda(device: torch.device) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of what is raised here
        if torch.cuda.is_available():
            return (device.index or 0) < torch.cuda.device_count()
        try:
            torch.cuda.init()
        except (RuntimeError, AssertionError) as error:
            if "too old" in str(error):
                reason = _first_line(error).partition(" Please ")[0].rstrip(".")
                raise DeviceLostError(f"{device} cannot be used: {reason}") from error
    return False


@dataclass(frozen=True)
class TorchEngine:
    """Where and in what arithmetic a network runs; ``str()`` is ``torch cuda f16``.

    Raises:
        UsageError: there is no such precision.
    """

    model: str
    device: torch.device
    precision: str
    threads: int = 1

    def __post_init__(self) -> None:
        if self.precision == "auto":
            cuda = self.device.type == "cuda"
            object.__setattr__(self, "precision", "f16" if cuda else "f32")
        if self.precision not in _DTYPES:
            raise UsageError(f"no precision {self.precision!r}; choose auto, {', '.join(_DTYPES)}")

    @property
    def dtype(self) -> torch.dtype:
        """What the network computes in."""
        return _DTYPES[self.precision]

    def __str__(self) -> str:
        return f"torch {self.device} {self.precision}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run torch here, without gradients, and translate its errors.

        torch's process-wide options are as before when this ends.

        Raises:
            DeviceLostError: the device is out of memory, its driver is too old, or it has gone.
            ModelError: torch failed in another way.
        """
        try:
            with torch.inference_mode(), ExitStack() as stack:
                if self.device.type == "cpu":
                    stack.callback(torch.set_num_threads, torch.get_num_threads())
                    torch.set_num_threads(self.threads)
                if self.device.type == "cuda":
                    stack.enter_context(torch.cuda.device(self.device))
                    # There is one size of input, so the search for the fastest algorithm pays;
                    # f32 must not become the ten bits of TF32.
                    tf32 = self.precision != "f32"
                    flags = torch.backends.cudnn.flags
                    stack.enter_context(flags(enabled=True, benchmark=True, allow_tf32=tf32))
                yield
        except LivebgError:
            raise
        except RuntimeError as error:
            message, reason = str(error), _first_line(error).rstrip(".")
            if "out of memory" in message:
                raise DeviceLostError(
                    f"{self.device} has not enough memory for {self.model}: {reason}"
                ) from error
            if any(part in message for part in _LOST):
                raise DeviceLostError(
                    f"{self.device} failed while it ran {self.model}: {reason}"
                ) from error
            raise ModelError(
                f"torch failed on {self.device} while it ran {self.model}: {reason}; "
                "try --device cpu"
            ) from error


def rvm_step(model: RobustVideoMatting, pixels: Tensor, state: State) -> Tensor:
    """Run RVM on one picture, and write its next state into ``state``.

    Args:
        model: the network, on the device of the tensors.
        pixels: ``(1, h, w, 3)`` uint8 BGR.
        state: as ``initial_state`` makes it; overwritten, so that a CUDA graph finds it in place.

    Returns:
        ``(3, h, w)`` float32: gain, offset and coarse alpha.
    """
    found = model.coefficients(_rgb(pixels, state[0].dtype), state)
    for kept, level in zip(state, found.state, strict=True):
        kept.copy_(level)
    alpha = slice(ALPHA_PLANE, ALPHA_PLANE + 1)
    return torch.cat((found.gain[0, alpha], found.offset[0, alpha], found.coarse[0])).float()


def class_step(
    model: nn.Module, kept: Tensor, dtype: torch.dtype, pixels: Tensor, state: tuple[()] = ()
) -> Tensor:
    """Run a network with classes on one picture.

    Args:
        model: the network, on the device of the tensors.
        kept: indices of the classes to keep, int64.
        dtype: what the network computes in.
        pixels: ``(1, h, w, 3)`` uint8 BGR.
        state: empty: the network has no memory.

    Returns:
        ``(2, h, w)`` float32: the probability of the kept classes, and the likeliest class.
    """
    logits = model(_rgb(pixels, dtype))[0]
    alpha = logits.softmax(0, dtype=torch.float32).index_select(0, kept).sum(0)
    return torch.stack((alpha, logits.argmax(0).float()))


def _rgb(pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """Return ``(1, 3, h, w)`` RGB in 0..1 from bytes, which all of the types hold exactly."""
    rgb = pixels.permute(0, 3, 1, 2).flip(1).to(dtype).div_(255)
    return rgb.contiguous(memory_format=torch.channels_last)


def capture(step: Callable[[], Tensor], what: str) -> Callable[[], Tensor]:
    """Return ``step`` as a CUDA graph; where that fails, log the reason and return ``step``.

    The step has run several times when this returns. The result of a call is overwritten by the
    next one.

    Args:
        step: reads and writes the same tensors each time, on torch's current device.
        what: its name, for the log.
    """
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(_RUNS_BEFORE_CAPTURE):
            step()
    torch.cuda.current_stream().wait_stream(side)
    try:
        graph = torch.cuda.CUDAGraph()
        # Another thread may run another network meanwhile: only this thread's work is captured.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            output = step()
    except RuntimeError as error:
        reason = _first_line(error)
        _log.warning("%s cannot be captured as a CUDA graph and runs slower: %s", what, reason)
        return step

    def replay() -> Tensor:
        graph.replay()
        return output

    return replay


class _TorchNetwork(Network):
    """A network on a device, for one size of input.

    ``step`` maps ``(1, h, w, 3)`` uint8 BGR and the state to the planes to download; a recurrent
    one has RVM's state and gives coefficients.
    """

    def __init__(
        self, engine: TorchEngine, step: Callable[..., Tensor], recurrent: bool, input_size: Size
    ) -> None:
        self._engine = engine
        self._input_size = input_size
        cuda = engine.device.type == "cuda"
        width, height = input_size
        with engine.running():
            self._upload = torch.zeros((1, height, width, 3), dtype=torch.uint8, pin_memory=cuda)
            self._pixels = self._upload.to(engine.device)
            self._state: tuple[Tensor, ...] = ()
            if recurrent:
                self._state = initial_state(input_size, device=engine.device, dtype=engine.dtype)
            run = partial(step, self._pixels, self._state)
            self._run: Callable[[], Tensor] | None = capture(run, engine.model) if cuda else run
        self.forget()

    @property
    def input_size(self) -> Size:
        """``(width, height)`` that the network sees."""
        return self._input_size

    def infer(self, picture: Image) -> NetworkOutput:
        """Run the network once; see ``Network.infer``."""
        if self._run is None:
            raise ModelError(f"{self._engine.model} was closed; build a new segmenter")
        with self._engine.running():
            # The last download has waited for the upload before it: its memory is free again.
            self._upload.numpy()[0] = picture
            self._pixels.copy_(self._upload, non_blocking=True)
            planes: Any = self._run().cpu().numpy()
        if self._state:
            return NetworkOutput(*planes)
        return NetworkOutput.plain(planes[0], planes[1].astype(np.uint8))

    @property
    def state(self) -> list[FloatImage]:
        """The recurrent state, downloaded; see ``Network.state``."""
        with self._engine.running():
            return [level[0].float().cpu().numpy().copy() for level in self._state]

    def load_state(self, planes: Sequence[FloatImage]) -> None:
        """Replace the recurrent state; shapes as in ``state``."""
        with self._engine.running():
            for level, plane in zip(self._state, planes, strict=True):
                level[0].copy_(torch.from_numpy(plane))

    def close(self) -> None:
        """Release the device's memory. Idempotent."""
        self._run = None
        self._state = ()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
