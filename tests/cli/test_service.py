import os
import sys
from pathlib import Path

import pytest

from livebg.cli import service
from livebg.cli.main import main
from livebg.cli.service import run_words
from livebg.doctor.findings import Finding, Machine
from livebg.errors import LivebgError, UsageError

if sys.platform == "win32":
    pytest.skip("systemd is Linux's", allow_module_level=True)

SYSTEMCTL = """#!/bin/sh
echo "$@" >> "$LOG"
if [ "$2" = "$REFUSED" ]; then echo "Failed to connect to bus" >&2; exit 1; fi
case $2 in is-active) echo "$ACTIVE";; is-enabled) echo enabled;; esac
"""
"""Stands in for systemd: notes what it is asked, and refuses one thing."""


class Systemd:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.unit = folder / "config/systemd/user/livebg.service"
        self._log = folder / "log"
        self._monkeypatch = monkeypatch
        program = folder / "bin/systemctl"
        program.parent.mkdir()
        program.write_text(SYSTEMCTL)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        monkeypatch.setenv("LOG", str(self._log))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        self.set(REFUSED="", ACTIVE="active")
        monkeypatch.setattr(sys, "platform", "linux")

    def set(self, **variables: str) -> None:
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    @property
    def asked(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    return Systemd(tmp_path, monkeypatch)


@pytest.fixture(autouse=True)
def no_module(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(machine: Machine) -> list[Finding]:
        return [Finding("virtual camera", "warn", "there is none", "make one")]

    monkeypatch.setattr(service, "check_virtual_camera", check)


@pytest.mark.integration
def test_it_is_installed_and_started(
    systemd: Systemd, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["service", "install", "--", "--background", "gray", "--preset", "fast"]) == 0
    command = f"{sys.executable} -m livebg run --background gray --preset fast --virtual-camera"
    assert f"ExecStart={command}\n" in systemd.unit.read_text()
    assert systemd.asked == [
        "--user daemon-reload",
        "--user enable livebg.service",
        "--user restart livebg.service",
    ]
    said = capsys.readouterr().out
    assert str(systemd.unit) in said
    assert "virtual camera: there is none\n-> make one" in said


@pytest.mark.integration
@pytest.mark.parametrize("refused", ["daemon-reload", "enable", "restart"])
@pytest.mark.parametrize("before", [None, "an earlier one\n"])
def test_what_systemd_refuses_leaves_things_as_they_were(
    systemd: Systemd, capsys: pytest.CaptureFixture[str], refused: str, before: str | None
) -> None:
    if before is not None:
        systemd.unit.parent.mkdir(parents=True)
        systemd.unit.write_text(before)
    systemd.set(REFUSED=refused)
    assert main(["service", "install"]) == 1
    assert "Failed to connect to bus" in capsys.readouterr().err
    assert (systemd.unit.read_text() if systemd.unit.exists() else None) == before


@pytest.mark.integration
def test_it_is_removed_without_a_trace(
    systemd: Systemd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["service", "install"]) == 0
    assert main(["service", "remove"]) == 0
    assert not systemd.unit.exists()
    assert systemd.asked[3:] == ["--user disable --now livebg.service", "--user daemon-reload"]
    assert main(["service", "remove"]) == 0
    assert "There is no service to remove." in capsys.readouterr().out


@pytest.mark.integration
def test_its_status_is_said(systemd: Systemd, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["service", "status"]) == 1
    assert "not installed" in capsys.readouterr().out
    assert main(["service", "install"]) == 0
    assert main(["service", "status"]) == 0
    assert f"active, enabled at log-in: {systemd.unit}" in capsys.readouterr().out
    systemd.set(ACTIVE="failed")
    assert main(["service", "status"]) == 1
    assert "journalctl --user -u livebg.service" in capsys.readouterr().out


def test_a_virtual_camera_is_the_output() -> None:
    assert run_words([]) == ["run", "--virtual-camera"]
    assert run_words(["--virtual-camera", "obs"]) == ["run", "--virtual-camera", "obs"]
    assert run_words(["--virtual-camera=obs"]) == ["run", "--virtual-camera=obs"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--backround", "blur"], "--backround"),
        (["--back", "blur"], "--back"),
        (["--preset", "fats"], "fats"),
        (["blur"], "blur"),
    ],
)
def test_options_that_run_would_refuse_are_refused(options: list[str], words: str) -> None:
    with pytest.raises(LivebgError, match=words) as caught:
        run_words(options)
    assert caught.value.exit_status == 2


def test_a_window_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livebg.platform.display.require_display", lambda: None)
    with pytest.raises(UsageError, match="a service has no window"):
        run_words(["--window"])


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_the_readme_helps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], platform: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert main(["service", "install"]) == 2
    assert "livebg service needs systemd" in capsys.readouterr().err
