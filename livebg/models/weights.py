"""Weights in the user's cache: fetched when first needed, or added from a file by hand.

Nothing here runs code from a checkpoint: an ONNX file is known by its sha256, and a ``.pth`` is
read with ``weights_only=True`` and compared with the network's own tensors.
"""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path

from livebg.cache import cache_folder, file_sha256, intact_file, read_stamp, write_stamp
from livebg.download import Progress, ensure_file
from livebg.errors import FetchError, InputError, UsageError, WeightsError
from livebg.models.catalog import CATALOG, CatalogEntry, find

__all__ = [
    "Progress",
    "add_weights",
    "cache_folder",
    "check_checkpoint",
    "ensure_weights",
    "networks_here",
    "weights_origin",
    "weights_path",
]

_COPY_BYTES = 1 << 20


def weights_path(entry: CatalogEntry, suffix: str | None = None) -> Path | None:
    """Return the weights of ``entry`` in the cache, intact; None where they are not there.

    A checkpoint that the user added takes precedence over the released file. ``suffix`` is a
    required one, such as ``.onnx``.
    """
    for path in _added_paths(entry, suffix):
        if _added_is_intact(path):
            return path
    released = _folder() / entry.file.name
    usable = suffix in (None, released.suffix)
    return released if usable and intact_file(released, entry.file.accepts) else None


def networks_here() -> list[str]:
    """Return the names of the networks whose weights are in the cache, the default first."""
    return [name for name, entry in CATALOG.items() if weights_path(entry) is not None]


def ensure_weights(
    entry: CatalogEntry, progress: Progress | None = None, suffix: str | None = None
) -> Path:
    """Return the weights of ``entry``, fetched into the cache if they are not there.

    Raises:
        WeightsError: no source delivers them, they cannot be stored, or a checkpoint that the
            user added has been damaged.
    """
    path = weights_path(entry, suffix)
    if path is not None:
        return path
    for added in _added_paths(entry, suffix):
        if added.exists():
            raise WeightsError(
                f"{added}, added for {entry.name}, is no longer what it was; add it again with "
                f"`livebg models add {entry.name} FILE`, or delete it to use the released weights"
            )
    if suffix not in (None, Path(entry.file.name).suffix):
        raise WeightsError(
            f"there is no {suffix} file of {entry.name} to download; add yours with "
            f"`livebg models add {entry.name} FILE`"
        )
    try:
        return ensure_file(
            entry.file,
            _folder(),
            what=f"weights of {entry.name} ({entry.licence})",
            alternative=f"add a copy from elsewhere with `livebg models add {entry.name} FILE`",
            progress=progress,
        )
    except FetchError as error:
        raise WeightsError(str(error)) from error


def weights_origin(path: Path) -> str:
    """Return where the cached file at ``path`` came from, in words."""
    stamp = read_stamp(path)
    return stamp.source if stamp else "unknown"


def add_weights(name: str, file: Path) -> Path:
    """Copy a local checkpoint into the cache and return its place there.

    The released file is recognised by its sha256, whatever it is called. Any other ``.pth`` is
    accepted when it holds the tensors of the network, and is then used instead of the released
    weights.

    Raises:
        UsageError: there is no such network, or it takes no such kind of file.
        InputError: the file cannot be read.
        WeightsError: the file does not hold this network's weights, or cannot be stored.
    """
    entry = find(name)
    try:
        digest, size = file_sha256(file), file.stat().st_size
    except OSError as error:
        raise InputError(
            f"{file} cannot be read ({error.strerror}); give the path of a checkpoint of {name}"
        ) from error
    released = entry.file.accepts(digest, size)
    if not released:
        _check_kind(entry, file, digest)
    target = _folder() / (entry.file.name if released else f"{name}-added{file.suffix.lower()}")
    try:
        _copy(file, target, digest)
    except OSError as error:
        raise WeightsError(
            f"{file} cannot be copied to {target} ({error.strerror}); make room there, or set "
            "LIVEBG_CACHE to a folder that can be written"
        ) from error
    return target


def check_checkpoint(name: str, path: Path) -> None:
    """Refuse a file that is not the weights of the network ``name``.

    Raises:
        UsageError: there is no such network.
        WeightsError: the file is missing, unreadable, or holds something else.
    """
    if not path.is_file():
        raise WeightsError(f"there is no file {path} to take the weights of {name} from")
    if name == "rvm":
        from livebg.models.rvm_weights import load_rvm

        load_rvm(path)
    else:
        from livebg.models.torchvision import check_state_dict, read_state_dict

        check_state_dict(name, path, read_state_dict(path, name))


def _folder() -> Path:
    return cache_folder() / "weights"


def _added_paths(entry: CatalogEntry, suffix: str | None) -> list[Path]:
    suffixes = [kind for kind in entry.checkpoint_suffixes if suffix in (None, kind)]
    return [_folder() / f"{entry.name}-added{kind}" for kind in suffixes]


def _added_is_intact(path: Path) -> bool:
    stamp = read_stamp(path)
    return stamp is not None and intact_file(path, lambda digest, _: digest == stamp.sha256)


def _check_kind(entry: CatalogEntry, file: Path, digest: str) -> None:
    suffix = file.suffix.lower()
    if suffix not in entry.checkpoint_suffixes:
        raise UsageError(
            f"{file} cannot be the weights of {entry.name}, which takes a "
            f"{' or '.join(entry.checkpoint_suffixes)} file"
        )
    if suffix != ".pth":
        raise WeightsError(
            f"{file} is not the released {entry.file.name} (its sha256 is {digest[:8]}..., not "
            f"{entry.file.sha256[:8]}...); a network of your own is used with `--model {file}`"
        )
    check_checkpoint(entry.name, file)


def _copy(file: Path, target: Path, digest: str) -> None:
    """Copy ``file`` to ``target`` in one step that another process never sees half done."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as work:
        part = Path(work) / "part"
        with file.open("rb") as source, part.open("wb") as copy:
            for chunk in iter(partial(source.read, _COPY_BYTES), b""):
                copy.write(chunk)
        if file_sha256(part) != digest:
            raise WeightsError(f"{file} changed while it was read; add it again")
        os.replace(part, target)
    write_stamp(target, digest, f"added from {file.resolve()}")
