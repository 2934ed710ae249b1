from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from livebg.config.background import Blur, Colour
from livebg.config.camera import CameraKind, CameraSelector
from livebg.config.settings import (
    SETTINGS,
    Settings,
    check_value,
    requirement,
)
from livebg.errors import SettingsError


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("background", "color:#00ff00", Colour(0, 255, 0)),
        ("fps", "29.97", 29.97),
        ("fps", " 30 ", 30.0),
        ("threads", "4", 4),
        ("size", "1280x720", (1280, 720)),
        ("size", "1280X720", (1280, 720)),
        ("matte_size", "256×144", (256, 144)),  # noqa: RUF001 - the sign that a web page shows
        ("every", "3", 3),
        ("every", "AUTO", "auto"),
        ("keep", "person", ("person",)),
        ("keep", "person, dog", ("person", "dog")),
        ("mirror", "true", True),
        ("mirror", "1", True),
        ("mirror", "Yes", True),
        ("mirror", "off", False),
        ("mirror", "0", False),
        ("mirror", "no", False),
    ],
)
def test_text_is_read_as_its_kind_says(name: str, text: str, value: Any) -> None:
    read = check_value(SETTINGS[name], text, "here")
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fps", "fast"),
        ("fps", ""),
        ("fps", "nan"),
        ("fps", "inf"),
        ("fps", "0"),
        ("fps", "241"),
        ("threads", "1.5"),
        ("threads", "0"),
        ("size", "1280"),
        ("size", "1280x"),
        ("size", "-1280x720"),
        ("size", "1280x15"),
        ("size", "100000x720"),
        ("every", "never"),
        ("every", "0"),
        ("keep", ""),
        ("keep", "person,,dog"),
        ("mirror", "maybe"),
        ("precision", "f64"),
        ("background", ""),
    ],
)
def test_text_that_is_not_allowed_is_refused_with_what_is(name: str, text: str) -> None:
    setting = SETTINGS[name]
    with pytest.raises(SettingsError) as refusal:
        check_value(setting, text, "LIVEBG_TEST")
    message = str(refusal.value)
    assert message.startswith(
        f"LIVEBG_TEST: {name} cannot be {text!r}, it must be {requirement(setting)}"
    )


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("size", [1280, 720], (1280, 720)),
        ("size", "1280x720", (1280, 720)),
        ("size", None, None),
        ("keep", ["person", "dog"], ("person", "dog")),
        ("keep", "person,dog", ("person", "dog")),
        ("fps", 30, 30.0),
        ("every", 2, 2),
        ("every", "auto", "auto"),
        ("mirror", True, True),
    ],
)
def test_typed_values_take_the_form_of_the_settings(name: str, given: Any, value: Any) -> None:
    checked = check_value(SETTINGS[name], given, "here")
    assert checked == value
    assert type(checked) is type(value)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("fps", True),
        ("threads", 1.0),
        ("mirror", 1),
        ("size", [1280, 720, 3]),
        ("size", [1280.0, 720.0]),
        ("size", 1280),
        ("matte_size", None),
        ("every", 2.0),
        ("every", True),
        ("keep", []),
        ("keep", [1]),
        ("keep", {"person": True}),
        ("background", 7),
        ("model", ["rvm"]),
    ],
)
def test_a_typed_value_of_the_wrong_type_is_refused(name: str, given: Any) -> None:
    with pytest.raises(SettingsError, match=rf"^file\.toml: {name} cannot be "):
        check_value(SETTINGS[name], given, "file.toml")


def test_every_setting_has_a_requirement_and_an_allowed_default() -> None:
    for name, setting in SETTINGS.items():
        assert requirement(setting), name
        assert check_value(setting, setting.default, "the schema") == setting.default


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"fps": 0}, "settings: fps cannot be 0, it must be a number from 1 to 240 frames/s$"),
        ({"precision": "fp16"}, "must be one of auto, f32, bf16, f16, int8; did you mean"),
        ({"background": "wite"}, "settings: background 'wite' is neither .*mean 'white'"),
        ({"camera": "no/such/file.mp4"}, "settings: there is no video file or folder no/such"),
        ({"background": 7}, "settings: background cannot be 7"),
    ],
)
def test_settings_are_checked_however_they_are_made(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings(**given)
    with pytest.raises(SettingsError, match=said):
        replace(Settings(), **given)


def test_text_becomes_a_value_when_settings_are_made() -> None:
    settings = Settings(background="Blur:80", camera="2", size="1280x720", keep="person,dog")
    assert settings.background == Blur(80)
    assert settings.camera == CameraSelector(CameraKind.INDEX, "2")
    assert (settings.size, settings.keep) == ((1280, 720), ("person", "dog"))
