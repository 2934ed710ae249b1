"""Which container, codecs and settings a recording gets, by the ending of its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from livebg.errors import InputError
from livebg.frame import Size

__all__ = ["RECORDING_ENDINGS", "RecordingFormat", "choose_format", "time_base"]

RECORDING_ENDINGS = (".mp4", ".mkv", ".webm", ".mov")
"""Endings, in lower case, of the videos that can be written."""

_TRANSPARENT_ENDINGS = (".webm", ".mov")

_FINEST_TICKS_PER_S = 90_000
_MOST_TICKS_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class RecordingFormat:
    """How a recording is written.

    Attributes:
        container: FFmpeg's name of the file format.
        codec: FFmpeg's name of the video encoder.
        pixels: FFmpeg's name of the pixel format that the encoder gets.
        options: the encoder's options.
        container_options: the file format's options.
        even: whether width and height must be even.
        audio_codecs: sound that is copied as it is; other sound is encoded anew. None: all that
            the container can hold.
        audio_encoder: FFmpeg's name of the encoder for other sound.
        audio_rate: sampling rate in Hz that this encoder insists on; None: as it comes.
    """

    container: str
    codec: str
    pixels: str
    options: Mapping[str, str]
    container_options: Mapping[str, str] = field(default_factory=dict)
    even: bool = False
    audio_codecs: frozenset[str] | None = None
    audio_encoder: str = "aac"
    audio_rate: int | None = None

    def stored_size(self, size: Size) -> Size:
        """Return the ``(width, height)`` that frames of ``size`` are padded to."""
        if not self.even:
            return size
        return size[0] + size[0] % 2, size[1] + size[1] % 2


def choose_format(path: Path, *, transparent: bool = False, live: bool = False) -> RecordingFormat:
    """Return the format for a recording named ``path``.

    H.264 for MP4, MKV and MOV; VP9 for WebM; with transparency, VP9 with alpha for WebM and ProRes
    4444 for MOV.

    Args:
        path: the recording.
        transparent: whether it must hold alpha.
        live: encode at the least cost and in fragments that survive a crash, instead of small.

    Raises:
        InputError: the ending is unknown, or its format holds no alpha.

    Example:
        >>> choose_format(Path("out.webm"), transparent=True).pixels
        'yuva420p'
    """
    ending = path.suffix.lower()
    if ending not in RECORDING_ENDINGS:
        raise InputError(
            f"{path}: a video cannot be written with the ending {path.suffix or '(none)'!r}, use "
            f"{', '.join(RECORDING_ENDINGS)}"
        )
    if transparent and ending not in _TRANSPARENT_ENDINGS:
        raise InputError(
            f"{path}: {ending} holds no transparency, use .webm, .mov or a folder of PNG pictures"
        )
    match ending:
        case ".webm":
            return _webm(transparent, live)
        case ".mkv":
            return _h264("matroska", {"flush_packets": "1"} if live else {}, None, live)
        case ".mov" if transparent:
            return _prores(live)
        case ".mov":
            return _h264("mov", _mp4_options(live), _MOV_AUDIO, live)
        case _:
            return _h264("mp4", _mp4_options(live), _MP4_AUDIO, live)


def time_base(frame_rate: Fraction) -> Fraction:
    """Return a tick that divides the frame period and is at most 1/90000 s.

    Frames at their nominal times are then exact, and variable frame rates lose nothing.

    Example:
        >>> time_base(Fraction(24000, 1001))
        Fraction(1, 96000)
    """
    ticks = frame_rate.numerator * -(-_FINEST_TICKS_PER_S // frame_rate.numerator)
    return Fraction(1, ticks if ticks <= _MOST_TICKS_PER_S else _FINEST_TICKS_PER_S)


_MP4_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus"})
_MOV_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le"})
_WEBM_AUDIO = frozenset({"opus", "vorbis"})


def _h264(
    container: str, container_options: Mapping[str, str], audio: frozenset[str] | None, live: bool
) -> RecordingFormat:
    # Live, the filter needs the processor: ultrafast takes a third of veryfast. 4:2:0 is what
    # every player takes, and needs even sizes.
    speed = {"preset": "ultrafast", "tune": "zerolatency", "threads": "1"}
    return RecordingFormat(
        container=container,
        codec="libx264",
        pixels="yuv420p",
        options={"crf": "20", **speed} if live else {"crf": "18", "preset": "veryfast"},
        container_options=container_options,
        even=True,
        audio_codecs=audio,
    )


def _mp4_options(live: bool) -> dict[str, str]:
    """Fragments while a live recording runs, an ordinary file afterwards; else index in front."""
    if live:
        # Without delay_moov FFmpeg 8 crashes when such a file is closed before its first frame.
        return {"movflags": "hybrid_fragmented+delay_moov", "flush_packets": "1"}
    return {"movflags": "faststart"}


def _webm(transparent: bool, live: bool) -> RecordingFormat:
    # libvpx cannot combine alpha with alternate reference frames.
    alpha = {"auto-alt-ref": "0"} if transparent else {}
    waiting = {"lag-in-frames": "0"} if live else {}
    speed = {"deadline": "realtime", "cpu-used": "8" if live else "5", "row-mt": "1"}
    return RecordingFormat(
        container="webm",
        codec="libvpx-vp9",
        pixels="yuva420p" if transparent else "yuv420p",
        options={"crf": "24", "b": "0", **speed, **alpha, **waiting},
        container_options={"flush_packets": "1"} if live else {},
        audio_codecs=_WEBM_AUDIO,
        audio_encoder="libopus",
        audio_rate=48_000,
    )


def _prores(live: bool) -> RecordingFormat:
    return RecordingFormat(
        container="mov",
        codec="prores_ks",
        pixels="yuva444p10le",
        options={"profile": "4444", "alpha_bits": "16"},
        container_options=_mp4_options(live),
        audio_codecs=_MOV_AUDIO,
    )
