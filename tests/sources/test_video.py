from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from livebg.clock import NS_PER_S
from livebg.errors import DamagedFileError, InputError
from livebg.frame import Image
from livebg.sources.base import SourceInfo
from livebg.sources.video import Timeline, VideoFile
from tests.support.clips import RATE, SIZE, number_of, numbered, write_clip


@pytest.mark.parametrize(
    ("times_ns", "placed_ns"),
    [
        ([1000, 1017, 1100], [0, 17, 100]),
        ([None, None, None], [0, 40, 80]),
        ([500, None, 600], [0, 40, 100]),
        # Repeated, or a small step back: later frames keep their times.
        ([0, 40, 40, 80], [0, 40, 41, 80]),
        ([0, 80, 40, 120], [0, 80, 81, 120]),
        # A clock that was set back goes on.
        ([0, 5 * NS_PER_S, 0, 30], [0, 5 * NS_PER_S, 5 * NS_PER_S + 40, 5 * NS_PER_S + 70]),
    ],
)
def test_times_start_at_0_and_advance(times_ns: list[int | None], placed_ns: list[int]) -> None:
    timeline = Timeline(step_ns=40)
    assert [timeline.place(time_ns) for time_ns in times_ns] == placed_ns


MS = 1_000_000


def times_ms(path: Path) -> list[float]:
    with VideoFile(path) as video:
        return [frame.captured_ns / MS for frame in video]


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.mov", "clip.ts", "a:b ü %d.mp4"])
def test_every_frame_comes_once_and_in_order(tmp_path: Path, name: str) -> None:
    with VideoFile(write_clip(tmp_path / name, count=40)) as video:
        frames = list(video)
    assert [number_of(frame.image) for frame in frames] == list(range(40))
    assert [frame.index for frame in frames] == list(range(40))


def test_info_is_that_of_the_file(tmp_path: Path) -> None:
    with VideoFile(write_clip(tmp_path / "clip.mp4", count=12)) as video:
        info = SourceInfo("clip.mp4", SIZE, RATE, 12, live=False)
        assert (video.info, video.expected_frames) == (info, 12)
    with VideoFile(write_clip(tmp_path / "clip.mkv", count=100)) as video:
        assert video.info.frame_count is None
        assert video.expected_frames == pytest.approx(100, abs=2)


@pytest.mark.parametrize(
    ("written_ms", "read_ms"),
    [
        ([0, 33, 100, 101, 400, 1400], [0, 33, 100, 101, 400, 1400]),
        ([2000, 2040, 2080, 2120], [0, 40, 80, 120]),
    ],
)
def test_frames_keep_their_times_counted_from_the_first(
    tmp_path: Path, written_ms: list[int], read_ms: list[int]
) -> None:
    times_s = [Fraction(ms, 1000) for ms in written_ms]
    path = write_clip(tmp_path / "vfr.mkv", count=len(times_s), times_s=times_s)
    assert times_ms(path) == pytest.approx(read_ms, abs=0.02)


def quadrants() -> Image:
    """Top left blue, top right green, bottom left red, bottom right white."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24, :32], image[:24, 32:] = (255, 0, 0), (0, 255, 0)
    image[24:, :32], image[24:, 32:] = (0, 0, 255), (255, 255, 255)
    return image


@pytest.mark.parametrize(
    ("rotation", "mirrored"), [(90, False), (180, False), (270, False), (0, True), (90, True)]
)
def test_a_display_matrix_is_honoured(tmp_path: Path, rotation: int, mirrored: bool) -> None:
    path = write_clip(
        tmp_path / "turned.mp4", [quadrants()] * 2, rotation=rotation, mirrored=mirrored
    )
    with VideoFile(path) as video:
        frame = video.read()
    upright = np.rot90(quadrants(), rotation // 90)
    if mirrored:
        upright = upright[:, ::-1]
    assert frame.size == video.info.size == (upright.shape[1], upright.shape[0])
    assert frame.image.flags.c_contiguous
    centres = (slice(8, None, 16), slice(8, None, 16))
    # 4:2:0 chroma of saturated colours comes back within a few levels away from edges.
    np.testing.assert_allclose(frame.image[centres], upright[centres], atol=6)


COLOUR = (30, 60, 200)


def coded_colour(kr: float, kb: float, full: bool) -> list[int]:
    """Y', Cb, Cr of ``COLOUR`` by ITU-R BT.601/709, equations of section 3 and 4."""
    b, g, r = (value / 255 for value in COLOUR)
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    if full:
        return [round(255 * y), round(128 + 255 * cb), round(128 + 255 * cr)]
    return [round(16 + 219 * y), round(128 + 224 * cb), round(128 + 224 * cr)]


BT601, BT709 = (0.299, 0.114), (0.2126, 0.0722)
UNTAGGED = 2


