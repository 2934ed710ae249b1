from pathlib import Path

import pytest

from livebg.config.camera import CameraKind, CameraSelector, parse_camera
from livebg.errors import InputError


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Auto", CameraKind.AUTO),
        ("2", CameraKind.INDEX),
        ("/dev/v4l/by-id/desk", CameraKind.DEVICE),
        ("Integrated Camera: HD", CameraKind.NAME),
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clips/missing.mp4", "there is no video file or folder"),
        ("/home/nobody/missing.mp4", "there is no video file or folder"),
        ("/tmp/" + "x" * 300, "x: this cannot be read"),
    ],
)
def test_a_file_that_is_not_there_is_not_taken_for_a_camera(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_camera(text)


def test_a_file_in_a_folder_that_may_not_be_entered_is_refused(locked_folder: Path) -> None:
    with pytest.raises(InputError, match="locked"):
        parse_camera(str(locked_folder / "in.mp4"))
