from pathlib import Path

import pytest

from livebg.doctor.finding import Machine
from livebg.doctor.pipewire import check_pipewire
from tests.doctor.trees import linux, only

RUNNING = {
    "proc/20/comm": "pipewire\n",
    "proc/21/comm": "wireplumber\n",
    "run/user/1000/pipewire-0": "",
}
SESSION = {"XDG_RUNTIME_DIR": "/run/user/1000"}


def test_what_runs_is_ok(tmp_path: Path) -> None:
    finding = only(check_pipewire(linux(tmp_path, {**RUNNING}, environment=SESSION)))
    assert (finding.status, finding.said) == ("ok", "runs, with wireplumber")


def test_the_older_session_manager_does_too(tmp_path: Path) -> None:
    files = {**RUNNING, "proc/21/comm": "pipewire-media-session"[:15]}
    finding = only(check_pipewire(linux(tmp_path, {**files}, environment=SESSION)))
    assert (finding.status, finding.said) == ("ok", "runs, with pipewire-media-session")


def test_a_missing_session_manager_is_started(tmp_path: Path) -> None:
    machine = linux(tmp_path, {**RUNNING, "proc/21/comm": None}, environment=SESSION)
    finding = only(check_pipewire(machine))
    assert (finding.status, finding.remedy) == ("warn", "systemctl --user enable --now wireplumber")


@pytest.mark.parametrize("missing", ["proc/20/comm", "run/user/1000/pipewire-0"])
def test_what_does_not_run_is_started(tmp_path: Path, missing: str) -> None:
    machine = linux(tmp_path, {**RUNNING, missing: None}, environment=SESSION)
    finding = only(check_pipewire(machine))
    assert finding.status == "warn"
    assert finding.remedy == "systemctl --user enable --now pipewire wireplumber"


def test_another_users_session_does_not_count(tmp_path: Path) -> None:
    assert only(check_pipewire(linux(tmp_path, {**RUNNING}, environment={}))).status == "warn"


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_nobody_asks(tmp_path: Path, platform: str) -> None:
    assert check_pipewire(Machine(root=tmp_path, platform=platform)) == []