@pytest.mark.parametrize(
    ("height", "tag", "matrix", "full"),
    [
        (48, 1, BT709, False),
        (48, 1, BT709, True),
        (48, 6, BT601, False),
        (48, 6, BT601, True),
        (48, UNTAGGED, BT601, False),
        (720, UNTAGGED, BT709, False),
    ],
)
def test_colours_follow_the_matrix_and_range_of_the_file(
    tmp_path: Path, height: int, tag: int, matrix: tuple[float, float], full: bool
) -> None:
    path = tmp_path / "colour.mkv"
    frame = VideoFrame(64, height, "yuv420p")
    for plane, value in zip(frame.planes, coded_colour(*matrix, full), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height = 64, height
        stream.codec_context.colorspace = frame.colorspace = tag
        stream.codec_context.color_range = frame.color_range = 2 if full else 1
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with VideoFile(path) as video:
        pixel = video.read().image[20, 20]
    # Eight-bit Y'CbCr cannot hold every colour: one step of chroma is up to two levels.
    np.testing.assert_allclose(pixel, COLOUR, atol=3)


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    path = tmp_path / "anamorphic.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height = 64, 48
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        output.mux(stream.encode(VideoFrame.from_ndarray(numbered(5), format="bgr24")))
        output.mux(stream.encode(None))
    with VideoFile(path) as video:
        assert video.info.size == video.read().size == (85, 48)


def test_a_size_that_changes_in_the_middle_is_brought_to_the_first(tmp_path: Path) -> None:
    seconds = [Fraction(n) for n in range(3)]
    first = write_clip(tmp_path / "a.ts", count=3, times_s=seconds)
    second = write_clip(tmp_path / "b.ts", [numbered(n, (128, 96)) for n in (3, 4, 5)])
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    with VideoFile(joined) as video:
        frames = list(video)
    assert {frame.size for frame in frames} == {SIZE}
    assert [number_of(frame.image) for frame in frames] == [0, 1, 2, 3, 4, 5]
    # The second piece starts its own clock anew: a splice, which goes on one step later.
    assert [frame.captured_ns // MS for frame in frames] == [0, 1000, 2000, 2040, 2080, 2120]


def test_a_title_in_an_older_character_set_does_not_hide_the_video(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv", count=2, title="Buenos dias!")
    content = path.read_bytes()
    assert content.count(b"dias!") == 1
    path.write_bytes(content.replace(b"dias!", "días!".encode("latin-1")))
    assert len(times_ms(path)) == 2


def only_sound(folder: Path) -> Path:
    source = write_clip(folder / "both.mp4", sound="aac")
    path = folder / "sound.m4a"
    with av.open(str(source)) as given, av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream_from_template(given.streams.audio[0])
        for packet in given.demux(given.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    return path


def filled(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def cut(path: Path, share: float) -> Path:
    content = path.read_bytes()
    return filled(path, content[: int(len(content) * share)])


WIDE = np.zeros((16, 8224, 3), np.uint8)
FAST = {"movflags": "faststart"}
"""The index comes first."""


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path / "missing.mp4", "no such file"),
        (lambda path: path, "folder"),
        (lambda path: filled(path / "empty.mp4", b""), "0 bytes"),
        (lambda path: filled(path / "notes.txt", b"this is not a video\n" * 40), "text"),
        (lambda path: filled(path / "n.mp4", np.random.default_rng(1).bytes(20_000)), "no video"),
        (lambda path: write_clip(path / "a.jpg", [numbered(1)], codec="mjpeg"), "livebg image"),
        (only_sound, "only sound"),
        (lambda path: write_clip(path / "a.mp4", [WIDE]), "8224x16 pixels are too many"),
        (lambda path: cut(write_clip(path / "a.mp4", count=60), 0.6), "end is missing"),
        (
            lambda path: cut(write_clip(path / "a.mp4", count=60, container_options=FAST), 0.8),
            "cut short",
        ),
    ],
)
def test_what_is_no_video_is_refused_at_opening(tmp_path: Path, make, words: str) -> None:  # type: ignore[no-untyped-def]
    path = make(tmp_path)
    with pytest.raises(InputError, match=words) as refusal:
        VideoFile(path)
    assert str(refusal.value).startswith(str(path))
    assert refusal.value.exit_status == 2


@pytest.mark.parametrize("name", ["cut.mkv", "cut.webm", "cut.avi"])
def test_a_file_that_breaks_off_delivers_what_there_is_and_then_says_so(
    tmp_path: Path, name: str
) -> None:
    codec = {"cut.webm": "libvpx-vp9", "cut.avi": "mjpeg"}.get(name, "libx264")
    path = cut(write_clip(tmp_path / name, count=150, codec=codec), 0.5)
    seen: list[int] = []
    with VideoFile(path) as video:
        with pytest.raises(DamagedFileError, match=r"breaks off after \d\.\d s of 6\.0 s") as end:
            seen.extend(number_of(frame.image) for frame in video)
        with pytest.raises(EOFError):
            video.read()
    # The cut falls between packets, which are in decoding order: the last few may have gaps.
    assert seen[:-3] == list(range(len(seen) - 3))
    assert seen == sorted(seen)
    assert 20 < len(seen) < 130
    assert end.value.exit_status == 2


def test_a_damaged_packet_is_passed_over_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_clip(tmp_path / "scratched.mkv", count=20, codec="mjpeg")
    content = bytearray(path.read_bytes())
    starts = [at for at in range(len(content) - 3) if content[at : at + 3] == b"\xff\xd8\xff"]
    assert len(starts) == 20
    content[starts[7] : starts[8] - 32] = bytes(starts[8] - 32 - starts[7])
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING), VideoFile(path) as video:
        numbers = [number_of(frame.image) for frame in video]
    assert numbers == [n for n in range(20) if n != 7]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
