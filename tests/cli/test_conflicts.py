"""Nothing that is read is written over, and no output replaces another."""

import os
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from livebg.cli.conflicts import FRAMES, MATTES, Written, check_output_conflicts
from livebg.cli.main import main
from livebg.errors import UsageError


def fill(folder: Path) -> dict[Path, bytes]:
    """Put files of many kinds into ``folder``; return what they hold."""
    (folder / "mattes").mkdir()
    (folder / "frames").mkdir()
    picture = cv2.imencode(".png", np.zeros((16, 16, 3), np.uint8))[1].tobytes()
    for name in ("mattes/alpha_0000.png", "frames/frame_0000.png", "frames/b.png", "me.png"):
        (folder / name).write_bytes(picture)
    for name in ("c.mp4", "livebg-demo.mp4", "net.onnx"):
        (folder / name).write_bytes(b"something")
    (folder / "m.toml").write_text("mirror = true\n")
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("run --camera c.mp4 --record c.mp4", "c.mp4 is what --camera reads, name another place"),
        ("run --camera c.mp4 --null --stats c.mp4", "what --camera reads, name .* with --stats"),
        ("run --background me.png --null --stats me.png", "me.png is what --background reads"),
        ("run --config m.toml --null --stats ./frames/../m.toml", "m.toml is what --config reads"),
        ("run --model net.onnx --null --stats net.onnx", "net.onnx is what --model reads"),
        ("run --camera mattes --alpha mattes", "alpha_0000.png is what --camera reads"),
        ("run --record r.mp4 --stats r.mp4", "r.mp4 is what --record writes, .* with --stats"),
        ("video c.mp4 -o o.mp4 --config m.toml --stats m.toml", "is what --config reads"),
        ("video c.mp4 -o c.mp4", "c.mp4 is what IN reads, name another place with -o"),
        ("video c.mp4 -o livebg-demo.mp4 --background livebg-demo.mp4", "what --background reads"),
        ("video c.mp4 -o frames --background frames/frame_0000.png", "what --background reads"),
        ("video mattes --alpha mattes", "alpha_0000.png is what IN reads, .* with --alpha"),
        ("video frames -o frames", "frames is what IN reads, name another place with -o"),
        ("video frames -o o.mp4 --stats frames/b.png", "b.png is what IN reads"),
        ("video c.mp4 -o o1.mp4 --stats o1.mp4", "o1.mp4 is what -o writes"),
        ("image me.png -o me.png", "me.png is what IN reads"),
        ("image c.mp4 -o me.png --background me.png", "me.png is what --background reads"),
        ("demo livebg-demo.mp4 -o .", "livebg-demo.mp4 is what FILE reads"),
        ("bench --clip c.mp4 --report c.mp4", "c.mp4 is what --clip reads"),
        ("bench --clips frames --report p.svg --plot p.svg", "p.svg is what --report writes"),
    ],
)
def test_a_command_never_writes_over_what_it_reads_or_writes(
    words: str,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = fill(tmp_path)
    assert main(words.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(sentence, line), line
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_configuration_file_that_the_environment_names_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path)
    monkeypatch.setenv("LIVEBG_CONFIG", str(tmp_path / "m.toml"))
    assert main(["run", "--null", "--stats", str(tmp_path / "m.toml")]) == 2
    assert "is what --config reads" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="links need a privilege on Windows")
def test_links_are_looked_through(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "link.mp4").symlink_to(tmp_path / "c.mp4")
    (tmp_path / "dangling.mp4").symlink_to(tmp_path / "new.mp4")
    (tmp_path / "linked").symlink_to(tmp_path / "mattes")
    with pytest.raises(UsageError, match=r"link\.mp4 is what IN reads"):
        check_output_conflicts({"IN": tmp_path / "link.mp4"}, [Written("-o", tmp_path / "c.mp4")])
    with pytest.raises(UsageError, match=r"c\.mp4 is what IN reads"):
        check_output_conflicts({"IN": tmp_path / "c.mp4"}, [Written("-o", tmp_path / "link.mp4")])
    with pytest.raises(UsageError, match=r"alpha_0000\.png is what IN reads"):
        check_output_conflicts(
            {"IN": tmp_path / "mattes"}, [Written("--alpha", tmp_path / "linked", MATTES)]
        )
    with pytest.raises(UsageError, match="is what -o writes"):
        check_output_conflicts(
            {},
            [Written("-o", tmp_path / "new.mp4"), Written("--stats", tmp_path / "dangling.mp4")],
        )


def test_what_lies_apart_is_let_through(tmp_path: Path) -> None:
    fill(tmp_path)
    reads: dict[str, str | Path | None] = {
        "IN": tmp_path / "frames",
        "--background": "white",
        "--camera": "http://192.0.2.7/" + "x" * 300,
        "--config": None,
        "--model": tmp_path / "missing.onnx",
    }
    writes = [
        Written("-o", tmp_path / "pictures", FRAMES),
        Written("--alpha", tmp_path / "frames", MATTES),
        Written("--stats", tmp_path / "pictures" / "stats.json"),
        Written("--record", tmp_path / "missing.onnx"),
    ]
    check_output_conflicts(reads, writes)
    # One folder may take both sets.
    check_output_conflicts({}, [writes[0], Written("--alpha", tmp_path / "pictures", MATTES)])
