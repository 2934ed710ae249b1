from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

from livebg.errors import DamagedFileError
from livebg.sinks.audio import AudioCopy
from livebg.sinks.recorder import Recorder
from tests.support.clips import RATE, SIZE, numbered, write_clip
from tests.support.recording import record


def first_picture_s(path: Path) -> float:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).time


def packets(path: Path) -> list[tuple[float, bytes]]:
    """The sound's packets: ms from the first picture, and content."""
    first = first_picture_s(path)
    with av.open(str(path)) as container:
        return [
            (1000 * float(packet.pts * packet.time_base) - 1000 * first, bytes(packet))
            for packet in container.demux(container.streams.audio[0])
            if packet.pts is not None
        ]


@pytest.mark.parametrize(
    ("source", "sound", "target"),
    [
        ("in.mp4", "aac", "out.mp4"),
        ("in.mp4", "aac", "out.mkv"),
        ("in.mov", "pcm_s16le", "out.mov"),
        ("in.mkv", "libopus", "out.webm"),
        ("in.mkv", "libopus", "out.mp4"),
        ("in.mkv", "flac", "out.mkv"),
        ("in.mp4", "libmp3lame", "out.mp4"),
    ],
)
@pytest.mark.parametrize("start", [Fraction(0), Fraction(3, 10)], ids=["together", "later"])
def test_sound_is_copied_packet_for_packet_and_in_step(
    tmp_path: Path, source: str, sound: str, target: str, start: Fraction
) -> None:
    given = write_clip(tmp_path / source, count=50, sound=sound, sound_from_s=start)
    path = record(tmp_path / target, [numbered(n) for n in range(50)], audio_from=given)
    want, got = packets(given), packets(path)
    assert len(want) > 10
    assert [content for _, content in got] == [content for _, content in want]
    # Matroska's millisecond clock, on either side.
    assert [time for time, _ in got] == pytest.approx([time for time, _ in want], abs=1.5)


def test_sound_that_begins_before_the_picture_is_kept(tmp_path: Path) -> None:
    late = [Fraction(1, 2) + n / RATE for n in range(50)]
    given = write_clip(tmp_path / "in.mp4", count=50, times_s=late, sound="aac")
    path = record(tmp_path / "out.mp4", [numbered(n) for n in range(50)], audio_from=given)
    want, got = packets(given), packets(path)
    assert want[1][0] == pytest.approx(-500, abs=1)
    assert [content for _, content in got] == [content for _, content in want]
    assert [time for time, _ in got] == pytest.approx([time for time, _ in want], abs=1)


def click_ms(path: Path) -> float:
    """When the click of ``write_clip`` is heard, from the first picture."""
    first = first_picture_s(path)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert isinstance(frame, AudioFrame)
            assert frame.pts is not None
            assert frame.time_base is not None
            loud = np.abs(frame.to_ndarray().astype(np.float64).reshape(-1))
            scale = 1.0 if frame.format.name.startswith("flt") else 32768.0
            if loud.max() / scale > 0.2:
                at = int(loud.argmax()) / frame.sample_rate
                return 1000 * (float(frame.pts * frame.time_base) + at - first)
    raise AssertionError("no click")


@pytest.mark.parametrize(
    ("sound", "source", "target"),
    [
        ("pcm_s16le", "in.mov", "out.mp4"),
        ("aac", "in.mp4", "out.webm"),
        ("flac", "in.mkv", "o.mov"),
    ],
)
@pytest.mark.parametrize("start", [Fraction(0), Fraction(3, 10)], ids=["together", "later"])
def test_sound_is_encoded_anew_where_it_must_be_and_stays_in_step(
    tmp_path: Path, sound: str, source: str, target: str, start: Fraction
) -> None:
    given = write_clip(tmp_path / source, count=50, sound=sound, sound_from_s=start)
    path = record(tmp_path / target, [numbered(n) for n in range(50)], audio_from=given)
    assert click_ms(given) == pytest.approx(250 + 1000 * float(start), abs=2)
    # The ear takes 15 ms for nothing; a codec's smearing of a click is some of that.
    assert click_ms(path) == pytest.approx(click_ms(given), abs=5)


def test_a_file_without_sound_gives_none(tmp_path: Path) -> None:
    given = write_clip(tmp_path / "in.mp4")
    path = record(tmp_path / "out.mp4", [numbered(1)] * 3, audio_from=given)
    with av.open(str(path)) as container:
        assert len(container.streams.audio) == 0


def test_every_track_and_its_language_are_kept(tmp_path: Path, talking_head_clip: Path) -> None:
    two = tmp_path / "two.mkv"
    with av.open(str(talking_head_clip)) as given, av.open(str(two), "w") as output:
        tracks = [output.add_stream_from_template(given.streams.audio[0]) for _ in range(2)]
        for track, language in zip(tracks, ("ger", "fre"), strict=True):
            track.metadata["language"] = language
        output.start_encoding()
        for track in tracks:
            given.seek(0)
            for packet in given.demux(given.streams.audio[0]):
                if packet.dts is not None:
                    packet.stream = track
                    output.mux(packet)
    path = record(tmp_path / "out.mp4", [numbered(1)] * 3, audio_from=two)
    with av.open(str(path)) as container:
        assert [track.language for track in container.streams.audio] == ["ger", "fre"]


def test_sound_from_a_broken_file_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "in.mp4"
    broken.write_bytes(b"nothing that sounds")
    with pytest.raises(DamagedFileError, match="its sound cannot be read"):
        Recorder(tmp_path / "out.mp4", size=SIZE, frame_rate=RATE, audio_from=broken)
    assert list(tmp_path.iterdir()) == [broken]


def test_a_piece_that_the_recording_cannot_hold_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read = AudioCopy._read

    def read_with_a_wrong_time(
        copy: AudioCopy, tracks: list[AudioStream]
    ) -> Iterator["Packet[AudioStream]"]:
        for number, packet in enumerate(read(copy, tracks)):
            if number == 5:
                packet.pts = packet.dts = 0
            yield packet

    given = write_clip(tmp_path / "in.mp4", count=50, sound="aac")
    monkeypatch.setattr(AudioCopy, "_read", read_with_a_wrong_time)
    path = record(tmp_path / "out.mp4", [numbered(n) for n in range(50)], audio_from=given)
    want, got = packets(given), packets(path)
    del want[5]
    assert [content for _, content in got] == [content for _, content in want]
    assert caplog.messages == [f"{given}: a piece of its sound is damaged and left out"]
