"""Settings become a pipeline on a torch device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from livebg.clock import Clock, MonotonicClock
from livebg.config.schema import Settings
from livebg.fetch import Progress
from livebg.models.catalog import check_kept, find
from livebg.models.weights import ensure_weights
from livebg.runtime.backdrop import open_backdrop
from livebg.runtime.device_pipeline import DevicePipeline
from livebg.segment.preprocess import fit_input_size
from livebg.types import Size

if TYPE_CHECKING:
    import torch

    from livebg.device.networks import DeviceNetwork

__all__ = ["LEAST_SIZE", "build_network", "build_on_device", "settings_without_device"]

LEAST_SIZE = (512, 288)
"""What a graphics card looks at at least: it has the time, and no person crop to look closer with.
Networks with classes need as much anywhere: they were trained on photographs."""


def build_on_device(
    settings: Settings,
    size: Size,
    device_name: str,
    *,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> DevicePipeline:
    """Make a pipeline whose stages all run on a torch device.

    A graphics card's network sees every frame unless ``every`` is a number: to decide whether it
    must costs more than to let it.

    Args:
        settings: what is wanted.
        size: ``(width, height)`` of the frames.
        device_name: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        progress: told how far a download of weights is.
        clock: what times the stages where the device has no clock of its own.

    Raises:
        UsageError: an unknown network, class, precision or device.
        InputError: the background cannot be read.
        DeviceLostError: the device is there and cannot be used.
        ModelError: the network cannot be loaded, or its weights cannot be fetched.
    """
    from livebg.device.chain import DeviceChain

    backdrop = open_backdrop(settings.background)
    try:
        network = build_network(settings, size, device_name, progress=progress)
        chain = DeviceChain(network, size, backdrop, clock or MonotonicClock())
    except BaseException:
        if not isinstance(backdrop, str):
            backdrop.close()
        raise
    return DevicePipeline(
        settings,
        chain,
        open_backdrop,
        clock or MonotonicClock(),
        looks_always=network.device.type != "cpu",
    )


def build_network(
    settings: Settings, size: Size, device_name: str, *, progress: Progress | None = None
) -> DeviceNetwork:
    """Load the network that ``settings`` name on a torch device; see ``build_on_device``.

    Raises:
        UsageError: an unknown network, class, precision or device.
        DeviceLostError: the device is there and cannot be used.
        ModelError: the network cannot be loaded, or its weights cannot be fetched.
    """
    from livebg.device.faults import at_work
    from livebg.segment.torch_engine import prepare, resolve_device, resolve_dtype

    entry = find(settings.model)
    check_kept(entry.name, entry.classes, settings.keep)
    device = resolve_device(device_name)
    dtype = resolve_dtype(device, settings.precision)
    weights = ensure_weights(entry, progress)
    with at_work(entry.name, device):
        prepare(device, dtype, settings.threads)
        return _network(settings, weights, size, device, dtype)


def settings_without_device(settings: Settings) -> Settings:
    """Return ``settings`` for the processor: what was chosen for a device as nobody had chosen."""
    defaults = Settings()
    return replace(
        settings,
        device="cpu",
        precision=defaults.precision,
        matte_size=defaults.matte_size,
        every=defaults.every,
    )


def _network(
    settings: Settings, weights: Path, size: Size, device: torch.device, dtype: torch.dtype
) -> DeviceNetwork:
    from livebg.device.networks import DeviceClasses, DeviceRvm

    entry = find(settings.model)
    wanted = settings.matte_size
    if device.type != "cpu" or entry.classes:
        wanted = max(wanted, LEAST_SIZE, key=lambda side: side[0] * side[1])
    input_size = fit_input_size(size, wanted)
    if entry.classes:
        return DeviceClasses(entry.name, weights, device, dtype, input_size, settings.keep)
    return DeviceRvm(weights, device, dtype, input_size)
