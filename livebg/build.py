"""From settings to a segmenter: chooses the engine and fetches the weights."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from livebg.cache import cache_folder
from livebg.config.settings import Settings
from livebg.download import Progress
from livebg.errors import DeviceLostError, LivebgError, UsageError
from livebg.frame import Size
from livebg.models.catalog import check_kept, find
from livebg.models.weights import ensure_weights
from livebg.plugins import is_registered, make_registered
from livebg.segmenters.base import Segmenter, fit_input_size

__all__ = [
    "LEAST_SIZE",
    "build_segmenter",
    "build_with_fallback",
    "engine_of",
    "settings_without_device",
]

_log = logging.getLogger(__name__)

LEAST_SIZE = (512, 288)
"""Least input of a network with classes, which was trained on photographs and finds nothing in a
picture as small as RVM's; and of a graphics card, which has the time to see the whole frame."""


def build_segmenter(
    settings: Settings, size: Size, progress: Progress | None = None, *, live: bool = False
) -> Segmenter:
    """Load the network that ``settings`` name, for frames of ``size``.

    Raises:
        UsageError: an unknown network, class, precision or device.
        InputError: the user's ONNX file is missing, or is none.
        DeviceLostError: the device is there and cannot be used, or is out of memory.
        ModelError: the network cannot be loaded, or its weights cannot be fetched.
    """
    if is_registered("segmenters", settings.model):
        segmenter: Segmenter = make_registered("segmenters", settings.model, Segmenter, size)
        return segmenter
    engine, device = engine_of(settings)
    card = engine == "torch" and device != "cpu"
    least = settings.matte_size
    if _is_file(settings.model):
        name, path = None, Path(settings.model).expanduser()
    else:
        entry = find(settings.model)
        check_kept(entry.name, entry.classes, settings.keep)
        name = entry.name
        # OpenVINO reads RVM's graph; torch has one of its own for all kinds of weights.
        graph_needed = engine == "openvino" and not entry.classes
        path = ensure_weights(entry, progress, suffix=".onnx" if graph_needed else None)
        if entry.classes or card:
            least = max(least, LEAST_SIZE, key=lambda side: side[0] * side[1])
    options: dict[str, Any] = {
        "keep": settings.keep,
        "input_size": fit_input_size(size, least),
        "device": device,
        "precision": settings.precision,
        "threads": settings.threads,
        "crop": settings.crop and not card,
        "live": live,
    }
    if engine == "torch":
        from livebg.segmenters.torch import TorchSegmenter

        assert name is not None
        return TorchSegmenter(path, size, name=name, **options)
    from livebg.segmenters.openvino import OpenvinoSegmenter

    return OpenvinoSegmenter(
        path, size, name=name, cache_folder=cache_folder() / "openvino", **options
    )


def build_with_fallback(
    settings: Settings, size: Size, progress: Progress | None = None, *, live: bool = False
) -> tuple[Segmenter, Settings]:
    """Load the network as ``build_segmenter``; with OpenVINO where the torch device is lost.

    Returns:
        The segmenter, and the settings that it was made from.
    """
    try:
        return build_segmenter(settings, size, progress, live=live), settings
    except DeviceLostError as error:
        _log.warning("%s; livebg goes on with the processor", error)
        settings = settings_without_device(settings)
        return build_segmenter(settings, size, progress, live=live), settings


def settings_without_device(settings: Settings) -> Settings:
    """Return ``settings`` for OpenVINO on the processor, to go on with when a device is lost.

    Settings that are chosen for a device, such as a preset's, take their defaults.
    """
    defaults = Settings()
    return replace(
        settings,
        device="cpu",
        precision=defaults.precision,
        matte_size=defaults.matte_size,
        every=defaults.every,
    )


def engine_of(settings: Settings) -> tuple[str, str]:
    """Return the engine and the device of ``settings``: ``("openvino" | "torch", device name)``.

    Raises:
        UsageError: an unknown device, or one that cannot run the network.

    Example:
        >>> engine_of(Settings(device="openvino:gpu"))
        ('openvino', 'GPU')
    """
    is_file = _is_file(settings.model)
    name, _, unit = settings.device.partition(":")
    match name.lower():
        case "auto":
            return ("torch", "cuda") if not is_file and _has_cuda() else ("openvino", "CPU")
        case "cpu" if not unit:
            return "openvino", "CPU"
        case "openvino" if unit:
            return "openvino", unit.upper()
        case "torch" if unit:
            device = unit.lower()
        case "cuda" | "mps":
            device = settings.device.lower()
        case _:
            raise UsageError(
                f"unknown device {settings.device!r}; choose auto, cpu, cuda, mps, torch:cpu, "
                "openvino:GPU or openvino:NPU"
            )
    if is_file:
        raise UsageError(
            f"{settings.model} is an ONNX file, which torch cannot run on {device}; use --device "
            "cpu or openvino:GPU"
        )
    return "torch", device


def _is_file(model: str) -> bool:
    return model.lower().endswith(".onnx")


@cache
def _has_cuda() -> bool:
    """Whether torch can use an NVIDIA card; torch is imported only where a driver is installed.

    A card that is there and cannot be used is logged once.
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
