"""What ``livebg demo`` prints at its end: the numbers, and what to try next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["next_steps", "numbers", "print_report"]

_REASONS = {
    "first": "first frames",
    "settling": "first frames",
    "motion": "motion",
    "age": "matte getting old",
    "cut": "scene changes",
    "every": "fixed interval",
}
"""The mask scheduler's reasons to run the network, for people."""


def numbers(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a live session measured as labelled lines.

    Args:
        summary: of ``Session.summary``.
    """
    frames, latency, cpu = summary["frames"], summary["latency_ms"], summary["cpu"]
    inference = summary["inference"]
    lines = [
        ("frames", f"{frames['out']} filtered, {frames['dropped'] + frames['missed']} dropped"),
        ("rate", f"{summary['rate_fps']:.1f} frames per second"),
    ]
    if latency["count"]:
        lines.append(
            (
                "latency",
                f"{latency['p50']:.1f} ms (p50), {latency['p95']:.1f} ms (p95), "
                f"{latency['p99']:.1f} ms (p99)",
            )
        )
    lines.append(
        (
            "processor",
            f"{cpu['ms_per_frame']:.1f} ms per frame, {cpu['share_of_core']:.0%} of one core, "
            "recording included".replace("%", " %"),
        )
    )
    if summary["memory"]["peak_mib"] is not None:
        lines.append(("memory", f"{summary['memory']['peak_mib']:.0f} MiB at most"))
    if inference.get("count"):
        lines.append(("network", f"{inference['model']} on {inference['engine']}"))
        lines.append(("inferences", _inferences(inference)))
    return lines


def next_steps(cameras: Sequence[str], picture: Path) -> list[tuple[str, str]]:
    """Return commands to try, each with what it does.

    Args:
        cameras: names of the webcams that are there.
        picture: a background that was written.
    """
    webcam = cameras[0] if cameras else "your webcam (none is plugged in now)"
    return [
        ("livebg run", f"{webcam}, live in a window; h lists its keys"),
        (f"livebg run --background {picture}", "any picture or video behind you"),
        ("livebg run --virtual-camera", "a camera that video calls can choose"),
        ("livebg video IN.mp4 -o OUT.mp4", "a whole video, its sound included"),
        ("livebg image IN.jpg -o OUT.png --background transparent", "cut a person out"),
    ]


def print_report(
    summary: dict[str, Any], files: Sequence[Path], steps: Sequence[tuple[str, str]]
) -> None:
    """Print the numbers, the files that were written, and what to try next."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    table = Table(show_header=False, box=box.ROUNDED, title="live, as with a camera")
    table.add_column(style="bold")
    table.add_column()
    for label, value in numbers(summary):
        table.add_row(label, escape(value))
    console.print(table)
    for path in files:
        console.print(f"[bold]look at[/bold] {escape(str(path))}")
    console.print("\n[bold]try next[/bold]")
    for command, meaning in steps:
        console.print(f"  [cyan]{escape(command)}[/cyan]\n      {escape(meaning)}")


def _inferences(inference: dict[str, Any]) -> str:
    why: dict[str, int] = {}
    for reason, times in inference["reasons"].items():
        if reason != "carried":
            label = _REASONS.get(reason, reason)
            why[label] = why.get(label, 0) + times
    because = ", ".join(f"{label} {times}" for label, times in why.items())
    share = f"{inference['share']:.0%}".replace("%", " %")
    return f"{inference['count']} ({share} of the frames)\n{because}"
