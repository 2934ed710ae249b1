"""A video file as a source: every frame, in order, at its own time, upright."""

from __future__ import annotations

import logging
import struct
from collections.abc import Generator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from livebg.clock import NS_PER_S
from livebg.errors import DamagedFileError, EndOfStreamError, InputError, SourceError
from livebg.frame import Frame, Image, Size
from livebg.sources.base import Source, SourceInfo, check_readable_file, check_size

__all__ = ["Timeline", "VideoFile"]

_log = logging.getLogger(__name__)

_MAX_SIDE, _MAX_MEGAPIXELS = 8192, 40
"""8K fits."""

_DECODER_THREADS = 1
"""One thread decodes 1280x720 at several hundred frames per second; more would only take processor
time from the network."""

_UNTAGGED = 2
"""``AVCOL_SPC_UNSPECIFIED``: the file does not say by which matrix its colours were coded."""

_HD_HEIGHT = 720
"""Untagged video of this height and above is BT.709, below BT.601, as players take it."""

_FALLBACK_RATE = Fraction(30)

_SQUARE_TOLERANCE = 0.01
"""Pixels whose aspect is this close to 1 count as square: some phones write 65535:65536."""


class VideoFile(Source):
    """Decodes a video file.

    Frames come upright (display matrix), with square pixels, at one size even where the file
    changes its own in the middle, as BGR by the file's own colour matrix and range. Times are
    those of the file (variable frame rates too), counted from the first frame. HDR is not tone
    mapped. A packet that cannot be decoded is skipped, as players do, and logged; a file that ends
    well before its header says so raises ``DamagedFileError``.

    ``info.frame_count`` is what the header says, frames that an edit list leaves out included;
    Matroska says nothing: ``expected_frames`` then is an estimate.

    Raises:
        InputError: the file is missing, empty, no video, cut short, too large, or undecodable.
    """

    def __init__(self, path: Path) -> None:
        check_readable_file(path)
        self._path = path
        self._closed = False
        self._index = 0
        self._end_s = 0.0
        self._damaged = False
        self._container = _open_container(path)
        try:
            self._stream = _pick_stream(self._container, path)
            _check_frame_size((self._stream.width, self._stream.height), path)
            _check_reaches_its_index(self._container, path)
            self._stream.thread_count = _DECODER_THREADS
            self._decoded = self._decode()
            self._ahead = next(self._decoded, None)
            if self._ahead is None:
                raise InputError(f"{path}: none of its frames can be decoded, get a whole copy")
            self._transposed, self._flip = _orientation(self._ahead)
            self._stored_size = _square_size(self._ahead, self._stream.sample_aspect_ratio)
            _check_frame_size(self._stored_size, path)
        except BaseException:
            self._container.close()
            raise
        rate = self._stream.average_rate or self._stream.guessed_rate
        self._info = SourceInfo(
            name=path.name,
            size=self._stored_size[::-1] if self._transposed else self._stored_size,
            frame_rate=Fraction(rate.numerator, rate.denominator) if rate else None,
            frame_count=self._stream.frames or None,
            live=False,
        )
        self._timeline = Timeline(round(NS_PER_S / (self._info.frame_rate or _FALLBACK_RATE)))

    @property
    def info(self) -> SourceInfo:
        """Size after rotation, nominal rate, and the frame count of the header."""
        return self._info

    @property
    def expected_frames(self) -> int | None:
        """About how many frames there will be, to show progress; None if unknown."""
        length_s = (self._container.duration or 0) / av.time_base
        return self._info.frame_count or round(length_s * (self._info.frame_rate or 0)) or None

    def read(self) -> Frame:
        """Return the next frame; see ``Source.read``.

        Raises:
            DamagedFileError: the file breaks off, or cannot be read on.
        """
        if self._closed:
            raise SourceError(f"{self._path}: the video is closed, open it again")
        decoded, self._ahead = self._ahead or next(self._decoded, None), None
        if decoded is None:
            raise EndOfStreamError(f"{self._path}: there is no further frame")
        frame = Frame(
            image=self._upright(_to_bgr(decoded, self._stored_size)),
            index=self._index,
            captured_ns=self._timeline.place(_time_ns(decoded)),
        )
        self._index += 1
        return frame

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._closed = True
        self._ahead = None
        self._decoded.close()
        self._container.close()

    def _upright(self, image: Image) -> Image:
        upright = cv2.transpose(image) if self._transposed else image
        if self._flip is not None:
            upright = cv2.flip(upright, self._flip)
        return np.asarray(upright, dtype=np.uint8)

    def _decode(self) -> Generator[VideoFrame, None, None]:
        # Every stream is read, not the video alone: where the sound goes on, a video that is
        # shorter is not damaged.
        try:
            for packet in self._container.demux():
                self._end_s = max(self._end_s, _end_s(packet))
                if packet.stream.index == self._stream.index:
                    yield from self._decode_packet(packet)
        except av.FFmpegError as error:
            raise DamagedFileError(
                f"{self._path}: the video cannot be read beyond {self._end_s:.1f} s "
                f"({error.strerror or error}), get a whole copy of it"
            ) from error
        self._check_complete()

    def _decode_packet(self, packet: Packet[Stream]) -> list[VideoFrame]:
        try:
            return cast("list[VideoFrame]", packet.decode())
        except av.error.InvalidDataError:
            if not self._damaged:
                self._damaged = True
                _log.warning(
                    "%s: damaged near %.1f s, frames are missing there", self._path, self._end_s
                )
            return []

    def _check_complete(self) -> None:
        length_s = (self._container.duration or 0) / av.time_base
        rate = self._stream.average_rate
        if self._container.format.name == "avi" and rate:
            # FFmpeg computes its duration from the bytes that are there, but reads its count.
            length_s = max(length_s, float(self._stream.frames / rate))
        if length_s - self._end_s > max(1.0, 0.02 * length_s):
            raise DamagedFileError(
                f"{self._path}: the video breaks off after {self._end_s:.1f} s of "
                f"{length_s:.1f} s, get a whole copy of it"
            )


