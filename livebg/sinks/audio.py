"""The sound of a video file, copied into a recording of its pictures."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition

from livebg.clock import NS_PER_S
from livebg.errors import DamagedFileError
from livebg.sinks.recording_format import RecordingFormat

__all__ = ["AudioCopy"]

_log = logging.getLogger(__name__)


class AudioCopy:
    """Muxes every audio track of a file, in step with the video.

    Packets are copied as they are where the recording's container holds their codec, else decoded
    and re-encoded. Sound that begins before the first picture is kept: the video then starts
    ``lead_ns`` later.

    Args:
        path: the file; without sound in it, nothing is copied.
        output: the recording, before its header is written; gets one stream a track.
        form: the recording's format, which decides whether packets are copied.

    Raises:
        DamagedFileError: the file cannot be opened, or later not be read.
    """

    def __init__(self, path: Path, output: OutputContainer, form: RecordingFormat) -> None:
        self._path = path
        self._output = output
        try:
            picture_s = _first_picture_s(path)
            self._input = _open(path)
        except av.FFmpegError as error:
            raise self._damaged(error) from error
        self._outputs: dict[int, AudioStream] = {}
        self._copied: set[int] = set()
        tracks = [stream for stream in self._input.streams.audio if stream.codec_context]
        for track in tracks:
            self._add_track(track, form)
        starts = [
            stream.start_time * _tick(stream) for stream in tracks if stream.start_time is not None
        ]
        lead_s = max(Fraction(0), picture_s - min(starts, default=picture_s))
        self.lead_ns = round(lead_s * NS_PER_S)
        """Time of the first picture in the recording, in nanoseconds."""
        self._shift_s = lead_s - picture_s
        self._packets = self._read(tracks)
        self._next = next(self._packets, None)

    def advance(self, until_ns: float) -> None:
        """Mux the sound up to a time of the recording, in nanoseconds."""
        while self._next is not None and self._time_ns(self._next) <= until_ns:
            self._mux(self._next)
            self._next = next(self._packets, None)

    def finish(self) -> None:
        """Mux the rest of the sound."""
        self.advance(math.inf)
        for index, stream in self._outputs.items():
            if index not in self._copied:
                self._output.mux(stream.encode(None))

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._next = None
        self._input.close()

    def _add_track(self, track: AudioStream, form: RecordingFormat) -> None:
        codec = track.codec_context.codec.canonical_name
        allowed = self._output.supported_codecs if form.audio_codecs is None else form.audio_codecs
        if codec in allowed:
            stream = self._output.add_stream_from_template(track)
            self._copied.add(track.index)
        else:
            _log.info("%s: its %s sound is re-encoded as %s", self._path, codec, form.container)
            rate = form.audio_rate or track.codec_context.sample_rate
            layout = track.codec_context.layout.name
            added = self._output.add_stream(form.audio_encoder, rate=rate, layout=layout)
            stream = cast(AudioStream, added)
        if "language" in track.metadata:
            stream.metadata["language"] = track.metadata["language"]
        self._outputs[track.index] = stream

    def _read(self, tracks: list[AudioStream]) -> Iterator[Packet[AudioStream]]:
        if not tracks:
            return
        try:
            for packet in self._input.demux(tracks):
                if packet.pts is not None:
                    yield cast("Packet[AudioStream]", packet)
        except av.FFmpegError as error:
            raise self._damaged(error) from error

    def _mux(self, packet: Packet[AudioStream]) -> None:
        source = packet.stream
        target = self._outputs[source.index]
        shift = round(self._shift_s / _tick(source))
        if source.index in self._copied:
            assert packet.pts is not None
            packet.pts += shift
            packet.dts = packet.pts if packet.dts is None else packet.dts + shift
            packet.stream = target
            with self._skip_damaged():
                self._output.mux(packet)
            return
        frames: list[AudioFrame] = []
        with self._skip_damaged():
            frames = source.decode(packet)
        for frame in frames:
            if frame.pts is not None and frame.time_base:
                frame.pts += round(self._shift_s / frame.time_base)
            self._output.mux(target.encode(frame))

    @contextmanager
    def _skip_damaged(self) -> Iterator[None]:
        """Leave out a packet that cannot be decoded, or that the recording refuses."""
        try:
            yield
        except (av.error.InvalidDataError, av.error.ArgumentError):
            _log.warning("%s: a piece of its sound is damaged and left out", self._path)

    def _time_ns(self, packet: Packet[AudioStream]) -> int:
        assert packet.pts is not None
        return round((packet.pts * _tick(packet.stream) + self._shift_s) * NS_PER_S)

    def _damaged(self, error: av.FFmpegError) -> DamagedFileError:
        return DamagedFileError(
            f"{self._path}: its sound cannot be read ({error.strerror or error}), get a whole copy "
            "of it"
        )


def _open(path: Path) -> InputContainer:
    url = f"file:{path}"
    try:
        return av.open(url)
    except UnicodeDecodeError:  # a title in an older character set
        return av.open(url, metadata_errors="replace")


def _first_picture_s(path: Path) -> Fraction:
    """Return the time of the first picture on the file's own clock, in seconds."""
    with _open(path) as container:
        for stream in container.streams.video:
            if stream.disposition & Disposition.attached_pic:
                continue
            for frame in container.decode(stream):
                if frame.pts is not None and frame.time_base:
                    return frame.pts * Fraction(frame.time_base)
                break
    return Fraction(0)


def _tick(stream: AudioStream) -> Fraction:
    base = stream.time_base
    return Fraction(base.numerator, base.denominator) if base else Fraction(1, av.time_base)
