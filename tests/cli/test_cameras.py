import json
from collections.abc import Callable
from fractions import Fraction

import pytest

from livebg.cli.main import main
from livebg.platform.cameras import CameraDevice, CameraMode

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


Shown = Callable[..., str]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shown:
    """A function that lists the given cameras and returns what is printed."""

    def shown(cameras: list[CameraDevice], *options: str) -> str:
        monkeypatch.setattr("livebg.sources.devices.list_cameras", lambda: cameras)
        monkeypatch.setenv("COLUMNS", "120")
        assert main(["cameras", *options]) == 0
        return capsys.readouterr().out

    return shown


def test_the_table_groups_modes_by_format(shown: Shown) -> None:
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in shown([DESK, LOCKED, PHONE]).splitlines()
        if line.startswith("│")
    ]
    assert rows == [
        ["/dev/video0", "Desk [4K] Camera", "YUYV", "640x480 (30), 1280x720 (10)"],
        ["", "", "MJPG", "1280x720 (30)"],
        ["/dev/video4", "Locked", "", "you may not open it"],
        ["/dev/video9", "Phone (virtual)", "", "not listed"],
    ]


def test_json_has_every_rate(shown: Shown) -> None:
    desk, locked = json.loads(shown([DESK, LOCKED], "--json"))
    assert desk["id"] == "/dev/v4l/by-id/desk"
    assert desk["modes"][0] == {"format": "YUYV", "size": [640, 480], "rates": [30.0, 15.0]}
    assert desk["problem"] is None
    assert not desk["virtual"]
    assert locked["problem"] == "you may not open it"


def test_no_camera_is_an_answer_not_an_error(shown: Shown) -> None:
    assert "livebg run --camera VIDEO" in shown([])
    assert json.loads(shown([], "--json")) == []
