"""A recording: composites encoded into a video file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from livebg.atomic import PartialFile
from livebg.clock import NS_PER_S
from livebg.errors import LivebgError, SinkError
from livebg.frame import BGR, Composite, PixelFormat, Size, size_text
from livebg.pixels.conversion import converted
from livebg.sinks.audio import AudioCopy
from livebg.sinks.base import Sink, flatten, repacked
from livebg.sinks.recording_format import choose_format, time_base

__all__ = ["Recorder"]

_FALLBACK_RATE = Fraction(30)
_YUV420P = PixelFormat("i420", "bt709")
"""FFmpeg's ``yuv420p`` as recordings are tagged. Odd sizes are left to FFmpeg, which halves them
differently."""

_KEYFRAME_EVERY_S = 2
"""Seconds between frames that a player can seek to; a crash of a live recording costs as much."""


class Recorder(Sink):
    """Encodes composites into an MP4, MKV, WebM or MOV file, at the times of their frames.

    The file is written as ``NAME.partial.ext`` and gets its name when it is complete. Colours are
    BT.709, limited range, and tagged so. H.264 holds even sizes only: an odd width or height is
    padded by repeating the last column or row. In a recording without alpha, transparent pixels
    are black, whatever colour they hide.

    Args:
        path: the recording; its ending chooses the format (``choose_format``).
        size: ``(width, height)`` of the composites, in pixels.
        frame_rate: nominal frames per second; None if unknown. Times are those of the composites in
            any case.
        transparent: whether alpha is recorded.
        audio_from: a file whose sound is copied, in step with its own first picture.
        live: encode at the least cost, in fragments that can be played after a crash.

    Raises:
        InputError: the ending is unknown or holds no alpha; the folder is missing or not writable.
        DamagedFileError: the sound cannot be read.
        SinkError: this installation lacks the encoder, or the file cannot be started.

    Example:
        >>> with Recorder(Path("out.mp4"), size=(640, 360), frame_rate=Fraction(30)) as recorder:
        ...     recorder.send(composite)  # doctest: +SKIP
    """

    card_policy = "between"
    close_within_s = 5.0
    """What is outstanding has to be written."""

    def __init__(
        self,
        path: Path,
        *,
        size: Size,
        frame_rate: Fraction | None,
        transparent: bool = False,
        audio_from: Path | None = None,
        live: bool = False,
    ) -> None:
        self.name = str(path)
        self._size = size
        self._live = live
        self._format = choose_format(path, transparent=transparent, live=live)
        self._stored_size = self._format.stored_size(size)
        whole = self._format.pixels == "yuv420p" and _YUV420P.holds(self._stored_size)
        self.pixel_format: PixelFormat = _YUV420P if whole else BGR
        self._rate = frame_rate or _FALLBACK_RATE
        self._time_base = time_base(self._rate)
        self._origin_ns: int | None = None
        self._last_tick = -1
        self._closed = self._failed = False
        self._audio: AudioCopy | None = None
        self._partial = PartialFile(path)
        try:
            with self._translated("started"):
                self._output = av.open(
                    f"file:{self._partial.path}",
                    "w",
                    format=self._format.container,
                    options=dict(self._format.container_options),
                )
                self._stream = self._add_video()
                if audio_from is not None:
                    self._audio = AudioCopy(audio_from, self._output, self._format)
                self._output.start_encoding()
        except BaseException:
            self._release()
            self._partial.close()
            raise

    def send(self, composite: Composite) -> None:
        """Encode one composite.

        Raises:
            SinkError: it has another size, or it cannot be written; the recording is closed.
            DamagedFileError: the sound that goes with it cannot be read.
        """
        if self._closed or self._failed:
            raise SinkError(f"{self.name}: the recording is closed, start another")
        if composite.size != self._size:
            raise SinkError(
                f"{self.name}: a frame of {size_text(composite.size)} pixels does not fit a "
                f"recording of {size_text(self._size)}, start another"
            )
        lead_ns = self._audio.lead_ns if self._audio else 0
        if self._origin_ns is None:
            self._origin_ns = composite.captured_ns - lead_ns
        time_ns = composite.captured_ns - self._origin_ns
        frame = self._prepare(composite)
        self._last_tick = max(round(time_ns / NS_PER_S / self._time_base), self._last_tick + 1)
        frame.pts = self._last_tick
        frame.time_base = self._time_base
        frame.duration = round(1 / self._rate / self._time_base)
        with self._translated("written"):
            self._output.mux(self._stream.encode(frame))
            if self._audio is not None:
                self._audio.advance(time_ns)

    def close(self) -> None:
        """Finish the file and give it its name; without a frame, delete it. Idempotent.

        Raises:
            SinkError: it cannot be finished. A live recording stays under its partial name, with
                all that could be written; any other is deleted.
            DamagedFileError: the sound that goes with it cannot be read.
        """
        if self._closed:
            return
        if self._origin_ns is None:
            self.abort()
            return
        self._closed = True
        try:
            if not self._failed:
                with self._translated("finished"):
                    self._output.mux(self._stream.encode(None))
                    if self._audio is not None:
                        self._audio.finish()
                    self._output.close()
                self._partial.commit()
        finally:
            self._release()
            if not self._live:
                self._partial.close()

    def abort(self) -> None:
        """Stop and delete the file. Idempotent."""
        self._closed = True
        self._release()
        self._partial.close()

    def _add_video(self) -> VideoStream:
        form = self._format
        added = self._output.add_stream(form.codec, rate=self._rate, options=dict(form.options))
        stream = cast(VideoStream, added)
        stream.width, stream.height = self._stored_size
        stream.pix_fmt = form.pixels
        stream.time_base = self._time_base
        context = stream.codec_context
        context.time_base = self._time_base
        context.framerate = self._rate
        context.gop_size = max(1, round(_KEYFRAME_EVERY_S * self._rate))
        context.colorspace = Colorspace.ITU709
        context.color_range = ColorRange.MPEG
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709
        return stream

    def _prepare(self, composite: Composite) -> VideoFrame:
        if composite.pixel_format == self.pixel_format != BGR:
            return VideoFrame.from_ndarray(composite.image, format=self._format.pixels)
        image = repacked(composite, BGR)
        if "a" not in self._format.pixels.removeprefix("yuv"):
            image = flatten(image)
        if self._stored_size != self._size:
            right, bottom = (self._stored_size[axis] - self._size[axis] for axis in (0, 1))
            image = np.pad(image, ((0, bottom), (0, right), (0, 0)), mode="edge")
        if self.pixel_format != BGR:
            packed = converted(image, BGR, self.pixel_format)
            return VideoFrame.from_ndarray(packed, format=self._format.pixels)
        return VideoFrame.from_ndarray(
            np.ascontiguousarray(image), format="bgra" if image.shape[2] == 4 else "bgr24"
        ).reformat(
            format=self._format.pixels,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )

    @contextmanager
    def _translated(self, step: str) -> Iterator[None]:
        try:
            yield
        except LivebgError:
            self._failed = True
            raise
        except (OSError, ValueError) as error:  # FFmpeg's errors are both kinds
            self._failed = True
            reason = getattr(error, "strerror", None) or error
            kept = f"; what was recorded is in {self._partial.path}" if self._live else ""
            raise SinkError(
                f"{self.name}: the recording cannot be {step} ({reason}), make room or name "
                f"another place{kept}"
            ) from error

    def _release(self) -> None:
        if self._audio is not None:
            self._audio.close()
        output: OutputContainer | None = getattr(self, "_output", None)
        if output is not None:
            with contextlib.suppress(OSError, ValueError):  # the trailer of a failed recording
                output.close()
