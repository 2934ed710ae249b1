"""What the user is told of a source that was opened."""

from __future__ import annotations

from livebg.source.base import SourceInfo
from livebg.source.modes import shortfalls

__all__ = ["source_report"]


def source_report(info: SourceInfo) -> list[str]:
    """Return one sentence on what a source was asked for and what it gives, and one on a shortfall.

    Example:
        >>> from fractions import Fraction
        >>> source_report(SourceInfo("talk.mp4", (640, 360), Fraction(30), 72, live=True))
        ['talk.mp4, 640x360 at 30 frames/s']
    """
    if info.granted is None:
        rate = f" at {float(info.frame_rate):.3g} frames/s" if info.frame_rate else ""
        return [f"{info.name}, {info.size[0]}x{info.size[1]}{rate}"]
    if info.asked is None:
        return [f"{info.name}: got {info.granted}"]
    report = [f"{info.name}: asked for {info.asked}, got {info.granted}"]
    lacking = shortfalls(info.asked, info.granted)
    if lacking:
        advice = (
            "a camera in the network is set up on itself"
            if "://" in info.name
            else "`livebg cameras` lists what each camera can do"
        )
        report.append(f"warning: {info.name} {' and '.join(lacking)}; {advice}")
    return report
