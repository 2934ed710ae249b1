from __future__ import annotations

import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import pytest
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from livebg.errors import InputError, SinkError
from livebg.frame import BGR, Composite, Image, PixelFormat, Size
from livebg.pixels.conversion import converted
from livebg.sinks.recorder import Recorder
from livebg.sinks.recording_format import choose_format, time_base
from tests.support.clips import RATE, SIZE, number_of, numbered
from tests.support.recording import record


@pytest.mark.parametrize(
    ("name", "transparent", "codec", "pixels"),
    [
        ("a.mp4", False, "libx264", "yuv420p"),
        ("a.MKV", False, "libx264", "yuv420p"),
        ("a.mov", False, "libx264", "yuv420p"),
        ("a.webm", False, "libvpx-vp9", "yuv420p"),
        ("a.webm", True, "libvpx-vp9", "yuva420p"),
        ("a.mov", True, "prores_ks", "yuva444p10le"),
    ],
)
def test_the_ending_chooses(name: str, transparent: bool, codec: str, pixels: str) -> None:
    form = choose_format(Path(name), transparent=transparent)
    assert (form.codec, form.pixels) == (codec, pixels)


@pytest.mark.parametrize(
    ("name", "transparent", "advice"),
    [(name, True, r"holds no transparency, use \.webm, \.mov or a") for name in ("a.mp4", "a.mkv")]
    + [(name, False, r"use \.mp4, \.mkv, \.webm, \.mov") for name in ("a", "a.avi", "a.png")],
)
def test_endings_that_cannot_be_written_are_refused(
    name: str, transparent: bool, advice: str
) -> None:
    with pytest.raises(InputError, match=advice):
        choose_format(Path(name), transparent=transparent)


@pytest.mark.parametrize(
    "rate", [Fraction(25), Fraction(24_000, 1001), Fraction(60_000, 1001), Fraction(150_528, 6359)]
)
def test_frames_at_their_nominal_times_fall_on_ticks(rate: Fraction) -> None:
    tick = time_base(rate)
    assert (1 / rate / tick).denominator == 1
    assert tick <= Fraction(1, 90_000)


def test_an_odd_rate_does_not_make_ticks_absurdly_fine() -> None:
    assert time_base(Fraction(29_999_999, 1_000_003)) == Fraction(1, 90_000)


MS = 1_000_000
ENDINGS = [".mp4", ".mkv", ".mov", ".webm"]


