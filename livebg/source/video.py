"""A video file as a source: every frame, in order, at its own time, upright."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace

from livebg.clock import NS_PER_S
from livebg.errors import DamagedFileError, EndOfStreamError, InputError, SourceError
from livebg.source.base import Source, SourceInfo
from livebg.source.container import open_video
from livebg.source.limits import FRAME_LIMIT
from livebg.source.orientation import Orientation
from livebg.source.timeline import Timeline
from livebg.types import Frame, Image, Size

__all__ = ["VideoFile"]

_log = logging.getLogger(__name__)

_UNTAGGED = 2
"""``AVCOL_SPC_UNSPECIFIED``: the file does not say by which matrix its colours were coded."""

_HD_HEIGHT = 720
"""Untagged video of this height and above is BT.709, below BT.601, as players take it."""

_FALLBACK_RATE = Fraction(30)

_SQUARE_SLACK = 0.01
"""Pixels whose aspect is this close to 1 count as square: some phones write 65535:65536."""


class VideoFile(Source):
    """Decodes a video file.

    Frames come upright (display matrix), with square pixels, at one size even where the file
    changes its own in the middle, as BGR by the file's own colour matrix and range. Times are
    those of the file (variable frame rates too), counted from the first frame. HDR is not tone
    mapped. A packet that cannot be decoded is passed over, as players do, and logged; a file that
    ends well before its header says so raises ``DamagedFileError``.

    ``info.frame_count`` is what the header says, frames that an edit list leaves out included;
    Matroska says nothing: ``expected_frames`` then is an estimate.

    Args:
        path: the file.

    Raises:
        InputError: the file is missing, empty, no video, cut short, too large, or undecodable.

    Example:
        >>> with VideoFile(Path("clip.mp4")) as video:  # doctest: +SKIP
        ...     for frame in video:
        ...         print(frame.index, frame.captured_ns)
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._container, self._stream = open_video(path)
        self._closed = False
        self._index = 0
        self._end_s = 0.0
        self._damaged_packets = 0
        try:
            self._decoded = self._decode()
            self._ahead = next(self._decoded, None)
            if self._ahead is None:
                raise InputError(f"{path}: none of its frames can be decoded, get a whole copy")
            self._orientation = _orientation(self._ahead)
            self._stored_size = _square_size(self._ahead, self._stream.sample_aspect_ratio)
            FRAME_LIMIT.check(self._stored_size, path)
            self._info = self._describe()
        except BaseException:
            self._container.close()
            raise
        self._timeline = Timeline(round(NS_PER_S / (self._info.frame_rate or _FALLBACK_RATE)))

    @property
    def info(self) -> SourceInfo:
        """Size after rotation, nominal rate, and the frame count of the header."""
        return self._info

    @property
    def expected_frames(self) -> int | None:
        """About how many frames there will be, to show progress; None where nothing tells."""
        rate, length_s = self._info.frame_rate, (self._container.duration or 0) / av.time_base
        if self._info.frame_count or not rate or length_s <= 0:
            return self._info.frame_count
        return round(length_s * rate)

    def read(self) -> Frame:
        """Return the next frame.

        Raises:
            EndOfStreamError: there is no further frame.
            DamagedFileError: the file breaks off or cannot be read on.
            SourceError: the source is closed.
        """
        if self._closed:
            raise SourceError(f"{self._path}: the video is closed, open it again")
        decoded, self._ahead = self._ahead or next(self._decoded, None), None
        if decoded is None:
            raise EndOfStreamError(f"{self._path}: there is no further frame")
        frame = Frame(
            image=self._orientation.apply(_to_bgr(decoded, self._stored_size)),
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

    def _describe(self) -> SourceInfo:
        rate = self._stream.average_rate or self._stream.guessed_rate
        return SourceInfo(
            name=self._path.name,
            size=self._orientation.size(self._stored_size),
            frame_rate=Fraction(rate.numerator, rate.denominator) if rate else None,
            frame_count=self._stream.frames or None,
            live=False,
        )

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
            self._damaged_packets += 1
            if self._damaged_packets == 1:
                _log.warning(
                    "%s: damaged near %.1f s, frames are missing there", self._path, self._end_s
                )
            return []

    def _check_complete(self) -> None:
        promised_s = (self._container.duration or 0) / av.time_base
        rate = self._stream.average_rate
        if self._container.format.name == "avi" and rate:
            # Its length in seconds is worked out from the bytes that are there; its count is not.
            promised_s = max(promised_s, float(self._stream.frames / rate))
        if promised_s - self._end_s > max(1.0, 0.02 * promised_s):
            raise DamagedFileError(
                f"{self._path}: the video breaks off after {self._end_s:.1f} s of "
                f"{promised_s:.1f} s, get a whole copy of it"
            )


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


def _orientation(frame: VideoFrame) -> Orientation:
    side_data = cast(Mapping[SideDataType, SideData], frame.side_data)  # as PyAV 19 types it
    try:
        matrix = side_data[SideDataType.DISPLAYMATRIX]
    except KeyError:
        return Orientation()
    return Orientation.from_matrix(bytes(matrix))


def _square_size(frame: VideoFrame, aspect: Fraction | None) -> Size:
    if not aspect or abs(float(aspect) - 1.0) < _SQUARE_SLACK:
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
