"""OpenVINO: one core a process, and how livebg compiles a graph with it."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path
from typing import Any

from livebg.errors import ModelError, UsageError
from livebg.models.openvino_import import import_openvino

__all__ = [
    "compile_graph",
    "computes_int8",
    "describe_engine",
    "engine_options",
    "openvino_core",
    "resolve_precision",
]


@cache
def openvino_core() -> Any:
    """Return the process's only ``openvino.Core``."""
    return import_openvino().Core()


def resolve_precision(device: str, precision: str) -> str:
    """Return ``f32``, ``bf16`` or ``f16`` for a wish, and check it against the device.

    ``int8`` is f32 for all that is not computed in whole numbers. bf16 is chosen only where the
    processor has it natively: emulated, it is three times slower than f32.

    Args:
        device: an OpenVINO device name: ``CPU``, ``GPU``, ``NPU``.
        precision: ``auto``, ``f32``, ``bf16``, ``f16`` or ``int8``.

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
        # To list the devices loads the drivers of all of them: 30 MB that the CPU does without.
        _require(device, core.available_devices)
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


def engine_options(*, device: str, precision: str, threads: int) -> dict[str, Any]:
    """Return OpenVINO's options for low latency; the arguments are those of ``compile_graph``."""
    options: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
    }
    if device.startswith("CPU"):
        options["INFERENCE_NUM_THREADS"] = threads
        options["NUM_STREAMS"] = 1
    return options


def compile_graph(
    graph: Any, *, device: str, precision: str, threads: int, cache_folder: Path | None
) -> Any:
    """Compile ``graph`` for low latency.

    Args:
        graph: an ``openvino.Model`` with static shapes.
        device: an OpenVINO device name.
        precision: ``f32``, ``bf16`` or ``f16``, as ``resolve_precision`` returned it.
        threads: processor threads, where the device is the CPU.
        cache_folder: where OpenVINO caches what it compiles; None for nowhere.

    Raises:
        ModelError: OpenVINO cannot compile it.
    """
    options = engine_options(device=device, precision=precision, threads=threads)
    if cache_folder is not None:
        options["CACHE_DIR"] = str(cache_folder)
    try:
        return openvino_core().compile_model(graph, device, options)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ModelError(
            f"OpenVINO cannot compile the network for {device}: {reason}; try --device cpu"
        ) from error


def describe_engine(device: str, precision: str) -> str:
    """Return the engine's name as statistics show it: ``openvino CPU int8+bf16``."""
    return f"openvino {device} {precision}"


def _require(device: str, devices: list[str]) -> None:
    if device.split(".")[0] not in {name.split(".")[0] for name in devices}:
        raise UsageError(
            f"OpenVINO has no device {device} on this machine, only {', '.join(devices)}; "
            f"choose one of these with --device openvino:NAME"
        )
