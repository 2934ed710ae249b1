import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from livebg.cli import setup
from livebg.cli.main import main
from livebg.cli.setup import as_text
from livebg.doctor.findings import Machine
from livebg.doctor.virtual_camera import Step

LOAD = Step("load it", "modprobe v4l2loopback")


def planned(*plans: list[Step]) -> Callable[[Machine], list[Step]]:
    """One plan after the other, for one call each."""
    waiting = list(plans)
    return lambda machine: waiting.pop(0)


@pytest.fixture(autouse=True)
def on_linux(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(setup, "Machine", partial(Machine, root=tmp_path, platform="linux"))
    monkeypatch.setattr(setup, "advice", lambda machine: [])


def test_commands_stand_below_what_they_are_for() -> None:
    steps = [
        Step("install it", "apt-get update"),
        Step("install it", "apt-get install x"),
        Step("remember it", "x", "/etc/y"),
    ]
    assert as_text(steps, ["A hint."], undo=False).splitlines() == [
        "# install it",
        "sudo apt-get update",
        "sudo apt-get install x",
        "# remember it",
        "echo x | sudo tee /etc/y",
        "",
        "`livebg setup virtual-camera --apply` runs these commands.",
        "A hint.",
    ]


def test_nothing_left_to_do_is_said() -> None:
    assert as_text([], [], undo=False).endswith("livebg run --virtual-camera")
    assert as_text([], [], undo=True) == "There is nothing to undo."


def test_without_apply_nothing_is_run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    step = Step("write a file", "words", str(tmp_path / "file"))
    monkeypatch.setattr(setup, "plan_setup", planned([step]))
    assert main(["setup", "virtual-camera"]) == 0
    assert f"echo words | sudo tee {tmp_path}/file" in capfd.readouterr().out
    assert not (tmp_path / "file").exists()


@pytest.mark.integration
@pytest.mark.skipif(sys.platform == "win32", reason="runs a Unix shell")
def test_apply_runs_all_steps_in_one_shell(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    steps = [
        Step("write a user's name", f'printf %s "$USER" > {tmp_path}/name'),
        Step("write a file", "two words", str(tmp_path / "file")),
    ]
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("USER", "ada")
    monkeypatch.setattr(setup, "plan_setup", planned(steps, []))
    assert main(["setup", "virtual-camera", "--apply"]) == 0
    assert (tmp_path / "name").read_text() == "ada"
    assert (tmp_path / "file").read_text() == "two words\n"
    shown = capfd.readouterr().out.splitlines()
    assert shown == [
        "# write a user's name",
        "# write a file",
        "The virtual camera is ready: livebg run --virtual-camera",
    ]


@pytest.mark.integration
@pytest.mark.skipif(sys.platform == "win32", reason="runs a Unix shell")
def test_the_first_command_that_fails_ends_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    steps = [Step("fail", "exit 7"), Step("write", "x", str(tmp_path / "file"))]
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(setup, "plan_removal", planned(steps))
    assert main(["setup", "virtual-camera", "--undo", "--apply"]) == 1
    assert "a command ended with status 7" in capfd.readouterr().err
    assert not (tmp_path / "file").exists()


def test_what_is_still_missing_afterwards_makes_it_fail(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "_apply", lambda steps: None)
    monkeypatch.setattr(setup, "plan_setup", planned([LOAD], [LOAD]))
    assert main(["setup", "virtual-camera", "--apply"]) == 1
    assert "sudo modprobe v4l2loopback" in capfd.readouterr().out


@pytest.mark.integration
@pytest.mark.skipif(sys.platform == "win32", reason="runs a Unix shell")
@pytest.mark.parametrize("program", ["sudo", "pkexec"])
def test_the_administrator_is_asked_by_what_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str
) -> None:
    (tmp_path / program).write_text('#!/bin/sh\nexec "$@"\n')
    (tmp_path / program).chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda name: name if name == program else None)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(setup, "plan_setup", planned([Step("do it", f"touch {tmp_path}/done")], []))
    assert main(["setup", "virtual-camera", "--apply"]) == 0
    assert (tmp_path / "done").exists()


def test_without_an_administrator_the_way_out_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(setup, "plan_setup", planned([LOAD]))
    assert main(["setup", "virtual-camera", "--apply"]) == 2
    assert "neither sudo nor pkexec" in capfd.readouterr().err


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_it_is_obs_that_is_needed(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    platform: str,
) -> None:
    monkeypatch.setattr(setup, "Machine", partial(Machine, root=tmp_path, platform=platform))
    assert main(["setup", "virtual-camera", "--apply"]) == 0
    assert "install OBS Studio" in capfd.readouterr().out
    assert main(["setup", "virtual-camera", "--undo"]) == 0
    assert "belongs to OBS Studio" in capfd.readouterr().out
