"""``livebg service``: run livebg in the background from every log-in on."""

from __future__ import annotations

import argparse
import importlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from livebg.cli.options import settings_from
from livebg.cli.outputs import outputs_from
from livebg.doctor.findings import Machine
from livebg.doctor.virtual_camera import check_virtual_camera
from livebg.errors import SystemChangeError, UsageError
from livebg.platform.linux.systemd import UNIT_NAME, unit_path, unit_text

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser of ``livebg service`` and set its ``run``."""
    parser = subparsers.add_parser(
        "service",
        help="start livebg at every log-in",
        description="Run livebg in the background from every log-in on, with the webcam off until "
        "an app reads the virtual camera. Linux with systemd.",
        epilog="Exit status of `status`: 0 if it runs, 1 otherwise.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    install = actions.add_parser(
        "install",
        help="start it now and at every log-in",
        usage="%(prog)s [-- OPTION ...]",
        description="Start livebg now and at every log-in; run it again to change its options.",
    )
    install.add_argument(
        "options",
        nargs="*",
        metavar="OPTION",
        help="options of `livebg run`, after two dashes: -- --background blur --preset fast",
    )
    actions.add_parser("remove", help="stop it and forget it")
    actions.add_parser("status", help="say whether it runs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run ``livebg service`` and return its exit status."""
    if sys.platform != "linux" or shutil.which("systemctl") is None:
        raise UsageError(
            "livebg service needs systemd, which this system does not have; the README says how to "
            "start livebg at log-in on Windows and macOS"
        )
    match arguments.action:
        case "install":
            return _install(arguments.options)
        case "remove":
            return _remove()
        case _:
            return _status()


def _install(options: Sequence[str]) -> int:
    command = [sys.executable, "-m", "livebg", *run_words(options)]
    path = unit_path()
    before = path.read_bytes() if path.exists() else None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(unit_text(command, Path.cwd()), encoding="utf-8")
    try:
        _systemctl("daemon-reload")
        _systemctl("enable", UNIT_NAME)
        _systemctl("restart", UNIT_NAME)
    except SystemChangeError:
        path.unlink() if before is None else path.write_bytes(before)
        raise
    print(f"livebg runs now and at every log-in: {path}")
    for finding in check_virtual_camera(Machine()):
        if finding.status != "ok":
            print(f"{finding.topic}: {finding.said}\n-> {finding.remedy}")
    print(f"`livebg service status` says how it is, `journalctl --user -u {UNIT_NAME}` why.")
    return 0


def run_words(options: Sequence[str]) -> list[str]:
    """Return the words after ``livebg`` that the service runs, checked as ``livebg run`` does.

    A virtual camera is added where ``options`` name none.
    """
    parser = _RunParser(prog="livebg run", allow_abbrev=False)
    subparsers = parser.add_subparsers()
    importlib.import_module("livebg.cli.run").add_parser(subparsers)
    subparsers.choices["run"].allow_abbrev = False
    words = ["run", *options]
    if not any(option.partition("=")[0] == "--virtual-camera" for option in options):
        words.append("--virtual-camera")
    arguments = parser.parse_args(words)
    settings_from(arguments)
    if "window" in outputs_from(arguments).sinks:
        raise UsageError("a service has no window; leave --window out")
    return words


class _RunParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; `livebg run --help` lists what a service can be given")


def _remove() -> int:
    path = unit_path()
    if not path.exists():
        print("There is no service to remove.")
        return 0
    _systemctl("disable", "--now", UNIT_NAME)
    path.unlink()
    _systemctl("daemon-reload")
    print("livebg is stopped, and will not start at log-in any more.")
    return 0


def _status() -> int:
    path = unit_path()
    if not path.exists():
        print("not installed; `livebg service install` does that")
        return 1
    active = _ask("is-active")
    print(f"{active}, {_ask('is-enabled')} at log-in: {path}")
    if active != "active":
        print(f"`journalctl --user -u {UNIT_NAME}` says why")
    return 0 if active == "active" else 1


def _ask(question: str) -> str:
    return _call(question, UNIT_NAME).stdout.strip() or "unknown"


def _systemctl(*words: str) -> None:
    done = _call(*words)
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"it ended with status {done.returncode}"
        raise SystemChangeError(
            f"`systemctl --user {' '.join(words)}` failed ({said}); run it yourself in a terminal "
            "of your desktop session to see more"
        )


def _call(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemctl", "--user", *words], capture_output=True, text=True, check=False, timeout=60
    )
