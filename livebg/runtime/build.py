"""Settings become a pipeline: the one place that chooses engines and opens backgrounds."""

from __future__ import annotations

from pathlib import Path

import cv2

from livebg.cache import cache_folder
from livebg.compose.compositor import Compositor, compositing_kernel
from livebg.config.schema import Settings
from livebg.errors import UsageError
from livebg.fetch import Progress
from livebg.models.catalog import CatalogEntry, find
from livebg.models.weights import ensure_weights
from livebg.runtime.backdrop import open_backdrop
from livebg.runtime.memory import keep_freed_memory
from livebg.runtime.pipeline import Pipeline
from livebg.segment.base import Segmenter
from livebg.segment.preprocess import fit_input_size
from livebg.temporal.flow import FlowCarrier
from livebg.types import Size

__all__ = ["build_pipeline", "build_segmenter"]

_CLASSES_LEAST_SIZE = (512, 288)
"""Networks that were trained on photographs find nothing in a picture as small as RVM's."""


def build_pipeline(
    settings: Settings, size: Size, *, live: bool = False, progress: Progress | None = None
) -> Pipeline:
    """Make the chain of stages for frames of one size.

    Two things are set for the whole process. OpenCV gets one thread: its stages are a fraction of
    a millisecond each, and splitting them over cores costs more processor time than it saves. And
    the memory of one frame is kept for the next; see ``keep_freed_memory``.

    Args:
        settings: what is wanted.
        size: ``(width, height)`` of the frames.
        live: whether time counts; without it the same frames give the same composites.
        progress: told how far a download of weights is.

    Raises:
        UsageError: an unknown network, class or device.
        InputError: the background cannot be read.
        ModelError: the network cannot be loaded, or its weights cannot be fetched.
    """
    cv2.setNumThreads(1)
    keep_freed_memory()
    compositor = open_compositor(settings)
    try:
        compositing_kernel()
        segmenter = build_segmenter(settings, size, progress, live=live)
    except BaseException:
        compositor.close()
        raise
    return Pipeline(settings, segmenter, FlowCarrier(size), compositor, open_compositor, live=live)


def open_compositor(settings: Settings) -> Compositor:
    """Open the background that ``settings`` name; see ``build_pipeline``."""
    return Compositor(open_backdrop(settings.background))


def openvino_folder() -> Path:
    """Return where OpenVINO keeps converted and compiled networks."""
    return cache_folder() / "openvino"


def build_segmenter(
    settings: Settings, size: Size, progress: Progress | None = None, *, live: bool = False
) -> Segmenter:
    """Load the network that ``settings`` name, for frames of ``size``; see ``build_pipeline``."""
    if settings.model.lower().endswith(".onnx"):
        return _user_file(settings, size, live)
    engine, device = _engine(settings.device)
    entry = find(settings.model)
    released_graph = engine == "openvino" and not entry.classes
    weights = ensure_weights(entry, progress, suffix=".onnx" if released_graph else None)
    if entry.classes:
        return _classes(entry, weights, settings, size, engine, device)
    return _rvm(weights, settings, size, engine, device, live)


def _engine(wish: str) -> tuple[str, str]:
    """Return ``("openvino" | "torch", device name)`` for the setting ``device``."""
    name, _, unit = wish.partition(":")
    match name.lower():
        case "auto":
            return ("torch", "cuda") if _has_cuda() else ("openvino", "CPU")
        case "cpu" if not unit:
            return "openvino", "CPU"
        case "openvino" if unit:
            return "openvino", unit.upper()
        case "torch" if unit:
            return "torch", unit.lower()
        case "cuda" | "mps":
            return "torch", wish.lower()
    raise UsageError(
        f"unknown device {wish!r}; choose auto, cpu, cuda, mps, torch:cpu, openvino:GPU or "
        "openvino:NPU"
    )


def _has_cuda() -> bool:
    """Whether torch can use an NVIDIA GPU; torch is imported only where a driver is installed."""
    import shutil

    if not Path("/dev/nvidiactl").exists() and shutil.which("nvidia-smi") is None:
        return False
    import torch

    return torch.cuda.is_available()


def _rvm(
    weights: Path,
    settings: Settings,
    size: Size,
    engine: str,
    device: str,
    live: bool,
    *,
    released: bool = True,
) -> Segmenter:
    input_size = fit_input_size(size, settings.matte_size)
    if engine == "torch":
        from livebg.segment.torch_rvm import TorchRvm

        return TorchRvm(
            weights,
            size,
            input_size=input_size,
            device=device,
            precision=settings.precision,
            threads=settings.threads,
            crop=settings.crop,
        )
    from livebg.segment.openvino_rvm import OpenvinoRvm

    return OpenvinoRvm(
        weights,
        size,
        input_size=input_size,
        cache_folder=openvino_folder(),
        device=device,
        precision=settings.precision,
        released=released,
        threads=settings.threads,
        crop=settings.crop,
        live=live,
    )


def _classes(
    entry: CatalogEntry,
    weights: Path,
    settings: Settings,
    size: Size,
    engine: str,
    device: str,
) -> Segmenter:
    wanted = max(settings.matte_size, _CLASSES_LEAST_SIZE, key=lambda side: side[0] * side[1])
    input_size = fit_input_size(size, wanted)
    if engine == "torch":
        from livebg.segment.torch_classes import TorchClasses

        return TorchClasses(
            entry.name,
            weights,
            size,
            keep=settings.keep,
            input_size=input_size,
            device=device,
            precision=settings.precision,
            threads=settings.threads,
        )
    return _static(weights, settings, size, input_size, device, name=entry.name)


def _user_file(settings: Settings, size: Size, live: bool) -> Segmenter:
    from livebg.models.onnx_shapes import describe_onnx

    wish = "cpu" if settings.device == "auto" else settings.device
    engine, device = _engine(wish)
    path = Path(settings.model).expanduser()
    network = describe_onnx(path)
    if engine == "torch":
        raise UsageError(
            f"{path} is an ONNX file, which torch cannot run on {device}; use --device cpu or "
            "openvino:GPU"
        )
    if network.kind == "recurrent":
        return _rvm(path, settings, size, engine, device, live, released=False)
    return _static(path, settings, size, fit_input_size(size, settings.matte_size), device)


def _static(
    path: Path,
    settings: Settings,
    size: Size,
    input_size: Size,
    device: str,
    name: str | None = None,
) -> Segmenter:
    from livebg.segment.openvino_static import OpenvinoStatic

    return OpenvinoStatic(
        path,
        size,
        name=name,
        keep=settings.keep,
        input_size=input_size,
        cache_folder=openvino_folder(),
        device=device,
        precision=settings.precision,
        threads=settings.threads,
    )