class Timeline:
    """Turns the times written in a file into those of ``Frame.captured_ns``.

    A time that is missing becomes one step after the frame before. A time that repeats or goes
    back a little becomes one nanosecond after it, so that later frames keep their own times and
    sound stays in step. A clock that was set back by a second or more is a splice: the frames
    after it are moved to follow on.

    ``step_ns`` is the nominal time from one frame to the next, in nanoseconds.
    """

    def __init__(self, step_ns: int) -> None:
        self._step_ns = step_ns
        self._origin_ns: int | None = None
        self._last_ns = 0

    def place(self, time_ns: int | None) -> int:
        """Return the time of the next frame from the first; ``time_ns`` is that of the file."""
        if self._origin_ns is None:
            self._origin_ns = time_ns or 0
            return 0
        expected_ns = self._last_ns + self._step_ns
        placed_ns = expected_ns if time_ns is None else time_ns - self._origin_ns
        if placed_ns <= self._last_ns - NS_PER_S:
            self._origin_ns -= expected_ns - placed_ns
            placed_ns = expected_ns
        self._last_ns = max(placed_ns, self._last_ns + 1)
        return self._last_ns


def _orientation(frame: VideoFrame) -> tuple[bool, int | None]:
    """Return how stored pixels become upright: whether to transpose, then ``cv2.flip``'s code.

    Read from the 3x3 display matrix of an MP4 track header (ISO/IEC 14496-12, 8.3.2). Angles that
    are no multiple of 90 degrees are rounded to the nearest one.
    """
    side_data = cast(Mapping[SideDataType, SideData], frame.side_data)  # as PyAV 19 types it
    try:
        a, b, _, c, d, *_ = struct.unpack_from("=9i", bytes(side_data[SideDataType.DISPLAYMATRIX]))
    except (KeyError, struct.error):
        return False, None
    transposed = abs(b) > abs(a)
    flipped_x, flipped_y = (c < 0, b < 0) if transposed else (a < 0, d < 0)
    if flipped_x and flipped_y:
        return transposed, -1
    return transposed, 1 if flipped_x else 0 if flipped_y else None


def _open_container(path: Path) -> InputContainer:
    # The prefix keeps FFmpeg from reading a name such as "a:b.mp4" as a protocol.
    url = f"file:{path}"
    try:  # a title in an older character set must not hide the video
        return av.open(url, metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise InputError(
            f"{path}: this is no video that can be read, or its end is missing "
            f"({error.strerror or error}); get a whole copy, or convert it to MP4"
        ) from error


def _pick_stream(container: InputContainer, path: Path) -> VideoStream:
    kind = container.format.name
    if kind == "image2" or kind.endswith("_pipe"):
        raise InputError(f"{path}: this is a picture, not a video; use `livebg image` for it")
    if kind == "tty":  # FFmpeg takes any text for terminal art
        raise InputError(f"{path}: this is text, not a video; name a video file")
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        what = "only sound" if container.streams.audio else "nothing that can be shown"
        raise InputError(f"{path}: there is no video in this file, {what}; name a video file")
    if streams[0].codec_context is None:
        raise InputError(
            f"{path}: the video is in a format that cannot be decoded, convert it to H.264"
        )
    return streams[0]


def _check_frame_size(size: Size, path: Path) -> None:
    check_size(path, size, max_side=_MAX_SIDE, max_megapixels=_MAX_MEGAPIXELS)


def _check_reaches_its_index(container: InputContainer, path: Path) -> None:
    """Refuse an MP4 file whose index points beyond its end: it was copied in part."""
    if container.format.name.startswith("mov"):
        last = [stream.index_entries[-1] for stream in container.streams if stream.index_entries]
        if max((entry.pos + entry.size for entry in last), default=0) > path.stat().st_size:
            raise InputError(f"{path}: the file is cut short, get a whole copy of it")


def _to_bgr(frame: VideoFrame, size: Size) -> Image:
    matrix: int | None = None
    if frame.colorspace == _UNTAGGED:
        matrix = Colorspace.ITU709 if frame.height >= _HD_HEIGHT else Colorspace.ITU601
    image = frame.to_ndarray(
        format="bgr24",
        width=size[0],
        height=size[1],
        src_colorspace=matrix,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    return np.ascontiguousarray(image, dtype=np.uint8)


def _square_size(frame: VideoFrame, aspect: Fraction | None) -> Size:
    if not aspect or abs(float(aspect) - 1.0) < _SQUARE_TOLERANCE:
        return frame.width, frame.height
    return max(1, round(frame.width * float(aspect))), frame.height


def _time_ns(frame: VideoFrame) -> int | None:
    if frame.pts is None or not frame.time_base:
        return None
    return frame.pts * frame.time_base.numerator * NS_PER_S // frame.time_base.denominator


def _end_s(packet: Packet[Stream]) -> float:
    if packet.pts is None or not packet.time_base:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)
