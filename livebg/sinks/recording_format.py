"""Container, codecs and settings of a recording, chosen by the ending of its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from livebg.errors import InputError
from livebg.frame import Size

__all__ = ["RecordingFormat", "choose_format", "time_base"]

_MP4_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus"})
_MOV_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le"})
_WEBM_AUDIO = frozenset({"opus", "vorbis"})

_CONTAINERS = {
    ".mp4": ("mp4", _MP4_AUDIO),
    ".mkv": ("matroska", None),
    ".webm": ("webm", _WEBM_AUDIO),
    ".mov": ("mov", _MOV_AUDIO),
}
"""FFmpeg's name of each file format, and the sound that is copied into it."""

_TRANSPARENT_ENDINGS = (".webm", ".mov")

_FINEST_TICKS_PER_S = 90_000
_MOST_TICKS_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class RecordingFormat:
    """Container and codecs of a recording, with their options, by FFmpeg's names.

    Attributes:
        container: file format.
        codec: video encoder.
        pixels: pixel format that the encoder gets.
        options: the encoder's options.
        container_options: the file format's options.
        audio_codecs: sound that is copied as it is; other sound is re-encoded. None: all that
            the container can hold.
        audio_encoder: encoder for other sound.
        audio_rate: sampling rate in Hz that this encoder needs; None: as it comes.
    """

    container: str
    codec: str
    pixels: str
    options: Mapping[str, str]
    container_options: Mapping[str, str]
    audio_codecs: frozenset[str] | None
    audio_encoder: str = "aac"
    audio_rate: int | None = None

    def stored_size(self, size: Size) -> Size:
        """Return the ``(width, height)`` to which frames of ``size`` are padded."""
        if self.codec != "libx264":
            return size
        return size[0] + size[0] % 2, size[1] + size[1] % 2


def choose_format(path: Path, *, transparent: bool = False, live: bool = False) -> RecordingFormat:
    """Return the format for a recording named ``path``.

    H.264 for MP4, MKV and MOV; VP9 for WebM; with transparency, VP9 with alpha for WebM and ProRes
    4444 for MOV. A live recording is encoded at the least cost and in fragments that survive a
    crash, instead of small.

    Raises:
        InputError: the ending is unknown, or its format holds no alpha.
    """
    ending = path.suffix.lower()
    if ending not in _CONTAINERS:
        raise InputError(
            f"{path}: a video cannot be written with the ending {path.suffix or '(none)'!r}, use "
            f"{', '.join(_CONTAINERS)}"
        )
    if transparent and ending not in _TRANSPARENT_ENDINGS:
        raise InputError(
            f"{path}: {ending} holds no transparency, use .webm, .mov or a folder of PNG pictures"
        )
    container, audio_codecs = _CONTAINERS[ending]
    webm = ending == ".webm"
    if webm:
        codec, pixels = "libvpx-vp9", "yuva420p" if transparent else "yuv420p"
        options = _vp9_options(transparent, live)
    elif transparent:
        codec, pixels = "prores_ks", "yuva444p10le"
        options = {"profile": "4444", "alpha_bits": "16"}
    else:
        codec, pixels = "libx264", "yuv420p"  # 4:2:0, the only one that every player takes
        options = _h264_options(live)
    return RecordingFormat(
        container=container,
        codec=codec,
        pixels=pixels,
        options=options,
        container_options=_container_options(ending, live),
        audio_codecs=audio_codecs,
        audio_encoder="libopus" if webm else "aac",
        audio_rate=48_000 if webm else None,
    )


def time_base(frame_rate: Fraction) -> Fraction:
    """Return a tick that divides the frame period and is at most 1/90000 s.

    Frames at their nominal times are then exact, and variable frame rates lose nothing.

    Example:
        >>> time_base(Fraction(24000, 1001))
        Fraction(1, 96000)
    """
    ticks = frame_rate.numerator * -(-_FINEST_TICKS_PER_S // frame_rate.numerator)
    return Fraction(1, ticks if ticks <= _MOST_TICKS_PER_S else _FINEST_TICKS_PER_S)


def _container_options(ending: str, live: bool) -> dict[str, str]:
    """Return options for fragments while a live recording runs; else for an index in front."""
    live_options = {"flush_packets": "1"} if live else {}
    if ending not in (".mp4", ".mov"):
        return live_options
    # Without delay_moov FFmpeg 8 crashes when such a file is closed before its first frame.
    return live_options | {"movflags": "hybrid_fragmented+delay_moov" if live else "faststart"}


def _h264_options(live: bool) -> dict[str, str]:
    if not live:
        return {"crf": "18", "preset": "veryfast"}
    # Live, the filter needs the processor: ultrafast takes a third of veryfast.
    return {"crf": "20", "preset": "ultrafast", "tune": "zerolatency", "threads": "1"}


def _vp9_options(transparent: bool, live: bool) -> dict[str, str]:
    options = {"crf": "24", "b": "0", "deadline": "realtime", "row-mt": "1"}
    options["cpu-used"] = "8" if live else "5"
    if live:
        options["lag-in-frames"] = "0"
    if transparent:  # libvpx cannot combine alpha with alternate reference frames
        options["auto-alt-ref"] = "0"
    return options
