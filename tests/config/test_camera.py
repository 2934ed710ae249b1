from pathlib import Path

import pytest

from livebg.config.camera import CameraKind, CameraSelector, parse_camera
from livebg.errors import InputError


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("auto", CameraKind.AUTO),
        ("Auto", CameraKind.AUTO),
        ("2", CameraKind.INDEX),
        ("/dev/video2", CameraKind.DEVICE),
        ("/dev/v4l/by-id/desk", CameraKind.DEVICE),
        ("usb-2#0", CameraKind.NAME),
        ("Integrated Camera: HD", CameraKind.NAME),
        ("http://192.0.2.7/video", CameraKind.URL),
        (f"rtsp://192.0.2.7/stream?token={'x' * 300}", CameraKind.URL),
    ],
)
def test_text_is_read_once(text: str, kind: CameraKind) -> None:
    selector = parse_camera(text)
    assert selector.kind is kind
    assert parse_camera(str(selector)) == selector


def test_a_file_or_folder_plays_as_a_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "talk.mp4").touch()
    for text in ("talk.mp4", str(tmp_path / "talk.mp4"), str(tmp_path)):
        assert parse_camera(text) == CameraSelector(CameraKind.FILE, text)


@pytest.mark.parametrize("text", ["clips/missing.mp4", "/home/nobody/missing.mp4"])
def test_a_missing_file_is_not_taken_for_a_camera(text: str) -> None:
    with pytest.raises(InputError, match="there is no video file or folder"):
        parse_camera(text)


def test_a_file_in_a_folder_that_may_not_be_entered_is_refused(locked_folder: Path) -> None:
    with pytest.raises(InputError, match="locked"):
        parse_camera(str(locked_folder / "in.mp4"))


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="x: this cannot be read"):
        parse_camera(str(tmp_path / ("x" * 300)))
