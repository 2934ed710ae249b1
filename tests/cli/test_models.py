from __future__ import annotations

import argparse
import dataclasses
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from livebg.cli import models
from livebg.download import RemoteFile, UrlSource
from livebg.errors import UsageError, WeightsError
from livebg.models.catalog import CATALOG, CatalogEntry
from tests.support.loopback import Loopback
from tests.support.terminal import Terminal

LRASPP = "lraspp_mobilenet_v3_large"


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def served(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> CatalogEntry:
    """The catalogue's LR-ASPP, with other bytes from a server on this machine."""
    content = b"tensors"
    source = UrlSource(loopback.add_bytes("released.pth", content))
    digest = sha256(content).hexdigest()
    file = RemoteFile(CATALOG[LRASPP].file.name, digest, len(content), (source,))
    entry = dataclasses.replace(CATALOG[LRASPP], file=file)
    monkeypatch.setitem(CATALOG, LRASPP, entry)
    return entry


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    models.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["models", *words])
    status: int = arguments.run(arguments)
    return status


def cells(line: str) -> Sequence[str]:
    return [cell.strip() for cell in line.strip("│\n").split("│")]


def test_list_shows_every_network_with_its_passport(
    capsys: pytest.CaptureFixture[str],
    rvm_weights: Path,
    served: CatalogEntry,
    loopback: Loopback,
    empty_cache: Path,
) -> None:
    assert run("add", "rvm", str(rvm_weights)) == 0
    target = empty_cache / "weights" / "rvm_mobilenetv3_fp32.onnx"
    assert capsys.readouterr().out == f"rvm: {target} (added from {rvm_weights})\n"
    assert run("list") == 0
    rows = [cells(line) for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert [row[0] for row in rows] == list(CATALOG)
    by_name = {row[0]: row[1:] for row in rows}
    assert by_name["rvm"] == [
        "portrait matting",
        "any size, recurrent; 320x192 px by default",
        "15.0 MB",
        "GPL-3.0",
        f"added from {rvm_weights}",
        "yes",
    ]
    assert by_name["deeplabv3_resnet101"] == [
        "21-class segmentation",
        "any size; trained at 520 px",
        "244.5 MB",
        "BSD-3-Clause",
        "download.pytorch.org",
        "no",
    ]
    assert by_name[served.name][-2:] == [f"127.0.0.1:{loopback.server.server_port}", "no"]


def test_list_is_readable_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fact is there uncut, and no line is longer than the terminal."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    run("list")
    text = terminal.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    for entry in CATALOG.values():
        assert entry.name in text
    assert "…" not in text
    assert "download.pytorch.org" in text


def test_pull_shows_the_licence_before_the_fetch(
    capsys: pytest.CaptureFixture[str], served: CatalogEntry, empty_cache: Path
) -> None:
    path = empty_cache / "weights" / served.file.name
    assert run("pull", LRASPP) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        f"{LRASPP}: LR-ASPP, MobileNetV3-Large (Howard et al. 2019)",
        "licence of the weights: BSD-3-Clause, https://github.com/pytorch/vision/blob/main/LICENSE",
        f"here: {path} (from {served.file.sources[0]})",
    ]
    assert captured.err == f"livebg: fetching weights of {LRASPP} (BSD-3-Clause), 0.0 MB\n"
    assert path.read_bytes() == b"tensors"


def test_path_of_the_cache_and_of_a_network(
    capsys: pytest.CaptureFixture[str], served: CatalogEntry, empty_cache: Path
) -> None:
    assert run("path") == 0
    assert capsys.readouterr().out == f"{empty_cache}\n"
    with pytest.raises(WeightsError, match=f"not here; .*livebg models pull {LRASPP}"):
        run("path", LRASPP)
    run("pull", LRASPP)
    capsys.readouterr()
    assert run("path", LRASPP) == 0
    assert capsys.readouterr().out == f"{empty_cache / 'weights' / served.file.name}\n"


@pytest.mark.parametrize("action", ["pull", "path"])
def test_unknown_network_is_refused(action: str) -> None:
    with pytest.raises(UsageError, match=r"did you mean 'deeplabv3_resnet50'"):
        run(action, "deeplabv3-resnet50")


@pytest.mark.integration
def test_listing_imports_no_engine() -> None:
    code = (
        "import sys; from livebg.cli.main import main; main(['models', 'list']);"
        "print(sorted({'torch', 'torchvision', 'openvino', 'onnx', 'av'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
