"""``livebg doctor``: what works here, and how to mend what does not."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from livebg import __version__
from livebg.doctor.checks import examine
from livebg.doctor.findings import Finding, Machine

__all__ = ["add_parser", "run"]

_COLOURS = {"ok": "\x1b[32m", "warn": "\x1b[33m", "fail": "\x1b[31m"}
_PLAIN = "\x1b[0m"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser of ``livebg doctor`` and set its ``run``."""
    parser = subparsers.add_parser(
        "doctor",
        help="check what works here and how to mend what does not",
        description="Check Python, engines, GPU, weights, cameras, virtual camera and display. "
        "Each finding that is not ok comes with the command that mends it.",
        epilog="Exit status: 0 if nothing fails, 1 otherwise.",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run ``livebg doctor`` and return its exit status."""
    findings = examine(Machine())
    if arguments.json:
        shown = {"livebg": __version__, "findings": [asdict(finding) for finding in findings]}
        print(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        print(as_text(findings, coloured=sys.stdout.isatty()))
    return 1 if any(finding.status == "fail" for finding in findings) else 0


def as_text(findings: Sequence[Finding], *, coloured: bool) -> str:
    """Return a line for each finding, and below it its remedy; ANSI escapes colour the status."""
    width = max(len(finding.topic) for finding in findings)
    lines = []
    for finding in findings:
        status = f"{finding.status:4}"
        if coloured:
            status = f"{_COLOURS[finding.status]}{status}{_PLAIN}"
        lines.append(f"{status}  {finding.topic:{width}}  {finding.said}")
        if finding.remedy:
            lines.append(f"{'':{width + 8}}-> {finding.remedy}")
    return "\n".join(lines)
