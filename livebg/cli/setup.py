"""``livebg setup``: show or do what the system needs for a virtual camera."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

from livebg.doctor.findings import Machine
from livebg.doctor.virtual_camera import (
    Step,
    advice,
    check_virtual_camera,
    plan_removal,
    plan_setup,
)
from livebg.errors import SystemChangeError, UsageError

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser of ``livebg setup`` and set its ``run``."""
    parser = subparsers.add_parser(
        "setup",
        help="show or do what the system needs for a virtual camera",
        description="Get a virtual camera. Shows the commands that are still missing here; with "
        "--apply runs them, and asks for the administrator's password.",
    )
    parser.add_argument("what", choices=["virtual-camera"], help="what to set up")
    parser.add_argument("--apply", action="store_true", help="run the commands")
    parser.add_argument("--undo", action="store_true", help="take the virtual camera away again")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run ``livebg setup`` and return its exit status."""
    machine, undo = Machine(), arguments.undo
    if machine.platform != "linux":
        print(_about_obs(machine, undo=undo))
        return 0
    plan = plan_removal if undo else plan_setup
    steps = plan(machine)
    hints = [] if undo else advice(machine)
    if arguments.apply and steps:
        for hint in hints:
            print(hint)
        _apply(steps)
        steps, hints = plan(machine), []
    print(as_text(steps, hints, undo=undo))
    return 1 if arguments.apply and steps else 0


def as_text(steps: Sequence[Step], hints: Sequence[str], *, undo: bool) -> str:
    """Return ``steps`` as lines that can be pasted into a shell, and ``hints`` below them."""
    if not steps and not hints:
        if undo:
            return "There is nothing to undo."
        return "The virtual camera is ready: livebg run --virtual-camera"
    lines = []
    for step in steps:
        comment = f"# {step.meaning}"
        if comment not in lines:
            lines.append(comment)
        lines.append(step.shown)
    if steps:
        again = "livebg setup virtual-camera" + (" --undo" if undo else "")
        lines += ["", f"`{again} --apply` runs these commands."]
    return "\n".join([*lines, *hints])


def _about_obs(machine: Machine, *, undo: bool) -> str:
    if undo:
        return "The virtual camera belongs to OBS Studio: it goes when OBS is uninstalled."
    (finding,) = check_virtual_camera(machine)
    return f"{finding.topic}: {finding.said}\n{finding.remedy}".rstrip()


def _apply(steps: Sequence[Step]) -> None:
    """Run all steps in one shell, so that a password is asked for once."""
    script = "\n".join(f"echo {shlex.quote(f'# {step.meaning}')}\n{step.as_root}" for step in steps)
    user = f"USER={os.environ.get('USER', 'root')}"
    command = [*_become_root(), "env", user, "sh", "-euc", script]
    sys.stdout.flush()
    status = subprocess.run(command, check=False).returncode
    if status:
        raise SystemChangeError(
            f"the system could not be changed, a command ended with status {status}; see its "
            "output above, `livebg setup virtual-camera` shows the commands that are left"
        )


def _become_root() -> list[str]:
    if os.geteuid() == 0:
        return []
    for program in ("sudo", "pkexec"):
        if shutil.which(program):
            return [program]
    raise UsageError(
        "neither sudo nor pkexec is here to change the system with; run the commands that `livebg "
        "setup virtual-camera` shows as root"
    )
