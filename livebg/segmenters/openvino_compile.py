"""Compiling networks with OpenVINO, and the cache of compiled networks.

OpenVINO has a cache of its own, but it must read and prepare the original network to find
anything there. A file found by its name alone loads in half the time, and is mapped into memory
instead of copied: each network takes a third less memory.
"""

from __future__ import annotations

import hashlib
import logging
import mmap
import os
import platform
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from livebg.cache import file_sha256, is_unchanged, write_stamp
from livebg.errors import ModelError, UsageError
from livebg.frame import Size
from livebg.models.openvino_ir import import_openvino

__all__ = [
    "compile_graph",
    "compiled_network",
    "computes_int8",
    "openvino_core",
    "resolve_precision",
]

_log = logging.getLogger(__name__)

_FORMAT = 2
"""Version of the compiled graphs; raised when they change, so that older files are not used."""


@cache
def openvino_core() -> Any:
    """Return the process's only ``openvino.Core``."""
    return import_openvino().Core()


def resolve_precision(device: str, precision: str) -> str:
    """Return the arithmetic of a network on a device: ``f32``, ``bf16`` or ``f16``.

    ``int8`` is f32 for all that is not computed in whole numbers. bf16 is chosen only where the
    processor has it natively: emulated, it is three times slower than f32.

    Raises:
        UsageError: the device is absent or lacks that arithmetic.
    """
    if precision == "int8":
        if not computes_int8(device):
            raise UsageError(
                f"int8 is for processors, not for {device}; use --precision auto or --device cpu"
            )
        return "f32"
    core = openvino_core()
    if device != "CPU":
        # Listing the devices loads the drivers of all of them: 30 MB that the CPU does without.
        devices = core.available_devices
        if device.split(".")[0] not in {name.split(".")[0] for name in devices}:
            raise UsageError(
                f"OpenVINO has no device {device} on this machine, only {', '.join(devices)}; "
                f"choose one of these with --device openvino:NAME"
            )
    capabilities = core.get_property(device, "OPTIMIZATION_CAPABILITIES")
    if precision == "auto":
        if device.startswith("CPU"):
            return "bf16" if "BF16" in capabilities else "f32"
        return "f16" if "FP16" in capabilities else "f32"
    if precision == "bf16" and "BF16" not in capabilities:
        raise UsageError(
            f"{device} computes bf16 only by emulation, which is slower than f32; "
            "use --precision auto or f32"
        )
    return precision


def computes_int8(device: str) -> bool:
    """Say whether ``device`` is a processor that is faster in 8-bit whole numbers than in f32.

    OpenVINO lists that ability for every processor; its fast code for it is for x86.
    """
    if device != "CPU" or platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    return "INT8" in openvino_core().get_property(device, "OPTIMIZATION_CAPABILITIES")


def compile_graph(
    graph: Any, *, device: str, precision: str, threads: int, cache_folder: Path | None
) -> Any:
    """Compile an ``openvino.Model`` with static shapes for low latency.

    Raises:
        ModelError: OpenVINO cannot compile it.
    """
    options = _engine_options(device=device, precision=precision, threads=threads)
    if cache_folder is not None:
        options["CACHE_DIR"] = str(cache_folder)
    try:
        return openvino_core().compile_model(graph, device, options)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ModelError(
            f"OpenVINO cannot compile the network for {device}: {reason}; try --device cpu"
        ) from error


def compiled_network(
    make_graph: Callable[[], Any],
    *,
    weights: Path,
    input_size: Size,
    device: str,
    precision: str,
    threads: int,
    cache_folder: Path,
    variant: str = "",
) -> tuple[Any, Any]:
    """Return a compiled network, loaded from its file where there is one.

    Only networks for the processor are kept as files. ``make_graph`` reads the ``openvino.Model``
    from ``weights`` when it must be compiled, as when the weights changed; ``variant`` tells graphs
    apart that are made from the same weights.

    Returns:
        The compiled network, and the memory that it reads its weights from (or None): keep both.

    Raises:
        ModelError: the network cannot be read or compiled.
    """
    options: dict[str, Any] = {"device": device, "precision": precision, "threads": threads}
    if not device.startswith("CPU"):
        return compile_graph(make_graph(), cache_folder=cache_folder, **options), None
    key = _key(weights, {**options, "variant": variant})
    path = cache_folder / f"{weights.stem}-{input_size[0]}x{input_size[1]}-{key}.blob"
    if is_unchanged(path):
        try:
            return _load(path, options)
        except (OSError, RuntimeError):
            _log.debug("%s cannot be loaded; it is made again", path, exc_info=True)
    compiled = compile_graph(make_graph(), cache_folder=None, **options)
    try:
        _store(compiled, path)
    except (OSError, RuntimeError):
        _log.debug("the compiled network cannot be stored as %s", path, exc_info=True)
    return compiled, None


def _engine_options(*, device: str, precision: str, threads: int) -> dict[str, Any]:
    """Return OpenVINO's options for low latency; the arguments are those of ``compile_graph``."""
    options: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
    }
    if device.startswith("CPU"):
        options["INFERENCE_NUM_THREADS"] = threads
        options["NUM_STREAMS"] = 1
    return options


def _key(weights: Path, options: dict[str, Any]) -> str:
    """Return a digest of everything that the compiled network depends on."""
    core = openvino_core()
    device = options["device"]
    status = weights.stat()
    parts = (
        _FORMAT,
        weights.resolve(),
        status.st_size,
        status.st_mtime_ns,
        import_openvino().get_version(),
        core.get_property(device, "FULL_DEVICE_NAME"),
        sorted(core.get_property(device, "OPTIMIZATION_CAPABILITIES")),
        sorted(options.items()),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _load(path: Path, options: dict[str, Any]) -> tuple[Any, Any]:
    # OpenVINO needs writable memory: copy on write leaves the file alone.
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    tensor = import_openvino().Tensor(np.frombuffer(mapped, np.uint8), shared_memory=True)
    compiled = openvino_core().import_model(tensor, options["device"], _engine_options(**options))
    if hasattr(mmap, "MADV_DONTNEED"):
        # OpenVINO has rearranged the weights in memory of its own; the system reads pages of the
        # file again if they are used.
        mapped.madvise(mmap.MADV_DONTNEED)
    return compiled, tensor


def _store(compiled: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        draft = Path(scratch) / path.name
        draft.write_bytes(compiled.export_model().getvalue())
        os.replace(draft, path)
    write_stamp(path, file_sha256(path), "compiled here")