def decoded(path: Path) -> list[tuple[float, Image]]:
    """Times in ms from the first frame, and pictures, by plain PyAV."""
    with av.open(str(path)) as container:
        frames = [frame for frame in container.decode(video=0) if isinstance(frame, VideoFrame)]
        start = frames[0].time
        return [
            (1000 * (frame.time - start), np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
            for frame in frames
        ]


@pytest.mark.parametrize("live", [False, True], ids=["offline", "live"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_every_frame_is_written_once_and_in_order(tmp_path: Path, ending: str, live: bool) -> None:
    path = record(tmp_path / f"a b:ü{ending}", [numbered(n) for n in range(60)], live=live)
    assert [number_of(image) for _, image in decoded(path)] == list(range(60))
    assert list(tmp_path.iterdir()) == [path]


# Matroska and WebM count milliseconds, the others our ticks.
@pytest.mark.parametrize(("ending", "within_ms"), [(".mp4", 0.01), (".mkv", 1.0), (".webm", 1.0)])
def test_variable_times_are_kept(tmp_path: Path, ending: str, within_ms: float) -> None:
    times = [5000.0, 5033.4, 5100.0, 5101.3, 5400.0, 6400.0]
    path = record(tmp_path / f"vfr{ending}", [numbered(n) for n in range(6)], times_ms=times)
    got = [time for time, _ in decoded(path)]
    assert got == pytest.approx([time - 5000 for time in times], abs=within_ms)


def test_times_that_do_not_advance_still_make_frames(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mp4", [numbered(n) for n in range(4)], times_ms=[0, 40, 40, 80])
    frames = decoded(path)
    assert [number_of(image) for _, image in frames] == [0, 1, 2, 3]
    assert [time for time, _ in frames] == pytest.approx([0, 40, 40, 80], abs=0.1)


@pytest.mark.parametrize("ending", ENDINGS)
def test_colours_come_back_and_are_tagged(tmp_path: Path, ending: str) -> None:
    colour = (30, 60, 200)
    image = np.full((48, 64, 3), colour, np.uint8)
    path = record(tmp_path / f"colour{ending}", [image] * 3)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_range) == (1, 1)
        if ending != ".webm":  # VP9 has no place for them in its stream
            assert (context.color_primaries, context.color_trc) == (1, 1)
    # One step of eight-bit limited-range chroma is two levels; the encoder adds a little.
    np.testing.assert_allclose(decoded(path)[1][1][20, 30].astype(int), colour, atol=5)


@pytest.mark.parametrize(
    ("name", "size", "stored"),
    [
        ("odd.mp4", (63, 48), (64, 48)),
        ("odd.mp4", (64, 47), (64, 48)),
        ("odd.mp4", (1, 1), (2, 2)),
        ("odd.webm", (63, 47), (63, 47)),
    ],
)
def test_odd_sizes_are_padded_for_h264(tmp_path: Path, name: str, size: Size, stored: Size) -> None:
    image = np.full((size[1], size[0], 3), (10, 200, 90), np.uint8)
    picture = decoded(record(tmp_path / name, [image] * 2))[0][1]
    assert picture.shape[:2] == stored[::-1]
    np.testing.assert_allclose(picture[-1, -1].astype(int), (10, 200, 90), atol=8)


def test_composites_in_the_encoders_format_are_recorded_as_they_are(tmp_path: Path) -> None:
    images = [np.asarray(cv2.blur(numbered(n), (5, 5)), np.uint8) for n in range(5)]
    expected = decoded(record(tmp_path / "bgr.mp4", images))
    with Recorder(tmp_path / "i420.mp4", size=SIZE, frame_rate=RATE) as recorder:
        wanted = recorder.pixel_format
        assert wanted == PixelFormat("i420", "bt709")
        for n, image in enumerate(images):
            packed = converted(image, BGR, wanted)
            recorder.send(Composite(packed, n, n * 40 * MS, pixel_format=wanted))
    for (_, found), (_, other) in zip(decoded(tmp_path / "i420.mp4"), expected, strict=True):
        assert np.array_equal(found, other)


@pytest.mark.parametrize("size", [(64, 47), (63, 48)])
@pytest.mark.parametrize(
    ("name", "transparent"), [("a.webm", False), ("a.webm", True), ("a.mov", True)]
)
def test_formats_without_a_composite_format_ask_for_bgr(
    tmp_path: Path, name: str, transparent: bool, size: Size
) -> None:
    with Recorder(tmp_path / name, size=size, frame_rate=RATE, transparent=transparent) as recorder:
        assert recorder.pixel_format == BGR


def clear_picture() -> Image:
    """Left half opaque red, right half transparent green."""
    image = np.zeros((48, 64, 4), np.uint8)
    image[:, :32], image[:, 32:] = (0, 0, 255, 255), (0, 255, 0, 0)
    return image


def decoded_alpha(path: Path, decoder: str) -> Image:
    """The first frame's alpha, by a decoder that knows of it."""
    context = cast(VideoCodecContext, CodecContext.create(decoder, "r"))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context.extradata = stream.codec_context.extradata
        context.codec_tag = stream.codec_context.codec_tag
        context.width, context.height = stream.width, stream.height
        frames: list[VideoFrame] = []
        for packet in container.demux(stream):
            frames += context.decode(packet)
    return np.asarray(frames[0].to_ndarray(format="bgra")[:, :, 3], np.uint8)


@pytest.mark.parametrize(("ending", "decoder"), [(".webm", "libvpx-vp9"), (".mov", "prores")])
def test_alpha_is_recorded(tmp_path: Path, ending: str, decoder: str) -> None:
    path = record(tmp_path / f"clear{ending}", [clear_picture()] * 3, transparent=True)
    alpha = decoded_alpha(path, decoder)
    assert alpha[:, :28].min() > 250
    assert alpha[:, 36:].max() < 5


def test_transparent_pixels_are_black_where_alpha_cannot_be_recorded(tmp_path: Path) -> None:
    picture = decoded(record(tmp_path / "black.mp4", [clear_picture()] * 2))[0][1]
    assert picture[:, 36:].max() < 10
    np.testing.assert_allclose(picture[20, 16].astype(int), (0, 0, 255), atol=8)


def test_an_opaque_picture_in_a_transparent_recording_is_opaque(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mov", [numbered(3)], transparent=True)
    assert decoded_alpha(path, "prores").min() > 250


def test_an_earlier_recording_stays_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")
    recorder = Recorder(path, size=SIZE, frame_rate=RATE)
    for n in range(30):
        recorder.send(Composite(numbered(n), n, n * 40 * MS))
    assert path.read_bytes() == b"old"
    recorder.abort()
    recorder.close()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("live", [False, True], ids=["offline", "live"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_recording_without_a_frame_leaves_nothing(
    tmp_path: Path, ending: str, live: bool
) -> None:
    Recorder(tmp_path / f"out{ending}", size=SIZE, frame_rate=RATE, live=live).close()
    assert list(tmp_path.iterdir()) == []


def test_a_frame_of_another_size_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(SinkError, match="128x96 pixels does not fit a recording of 64x48"),
        Recorder(tmp_path / "out.mp4", size=SIZE, frame_rate=RATE) as recorder,
    ):
        recorder.send(Composite(numbered(0, (128, 96)), 0, 0))
    assert list(tmp_path.iterdir()) == []


LIMITED = """
import resource, signal, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from livebg.errors import SinkError
from livebg.frame import Composite
from livebg.sinks.recorder import Recorder

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
live = sys.argv[2] == "live"
noise = np.random.default_rng(0)
recorder = Recorder(Path(sys.argv[1]), size=(160, 120), frame_rate=Fraction(25), live=live)
try:
    for n in range(400):
        image = noise.integers(0, 256, (120, 160, 3), np.uint8)
        recorder.send(Composite(image, n, n * 40_000_000))
    recorder.close()
except SinkError as error:
    print(error)
recorder.close()
"""
"""A disk that is full after 400 kB, as far as the file system's errors go."""


@pytest.mark.integration
@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
@pytest.mark.parametrize("mode", ["offline", "live"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_is_one_sentence_and_only_a_live_recording_stays(
    tmp_path: Path, ending: str, mode: str
) -> None:
    path = tmp_path / f"out{ending}"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), mode],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert f"{path}: the recording cannot be written (File too large), make room" in done.stdout
    left = list(tmp_path.iterdir())
    if mode == "offline":
        assert left == []
        return
    (partial,) = left
    assert f"what was recorded is in {partial}" in done.stdout
    with av.open(str(partial)) as container:
        assert next(container.decode(video=0)).width == 160


KILLED = """
import os, signal, sys
from fractions import Fraction
from pathlib import Path
from livebg.frame import Composite
from livebg.sinks.recorder import Recorder
from tests.support.clips import SIZE, numbered

recorder = Recorder(Path(sys.argv[1]), size=SIZE, frame_rate=Fraction(25), live=True)
for n in range(200):
    recorder.send(Composite(numbered(n), n, n * 40_000_000))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.integration
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_live_recording_survives_a_crash_but_for_its_last_seconds(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"talk{ending}"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)],
        timeout=60, env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    (partial,) = tmp_path.iterdir()
    assert partial == tmp_path / f"talk.partial{ending}"
    frames = decoded(partial)
    # Fragments and clusters close at a keyframe, every 2 s; a Matroska cluster may hold 5 s.
    assert len(frames) >= 200 - 5 * 25 - 2
    assert [number_of(image) for _, image in frames] == list(range(len(frames)))
