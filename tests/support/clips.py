"""Small videos made on the spot, with frames that can be told apart after encoding."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from livebg.frame import Image, Size

SIZE = (64, 48)
RATE = Fraction(25)
SOUND_RATE = 48_000

_BITS = 8


def numbered(number: int, size: Size = SIZE) -> Image:
    """A picture of black and white bars that spell ``number``, 0 to 255, in binary."""
    width, height = size
    bits = [(number >> bit) & 1 for bit in range(_BITS)]
    row = np.repeat(np.array(bits, np.uint8) * 255, -(-width // _BITS))[:width]
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (height, width, 3)))


def number_of(image: Image) -> int:
    """Read the number from a picture of ``numbered``, however it was coded since."""
    width = image.shape[1]
    centres = [int((bit + 0.5) * -(-width // _BITS)) for bit in range(_BITS)]
    middle = image[image.shape[0] // 2, :, :3].mean(axis=1)
    return sum(int(middle[at] > 127) << bit for bit, at in enumerate(centres))


def write_clip(
    path: Path,
    pictures: Sequence[Image] | None = None,
    *,
    count: int = 10,
    times_s: Sequence[Fraction] | None = None,
    codec: str = "libx264",
    rotation: int = 0,
    mirrored: bool = False,
    sound: str | None = None,
    sound_from_s: Fraction = Fraction(0),
    title: str | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write a video with plain PyAV, apart from the code under test.

    Args:
        pictures: its frames; ``count`` ``numbered`` ones by default.
        times_s: presentation times, seconds; at ``RATE`` by default.
        rotation: display matrix: degrees counter-clockwise that a player turns the picture.
        mirrored: display matrix: whether a player also mirrors it.
        sound: FFmpeg's name of an audio encoder; none by default.
        sound_from_s: when the sound begins; it is as long as the video.
    """
    frames = [numbered(n) for n in range(count)] if pictures is None else pictures
    times = [n / RATE for n in range(len(frames))] if times_s is None else times_s
    with av.open(f"file:{path}", "w", options=container_options or {}) as output:
        if title is not None:
            output.metadata["title"] = title
        video = _add_video(output, codec, frames[0])
        if rotation or mirrored:
            video.set_display_rotation(rotation, hflip=mirrored)
        audio = None if sound is None else output.add_stream(sound, rate=SOUND_RATE, layout="mono")
        for picture, time in zip(frames, times, strict=True):
            output.mux(video.encode(_frame(picture, time, video)))
        output.mux(video.encode(None))
        if isinstance(audio, AudioStream):
            _write_sound(output, audio, sound_from_s, len(frames) / RATE)
    return path


def _add_video(output: OutputContainer, codec: str, first: Image) -> VideoStream:
    options = {"libx264": {"crf": "4", "preset": "ultrafast", "bf": "2"}}.get(codec, {})
    stream = cast(VideoStream, output.add_stream(codec, rate=RATE, options=options))
    stream.width, stream.height = first.shape[1], first.shape[0]
    stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    # AVI writes an empty frame for every tick without a picture: few ticks, then.
    stream.codec_context.time_base = Fraction(1, 90_000) if codec != "mjpeg" else 1 / RATE
    stream.codec_context.thread_count = 1
    stream.codec_context.gop_size = 5
    return stream


def _frame(picture: Image, time: Fraction, stream: VideoStream) -> VideoFrame:
    frame = VideoFrame.from_ndarray(picture, format="bgr24").reformat(format=stream.pix_fmt)
    frame.time_base = Fraction(1, 90_000)
    frame.pts = round(time * 90_000)
    return frame


def _write_sound(
    output: OutputContainer, stream: AudioStream, start_s: Fraction, length_s: Fraction
) -> None:
    """Write silence with one click, a quarter of a second after its start."""
    samples = np.zeros(round(length_s * SOUND_RATE), np.float32)
    samples[SOUND_RATE // 4 : SOUND_RATE // 4 + 48] = 0.9
    frame = AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.sample_rate = SOUND_RATE
    frame.time_base = Fraction(1, SOUND_RATE)
    frame.pts = round(start_s * SOUND_RATE)
    output.mux(stream.encode(frame))
    output.mux(stream.encode(None))
