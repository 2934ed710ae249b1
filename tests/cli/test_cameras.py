import json
from fractions import Fraction

import pytest

from livebg.cli.main import main
from livebg.platform.camera_modes import CameraMode
from livebg.sources.devices import CameraDevice

DESK = CameraDevice(
    "/dev/v4l/by-id/desk",
    "/dev/video0",
    0,
    "Desk [4K] Camera",
    (
        CameraMode("YUYV", (640, 480), (Fraction(30), Fraction(15))),
        CameraMode("YUYV", (1280, 720), (Fraction(10),)),
        CameraMode("MJPG", (1280, 720), (Fraction(30000, 1001),)),
    ),
)
PHONE = CameraDevice("loop#0", "/dev/video9", 9, "Phone", (), virtual=True)
LOCKED = CameraDevice("x", "/dev/video4", 4, "Locked", problem="you may not open it")


@pytest.fixture
def plugged_in(monkeypatch: pytest.MonkeyPatch) -> list[CameraDevice]:
    cameras: list[CameraDevice] = []
    monkeypatch.setattr("livebg.sources.devices.list_cameras", lambda: cameras)
    monkeypatch.setenv("COLUMNS", "120")
    return cameras


def test_the_table_groups_modes_by_format(
    plugged_in: list[CameraDevice], capsys: pytest.CaptureFixture[str]
) -> None:
    plugged_in += [DESK, LOCKED, PHONE]
    assert main(["cameras"]) == 0
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("│")
    ]
    assert rows == [
        ["/dev/video0", "Desk [4K] Camera", "YUYV", "640x480 (30), 1280x720 (10)"],
        ["", "", "MJPG", "1280x720 (30)"],
        ["/dev/video4", "Locked", "", "you may not open it"],
        ["/dev/video9", "Phone (virtual)", "", "not listed"],
    ]


def test_json_has_every_rate(
    plugged_in: list[CameraDevice], capsys: pytest.CaptureFixture[str]
) -> None:
    plugged_in += [DESK, LOCKED]
    assert main(["cameras", "--json"]) == 0
    desk, locked = json.loads(capsys.readouterr().out)
    assert desk["id"] == "/dev/v4l/by-id/desk"
    assert desk["modes"][0] == {"format": "YUYV", "size": [640, 480], "rates": [30.0, 15.0]}
    assert desk["problem"] is None
    assert not desk["virtual"]
    assert locked["problem"] == "you may not open it"


def test_no_camera_is_an_answer_not_an_error(
    plugged_in: list[CameraDevice], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cameras"]) == 0
    assert "livebg run --camera VIDEO" in capsys.readouterr().out


def test_no_camera_is_an_empty_array_in_json(
    plugged_in: list[CameraDevice], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cameras", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
