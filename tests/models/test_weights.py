from __future__ import annotations

import dataclasses
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch

from livebg.download import RemoteFile, UrlSource
from livebg.errors import InputError, UsageError, WeightsError
from livebg.models.catalog import CATALOG, CatalogEntry, find
from livebg.models.weights import (
    add_weights,
    cache_folder,
    ensure_weights,
    networks_here,
    weights_origin,
    weights_path,
)
from tests.support.checkpoints import write_checkpoint
from tests.support.loopback import Loopback

LRASPP = "lraspp_mobilenet_v3_large"


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def released_as(entry: CatalogEntry, content: bytes, url: str) -> CatalogEntry:
    file = RemoteFile(entry.file.name, sha256(content).hexdigest(), len(content), (UrlSource(url),))
    return dataclasses.replace(entry, file=file)


def test_weights_are_fetched_once(loopback: Loopback, empty_cache: Path) -> None:
    url = loopback.add_bytes("released", b"tensors")
    entry = released_as(find(LRASPP), b"tensors", url)
    calls: list[str] = []
    assert weights_path(entry) is None
    path = ensure_weights(entry, lambda what, done, total: calls.append(what))
    assert path == empty_cache / "weights" / entry.file.name
    assert path.read_bytes() == b"tensors"
    assert set(calls) == {"weights of lraspp_mobilenet_v3_large (BSD-3-Clause)"}
    assert ensure_weights(entry) == weights_path(entry) == path
    assert weights_origin(path) == url
    assert loopback.requests == ["/released"]


def test_the_networks_that_are_here(tmp_path: Path) -> None:
    assert networks_here() == []
    add_weights(LRASPP, write_checkpoint(LRASPP, tmp_path / "mine.pth"))
    assert networks_here() == [LRASPP]


def test_truncated_weights_are_fetched_again(loopback: Loopback) -> None:
    entry = released_as(find(LRASPP), b"tensors", loopback.add_bytes("released", b"tensors"))
    path = ensure_weights(entry)
    path.write_bytes(b"tens")
    assert weights_path(entry) is None
    assert ensure_weights(entry).read_bytes() == b"tensors"


def test_failed_fetch_says_what_to_do(loopback: Loopback) -> None:
    url = loopback.add_status("gone", 404)
    with pytest.raises(WeightsError) as caught:
        ensure_weights(released_as(find(LRASPP), b"tensors", url))
    message = str(caught.value)
    assert f"{url} answered 404" in message
    assert "HTTPS_PROXY" in message
    assert f"livebg models add {LRASPP} FILE" in message


def test_real_rvm_weights_are_recognised_by_content(rvm_weights: Path, tmp_path: Path) -> None:
    copy = tmp_path / "some name.bin"
    copy.write_bytes(rvm_weights.read_bytes())
    path = add_weights("rvm", copy)
    assert path == cache_folder() / "weights" / "rvm_mobilenetv3_fp32.onnx"
    assert weights_path(find("rvm"), ".onnx") == ensure_weights(find("rvm")) == path
    assert weights_origin(path) == f"added from {copy}"


def test_other_onnx_file_is_not_rvm(rvm_weights: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(rvm_weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(WeightsError, match=r"is not the released .*--model .*other\.onnx"):
        add_weights("rvm", other)
    assert weights_path(find("rvm")) is None


def test_checkpoint_written_here_in_place_of_the_unreachable_release_is_added(
    tmp_path: Path,
) -> None:
    file = write_checkpoint(LRASPP, tmp_path / "trained.PTH")
    path = add_weights(LRASPP, file)
    assert path.read_bytes() == file.read_bytes()
    assert weights_path(find(LRASPP)) == ensure_weights(find(LRASPP)) == path
    assert weights_path(find("deeplabv3_resnet50")) is None


def test_added_checkpoint_comes_before_the_released_one(loopback: Loopback, tmp_path: Path) -> None:
    entry = released_as(find(LRASPP), b"tensors", loopback.add_bytes("released", b"tensors"))
    ensure_weights(entry)
    added = add_weights(LRASPP, write_checkpoint(LRASPP, tmp_path / "trained.pth"))
    assert ensure_weights(entry) == added


def test_damaged_added_checkpoint_is_refused_and_not_replaced(
    loopback: Loopback, tmp_path: Path
) -> None:
    entry = released_as(find(LRASPP), b"tensors", loopback.add_bytes("released", b"tensors"))
    added = add_weights(LRASPP, write_checkpoint(LRASPP, tmp_path / "trained.pth"))
    added.write_bytes(added.read_bytes()[:-10])
    assert weights_path(entry) is None
    with pytest.raises(WeightsError, match="no longer what it was; add it again"):
        ensure_weights(entry)
    assert loopback.requests == []


def test_checkpoint_of_another_network_is_refused(tmp_path: Path, empty_cache: Path) -> None:
    file = write_checkpoint(LRASPP, tmp_path / "lraspp.pth")
    with pytest.raises(WeightsError, match=r"lraspp\.pth"):
        add_weights("deeplabv3_mobilenet_v3_large", file)
    assert not list(empty_cache.rglob("*.pth"))


class Trap:
    """A pickle that runs code when it is loaded carelessly."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.sprung,))


@pytest.mark.parametrize("name", list(CATALOG))
def test_code_in_a_checkpoint_never_runs(name: str, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    file = tmp_path / "trap.pth"
    torch.save({"weight": Trap(sprung)}, file)
    with pytest.raises(WeightsError, match=r"trap\.pth"):
        add_weights(name, file)
    assert not sprung.exists()
    torch.load(file, weights_only=False)
    assert sprung.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"no checkpoint", b"PK\x03\x04", b"\x80\x02.", b"\x80\x02h\x07."],
    ids=["empty", "text", "broken zip", "empty stack", "unknown memo"],
)
def test_damaged_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "damaged.pth"
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=r"damaged\.pth cannot be read as a checkpoint"):
        add_weights(LRASPP, file)


@pytest.mark.parametrize(
    ("name", "file", "error", "message"),
    [
        ("rvm", "test_weights.py", UsageError, r"test_weights\.py .* a \.onnx or \.pth file"),
        ("rvm", "missing.pth", InputError, "cannot be read"),
        ("rvm", ".", InputError, "cannot be read"),
        ("rvn", "missing.pth", UsageError, "did you mean 'rvm'"),
    ],
)
def test_what_cannot_be_added_is_said(
    name: str, file: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        add_weights(name, Path(__file__).parent / file)


def test_full_or_forbidden_cache_is_said(
    rvm_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match=r"cannot be copied to .* LIVEBG_CACHE"):
        add_weights("rvm", rvm_weights)


def test_kind_of_file_that_is_not_released_must_be_added() -> None:
    with pytest.raises(WeightsError, match=r"no \.pth file of rvm .*livebg models add rvm FILE"):
        ensure_weights(find("rvm"), suffix=".pth")
