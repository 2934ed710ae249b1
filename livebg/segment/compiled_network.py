"""Networks that OpenVINO has compiled for the processor, kept as files and mapped into memory.

OpenVINO has a cache of its own, but it must read and prepare the original network to find
anything there. A file that we find by its name alone is loaded in half the time, and its weights
are not copied: each network takes a third less memory.
"""

from __future__ import annotations

import hashlib
import logging
import mmap
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from livebg.cache import file_sha256, read_stamp, write_stamp
from livebg.models.openvino_import import import_openvino
from livebg.segment.openvino_engine import compile_graph, engine_options, openvino_core
from livebg.types import Size

__all__ = ["compiled_network"]

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
