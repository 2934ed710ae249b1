import json
import re
import signal
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from livebg.cli.main import main
from livebg.sources.pictures import read_picture
from livebg.sources.video import VideoFile
from tests.support.clips import numbered, write_clip
from tests.support.livebg_process import Start

FAST = ["--preset", "fast"]
"""Enough for tests about files, not about mattes."""


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run ``livebg video``, which must refuse with status 2 and one sentence; return that."""
    assert main(["video", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("livebg: ")
    return line


def small_clip(path: Path, talking_head_clip: Path, count: int = 12) -> Path:
    """The beginning of the talking head, at half size, with sound."""
    with VideoFile(talking_head_clip) as video:
        images = [cv2.resize(video.read().image, (320, 180)) for _ in range(count)]
    pictures = [np.asarray(image, np.uint8) for image in images]
    times = [Fraction(n, 30) + Fraction(n // 6, 10) for n in range(count)]
    return write_clip(path, pictures, times_s=times, sound="aac")


def test_a_clip_is_filtered_with_sound_mattes_and_statistics(
    tmp_path: Path,
    talking_head_clip: Path,
    rvm_weights: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = small_clip(tmp_path / "in.mp4", talking_head_clip)
    out, mattes, stats = tmp_path / "out.mp4", tmp_path / "mattes", tmp_path / "stats.json"
    words = [str(source), "-o", str(out), "--alpha", str(mattes), "--stats", str(stats)]
    assert main(["video", *words, *FAST, "--background", "color:#00ff00"]) == 0
    assert f"{out}: 12 frames of 320x180" in capsys.readouterr().out
    with VideoFile(source) as given, VideoFile(out) as written:
        before, after = list(given), list(written)
    assert [frame.captured_ns for frame in after] == pytest.approx(
        [frame.captured_ns for frame in before], abs=20_000
    )
    with av.open(str(out)) as container:
        assert [stream.name for stream in container.streams.audio] == ["aac"]
    # The top left corner is the door behind the person: green; their chest is not.
    b, g, r = after[-1].image[5, 5].astype(int)
    assert g > 200 > 60 > max(b, r)
    assert np.abs(after[-1].image[150, 160].astype(int) - before[-1].image[150, 160]).max() < 60
    matte = read_picture(mattes / "alpha_0011.png")
    assert len(list(mattes.iterdir())) == 12
    assert matte.shape == (180, 320, 3)
    assert matte[5, 5].max() < 10 < 245 < matte[150, 160].min()
    summary = json.loads(stats.read_text())
    assert summary["frames"] == {"in": 12, "out": 12}
    assert summary["inference"]["model"] == "rvm"


def test_a_folder_of_pictures_becomes_a_folder_of_transparent_pictures(
    tmp_path: Path, talking_head_clip: Path, rvm_weights: Path
) -> None:
    frames, out = tmp_path / "frames", tmp_path / "out"
    frames.mkdir()
    with VideoFile(talking_head_clip) as video:
        for n in range(3):
            content = cv2.imencode(".jpg", video.read().image)[1].tobytes()
            (frames / f"frame_{n:04d}.jpg").write_bytes(content)
    words = [str(frames), "-o", f"{out}/", "--alpha", str(frames), "--background", "transparent"]
    assert main(["video", *words, *FAST]) == 0
    assert sorted(path.name for path in out.iterdir()) == [f"frame_{n:04d}.png" for n in range(3)]
    picture = cv2.imread(str(out / "frame_0002.png"), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.shape == (360, 640, 4)
    # The mattes beside the frames are not taken for frames the next time.
    assert (frames / "alpha_0002.png").exists()
    again = [str(frames), "--alpha", str(tmp_path / "again"), "--fps", "10"]
    assert main(["video", *again, *FAST]) == 0
    assert len(list((tmp_path / "again").iterdir())) == 3


def test_fps_is_the_rate_of_a_folder(tmp_path: Path, rvm_weights: Path) -> None:
    (tmp_path / "frames").mkdir()
    for n in range(4):
        picture = cv2.imencode(".png", numbered(n, (160, 96)))[1].tobytes()
        (tmp_path / "frames" / f"{n}.png").write_bytes(picture)
    out = tmp_path / "out.mp4"
    assert main(["video", str(tmp_path / "frames"), "-o", str(out), "--fps", "12.5", *FAST]) == 0
    with VideoFile(out) as video:
        assert video.info.frame_rate == Fraction(25, 2)
        assert [frame.captured_ns // 1_000_000 for frame in video] == [0, 80, 160, 240]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["in.mp4"], "nothing to write"),
        (["missing.mp4", "-o", "o.mp4"], "no such file"),
        (["empty.mp4", "-o", "o.mp4"], "0 bytes"),
        (["cut.mp4", "-o", "o.mp4"], "cut short"),
        (["notes.txt", "-o", "o.mp4"], "video"),
        (["nothing_in_it", "-o", "o.mp4"], "no picture in this folder"),
        (["in.mp4", "-o", "in.mp4"], "is what IN reads"),
        (["in.mp4", "-o", "./nothing_in_it/../in.mp4"], "is what IN reads"),
        (["in.mp4", "-o", "o.mp4", "--stats", "in.mp4"], "is what IN reads"),
        (["in.mp4", "-o", "missing/o.mp4"], "the folder .*missing does not exist"),
        (["in.mp4", "-o", "o.avi"], "cannot be written with the ending '.avi'"),
        (["in.mp4", "-o", "o.png"], "cannot be written with the ending '.png'"),
        (["in.mp4", "--alpha", "notes.txt"], "notes.txt: this is a file, name a folder"),
        (["in.mp4", "-o", "o.mp4", "--stats", "missing/s.json"], "does not exist"),
        (["in.mp4", "-o", "o.mp4", "--fps", "30"], "keeps its own frame rate"),
        (["in.mp4", "-o", "o.mp4", "--background", "transparent"], "holds no transparency"),
        (["in.mp4", "-o", "o.mkv", "--background", "transparent"], r"use \.webm, \.mov or a fol"),
        (["in.mp4", "-o", "o.mp4", "--background", "missing.jpg"], "missing.jpg"),
        (["in.mp4", "-o", "o.mp4", "--model", "rmv"], "rvm"),
        (["in.mp4", "-o", "o.mp4", "--preset", "fats"], "fast"),
    ],
)
def test_refusals_are_one_sentence_and_leave_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    content = write_clip(
        tmp_path / "in.mp4", count=60, container_options={"movflags": "faststart"}
    ).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) * 3 // 4])
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "notes.txt").write_text("a note\n" * 50)
    (tmp_path / "nothing_in_it").mkdir()
    there = sorted(tmp_path.rglob("*"))
    line = refused(capsys, *words)
    assert re.search(sentence, line), line
    assert sorted(tmp_path.rglob("*")) == there
    assert (tmp_path / "in.mp4").read_bytes() == content


def test_a_video_that_breaks_off_is_one_sentence_and_keeps_what_was_there(
    tmp_path: Path, rvm_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_clip(tmp_path / "cut.mkv", count=100)
    content = source.read_bytes()
    source.write_bytes(content[: len(content) // 2])
    (tmp_path / "out.mp4").write_bytes(b"an older result")
    line = refused(capsys, str(source), "-o", str(tmp_path / "out.mp4"), *FAST)
    assert "the video breaks off after" in line
    assert (tmp_path / "out.mp4").read_bytes() == b"an older result"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.mkv", "out.mp4"]


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["alpha_*.png", ".livebg-partial-*"], ids=["later", "start"])
def test_an_interrupted_run_leaves_nothing(
    start: Start, tmp_path: Path, rvm_weights: Path, number: signal.Signals, moment: str
) -> None:
    source = write_clip(tmp_path / "long.mp4", [numbered(n, (320, 192)) for n in range(250)] * 4)
    words = [str(source), "-o", str(tmp_path / "o.mp4"), "--alpha", str(tmp_path / "mattes")]
    livebg = start("video", *words, *FAST)
    livebg.wait_for(lambda: list((tmp_path / "mattes").rglob(moment)))
    status, said = livebg.end_after(number)
    assert status == 130
    assert said.startswith("livebg: interrupted")
    assert "nothing was written" in said or moment.startswith(".")
    assert list(tmp_path.iterdir()) == [source]
