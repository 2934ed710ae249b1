"""What ``livebg run --stats FILE`` writes, key by key: the schema of the JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["SCHEMA", "STATISTICS", "Kind", "Statistic"]

SCHEMA = 1
"""Grows when a key changes its meaning; new keys may come without that."""

Kind = Literal["count", "number", "number or null", "text", "text or null", "size or null", "times"]
"""What a value is. A size is ``[width, height]``. ``times`` is an object with ``count``, ``mean``,
``p50``, ``p95`` and ``p99``, in milliseconds, within 1 %; all but ``count`` are null when it is 0.
"""


@dataclass(frozen=True, slots=True)
class Statistic:
    """One value.

    Attributes:
        path: its keys, joined by dots; one in angle brackets stands for any name.
        kind: what the value is.
        meaning: what it says, in one line.
    """

    path: str
    kind: Kind
    meaning: str


STATISTICS = (
    Statistic("schema", "count", f"version of this table: {SCHEMA}"),
    Statistic("livebg", "text", "version of livebg"),
    Statistic("duration_s", "number", "seconds from the start to the end"),
    Statistic(
        "time_to_first_frame_s",
        "number or null",
        "seconds from the start to the first filtered picture in an output",
    ),
    Statistic("frames.in", "count", "frames that the camera delivered"),
    Statistic("frames.missed", "count", "frames that were lost before livebg got them"),
    Statistic("frames.out", "count", "frames that were filtered"),
    Statistic("frames.dropped", "count", "frames that a newer one replaced before that"),
    Statistic("frames.failed", "count", "frames that could not be filtered"),
    Statistic("frames.repeated", "count", "pictures without a new frame: cards, in all outputs"),
    Statistic("rate_fps", "number", "filtered frames per second, from the first to the last"),
    Statistic("latency_ms", "times", "from a frame's capture to its end in an output"),
    Statistic(
        "audio_offset_ms",
        "number or null",
        "what to delay a microphone by: the median of `latency_ms`",
    ),
    Statistic(
        "jitter_ms",
        "times",
        "how far the interval of two pictures in an output is from the camera's own",
    ),
    Statistic(
        "stages_ms.<stage>",
        "times",
        "`capture` (waiting included), `wait` (from capture to filter), `process` (the filter); "
        "its parts `carry`, `segment`, `refine`, `compose`, `framing`, and where a torch device "
        "runs them `upload` and `download`, call by call, since the network at work took over",
    ),
    Statistic("cpu.ms_per_frame", "number", "processor time of the program per filtered frame"),
    Statistic("cpu.share_of_core", "number", "the same per time that passed; 1 is one core"),
    Statistic("memory.peak_mib", "number or null", "the most memory that was resident"),
    Statistic("inference.model", "text or null", "the network at work"),
    Statistic("inference.engine", "text or null", "what runs it"),
    Statistic("inference.input_size", "size or null", "pixels that it sees"),
    Statistic("inference.latency", "text or null", "`low` or `aligned`, as set"),
    Statistic("inference.count", "count", "frames that the network was to look at"),
    Statistic("inference.share", "number", "their share of the filtered frames"),
    Statistic(
        "inference.reasons.<reason>",
        "count",
        "frames by the scheduler's reason: the network looks at `first`, `settling`, `every`, "
        "`motion`, `age`, `cut`; it does not at `carried`, `budget`, `busy`",
    ),
    Statistic("inference.refused", "count", "mattes that were not believed"),
    Statistic("sinks.<output>.sent", "count", "pictures that an output took"),
    Statistic("sinks.<output>.cards", "count", "cards among them"),
    Statistic("sinks.<output>.dropped", "count", "pictures that it was too slow for"),
    Statistic("sinks.<output>.error", "text or null", "what ended it for good"),
    Statistic("sinks.<output>.send_ms", "times", "how long it took to take one"),
    Statistic("source.name", "text or null", "the camera"),
    Statistic("source.asked", "text or null", "what it was asked for"),
    Statistic("source.got", "text or null", "what it gave"),
    Statistic("source.reconnects", "count", "times that it was found again"),
    Statistic("source.wakes", "count", "times that it was opened because an app began to read"),
    Statistic("source.wake_ms", "times", "from then to the first filtered picture in an output"),
    Statistic("ended", "text", "why the session ended"),
)
"""All of them, in the order in which they are written."""
