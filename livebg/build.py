"""Settings become a segmenter: the one place that chooses networks, engines and devices."""

from __future__ import annotations

import logging
import shutil
from functools import cache
from pathlib import Path

from livebg.cache import cache_folder
from livebg.config.settings import Settings
from livebg.download import Progress
from livebg.errors import LivebgError, UsageError
from livebg.frame import Size
from livebg.models.catalog import VOC_CLASSES, check_kept, find
from livebg.models.weights import ensure_weights
from livebg.segmenters.base import Segmenter, fit_input_size

__all__ = ["build_segmenter", "torch_device_of"]

_log = logging.getLogger(__name__)

_CLASSES_LEAST_SIZE = (512, 288)
"""Networks that were trained on photographs find nothing in a picture as small as RVM's."""


def torch_device_of(settings: Settings) -> str | None:
    """Return the torch device that all stages would run on, or None where OpenVINO is chosen.

    Raises:
        UsageError: an unknown device.
    """
    engine, device = _engine_for(settings)
    return device if engine == "torch" else None


def openvino_folder() -> Path:
    """Return where OpenVINO keeps converted and compiled networks."""
    return cache_folder() / "openvino"


def build_segmenter(
    settings: Settings, size: Size, progress: Progress | None = None, *, live: bool = False
) -> Segmenter:
    """Load the network that ``settings`` name on OpenVINO, for frames of ``size``.

    Raises:
        UsageError: an unknown network, class or device.
        ModelError: the network cannot be loaded, or its weights cannot be fetched.
    """
    _, device = _engine_for(settings)
    if _is_file(settings.model):
        return _user_file(settings, size, device, live)
    entry = find(settings.model)
    check_kept(entry.name, entry.classes, settings.keep)
    weights = ensure_weights(entry, progress, suffix=None if entry.classes else ".onnx")
    if entry.classes:
        wanted = max(settings.matte_size, _CLASSES_LEAST_SIZE, key=lambda side: side[0] * side[1])
        input_size = fit_input_size(size, wanted)
        return _static(weights, settings, size, input_size, device, name=entry.name)
    return _rvm(weights, settings, size, device, live)


def _is_file(model: str) -> bool:
    return model.lower().endswith(".onnx")


def _engine_for(settings: Settings) -> tuple[str, str]:
    """Return the engine and the device that run the network; see ``_engine``."""
    file = _is_file(settings.model)
    wish = "cpu" if file and settings.device == "auto" else settings.device
    engine, device = _engine(wish)
    if file and engine == "torch":
        raise UsageError(
            f"{settings.model} is an ONNX file, which torch cannot run on {device}; use --device "
            "cpu or openvino:GPU"
        )
    return engine, device


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


@cache
def _has_cuda() -> bool:
    """Whether torch can use an NVIDIA GPU; torch is imported only where a driver is installed.

    A card that is there and cannot be used is told of once: it would be missed silently.
    """
    if not Path("/dev/nvidiactl").exists() and shutil.which("nvidia-smi") is None:
        return False
    from livebg.segmenters.torch import resolve_device

    try:
        resolve_device("cuda")
    except LivebgError as error:
        reason = str(error).partition(";")[0]
        _log.warning(
            "an NVIDIA driver is installed, but %s; livebg goes on with the processor, and "
            "`livebg doctor` says what may help",
            reason,
        )
        return False
    return True


def _rvm(
    weights: Path,
    settings: Settings,
    size: Size,
    device: str,
    live: bool,
    *,
    released: bool = True,
) -> Segmenter:
    from livebg.segmenters.openvino_rvm import OpenvinoRvm

    return OpenvinoRvm(
        weights,
        size,
        input_size=fit_input_size(size, settings.matte_size),
        cache_folder=openvino_folder(),
        device=device,
        precision=settings.precision,
        released=released,
        threads=settings.threads,
        crop=settings.crop,
        live=live,
    )


def _user_file(settings: Settings, size: Size, device: str, live: bool) -> Segmenter:
    from livebg.models.onnx import describe_onnx

    path = Path(settings.model).expanduser()
    kind = describe_onnx(path).kind
    check_kept(settings.model, VOC_CLASSES if kind == "classes" else (), settings.keep)
    if kind == "recurrent":
        return _rvm(path, settings, size, device, live, released=False)
    return _static(path, settings, size, fit_input_size(size, settings.matte_size), device)


def _static(
    path: Path,
    settings: Settings,
    size: Size,
    input_size: Size,
    device: str,
    name: str | None = None,
) -> Segmenter:
    from livebg.segmenters.openvino import OpenvinoStatic

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
