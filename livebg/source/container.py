"""Opening a video file, and refusing what is none, with a sentence that says why."""

from __future__ import annotations

from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from livebg.errors import InputError
from livebg.source.limits import FRAME_LIMIT
from livebg.source.readable import check_readable_file

__all__ = ["open_video"]

_DECODER_THREADS = 1
"""A decoder runs ahead in a thread of its own, and one thread decodes 1280x720 at several hundred
frames per second; more would take processor time from the network for nothing."""


def open_video(path: Path) -> tuple[InputContainer, VideoStream]:
    """Open a video file as far as its headers; the caller closes the container.

    Raises:
        InputError: the file is missing or empty, is no video, is cut short, or is too large.
    """
    check_readable_file(path)
    container = _open_container(path)
    try:
        stream = _pick_stream(container, path)
        FRAME_LIMIT.check((stream.width, stream.height), path)
        _check_reaches_its_index(container, path)
    except BaseException:
        container.close()
        raise
    stream.thread_count = _DECODER_THREADS
    return container, stream


def _open_container(path: Path) -> InputContainer:
    # The prefix keeps FFmpeg from reading a name such as "a:b.mp4" as a protocol.
    url = f"file:{path}"
    try:
        try:
            return av.open(url)
        except UnicodeDecodeError:  # a title in an older character set must not hide the video
            return av.open(url, metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise InputError(
            f"{path}: this is no video that can be read, or its end is missing "
            f"({_reason(error)}); get a whole copy, or convert it to MP4"
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


def _check_reaches_its_index(container: InputContainer, path: Path) -> None:
    """Refuse an MP4 file whose index points beyond its end: it was copied in part."""
    if not container.format.name.startswith("mov"):
        return
    size = path.stat().st_size
    last = [stream.index_entries[-1] for stream in container.streams if len(stream.index_entries)]
    wanted = max((entry.pos + entry.size for entry in last), default=0)
    if wanted > size:
        raise InputError(
            f"{path}: the file is cut short, it has {size:,} bytes of at least {wanted:,}; get a "
            "whole copy of it"
        )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
