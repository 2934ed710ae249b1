"""Networks that OpenVINO has compiled for the processor, kept as files and mapped into memory.

OpenVINO has a cache of its own, but it must read and prepare the original network to find
anything there. A file that we find by its name alone is loaded in half the time, and its weights
are not copied: each network takes a third less memory.

OpenVINO: one core a process, and how livebg compiles a graph with it.

Networks without memory on OpenVINO: torchvision's, and a user's ONNX files.
"""

from __future__ import annotations

import hashlib
import logging
import mmap
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livebg.cache import file_sha256, read_stamp, write_stamp
from livebg.errors import ModelError, UsageError
from livebg.frame import Frame, Matte, Size
from livebg.models.catalog import VOC_CLASSES, class_indices
from livebg.models.onnx import NetworkFile, describe_onnx
from livebg.models.openvino_ir import converted_network, import_openvino, load_static_graph
from livebg.segmenters.base import Segmenter, SegmenterInfo, check_frame_size, plain_matte

__all__ = [
    "OpenvinoStatic",
    "compile_graph",
    "compiled_network",
    "computes_int8",
    "describe_engine",
    "engine_options",
    "openvino_core",
    "resolve_precision",
]

_log = logging.getLogger(__name__)


_FORMAT = 2
"""Counts up when the graph that is compiled becomes another, so that older files are not taken."""


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
    """Return a compiled network; compile it where there is no file of it yet.

    Args:
        make_graph: reads the network as an ``openvino.Model``; called only when it is needed.
        weights: the file that it is read from; another one there is another network.
        input_size: ``(width, height)`` that it is made for.
        device: an OpenVINO device name; only what is compiled for the processor is kept as a file.
        precision: ``f32``, ``bf16`` or ``f16``.
        threads: processor threads.
        cache_folder: where the files are.
        variant: what tells graphs apart that are made from the same weights.

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
    if _is_as_written(path):
        try:
            return _load(path, options)
        except (OSError, RuntimeError):
            _log.debug("%s cannot be loaded; it is made again", path, exc_info=True)
    compiled = compile_graph(make_graph(), cache_folder=None, **options)
    try:
        _keep(compiled, path)
    except (OSError, RuntimeError):
        _log.debug("the compiled network cannot be kept as %s", path, exc_info=True)
    return compiled, None


def _key(weights: Path, options: dict[str, Any]) -> str:
    """Return what tells one compiled network from another of the same name and size."""
    core = openvino_core()
    device = options["device"]
    facts = weights.stat()
    parts = (
        _FORMAT,
        weights.resolve(),
        facts.st_size,
        facts.st_mtime_ns,
        import_openvino().get_version(),
        core.get_property(device, "FULL_DEVICE_NAME"),
        sorted(core.get_property(device, "OPTIMIZATION_CAPABILITIES")),
        sorted(options.items()),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _is_as_written(path: Path) -> bool:
    """Say whether ``path`` is as it was when it was written."""
    stamp = read_stamp(path)
    if stamp is None:
        return False
    try:
        facts = path.stat()
    except OSError:
        return False
    return (facts.st_size, facts.st_mtime_ns) == (stamp.size_bytes, stamp.modified_ns)


def _load(path: Path, options: dict[str, Any]) -> tuple[Any, Any]:
    openvino = import_openvino()
    # OpenVINO wants memory that could be written to: copy on write leaves the file alone.
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    tensor = openvino.Tensor(np.frombuffer(mapped, np.uint8), shared_memory=True)
    settings = engine_options(**options)
    compiled = openvino_core().import_model(tensor, options["device"], settings)
    if hasattr(mmap, "MADV_DONTNEED"):
        # The processor's plug-in has put the weights in an order of its own. What it still reads
        # of the file, the system brings back.
        mapped.madvise(mmap.MADV_DONTNEED)
    return compiled, tensor


def _keep(compiled: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        draft = Path(scratch) / path.name
        draft.write_bytes(compiled.export_model().getvalue())
        os.replace(draft, path)
    write_stamp(path, file_sha256(path), "compiled here")


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


_PERSON = 1
"""Which of two classes is kept."""


class OpenvinoStatic(Segmenter):
    """A network that looks at one picture at a time, compiled for one input size.

    Scaling, the output's activation and the choice of classes are part of the compiled graph: it
    takes bytes and gives alpha.

    Args:
        path: an ONNX file (``.onnx``), or a checkpoint of ``name``.
        frame_size: ``(width, height)`` of the frames.
        name: catalogue name of a torchvision network, for its checkpoint; None for an ONNX file.
        keep: names of the classes to keep, for networks with the classes of PASCAL VOC.
        input_size: ``(width, height)`` that the network sees, unless an ONNX file fixes it.
        cache_folder: where converted and compiled networks are kept.
        device: an OpenVINO device name.
        precision: ``auto``, ``f32``, ``bf16`` or ``f16``.
        threads: processor threads.

    Raises:
        InputError: the ONNX file is missing, or is none.
        UsageError: the ONNX file is no network that livebg can use, or has memory; there is no
            such class or device.
        WeightsError: the checkpoint is not that of ``name``.
        ModelError: OpenVINO cannot convert or compile the network.
    """

    def __init__(
        self,
        path: Path,
        frame_size: Size,
        *,
        name: str | None = None,
        keep: Sequence[str] = ("person",),
        input_size: Size,
        cache_folder: Path,
        device: str = "CPU",
        precision: str = "auto",
        threads: int = 1,
    ) -> None:
        self._precision = resolve_precision(device, precision)
        self._device = device
        self._frame_size = frame_size
        self._model = name or str(path)
        if name is None:
            network = _described(path)
        else:
            network = converted_network(name, path, input_size, cache_folder)
        self._input_size = network.input_size or input_size
        self._classes = VOC_CLASSES if network.kind == "classes" else ()
        kept = class_indices(keep) if self._classes else (_PERSON,)
        compiled = compile_graph(
            load_static_graph(openvino_core(), network, self._input_size, kept),
            device=device,
            precision=self._precision,
            threads=threads,
            cache_folder=cache_folder,
        )
        width, height = self._input_size
        self._input: NDArray[np.uint8] = np.empty((1, height, width, 3), np.uint8)
        self._request: Any = compiled.create_infer_request()
        self._request.set_input_tensor(import_openvino().Tensor(self._input, shared_memory=True))

    @property
    def info(self) -> SegmenterInfo:
        """What runs, and how."""
        return SegmenterInfo(
            model=self._model,
            engine=describe_engine(self._device, self._precision),
            input_size=self._input_size,
            recurrent=False,
            classes=self._classes,
        )

    def segment(self, frame: Frame) -> Matte:
        """Return the matte of ``frame``, plain; see ``Segmenter.segment``."""
        check_frame_size(frame, self._frame_size)
        if self._request is None:
            raise ModelError(f"{self._model} was closed; build a new segmenter")
        self._input[0] = frame.scaled(self._input_size)
        try:
            self._request.infer()
        except RuntimeError as error:
            raise ModelError(f"OpenVINO failed while it ran {self._model}: {error}") from error
        alpha = np.array(self._request.get_tensor("alpha").data[0, 0], np.float32)
        if not np.isfinite(alpha).all():
            raise ModelError(
                f"{self._model} returned values that are not numbers for frame {frame.index}"
            )
        np.clip(alpha, 0, 1, out=alpha)
        labels = (
            np.array(self._request.get_tensor("labels").data[0, 0], np.uint8)
            if self._classes
            else None
        )
        return plain_matte(alpha, frame, labels)

    def reset(self) -> None:
        """Do nothing: the network has no memory."""

    def close(self) -> None:
        """Release the infer request. Idempotent."""
        self._request = None


def _described(path: Path) -> NetworkFile:
    network = describe_onnx(path)
    if network.kind == "recurrent":
        raise UsageError(
            f"{path} is a recurrent network, which cannot be run on single pictures; "
            "use it as Robust Video Matting"
        )
    return network
