from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from livebg.config.background import Colour
from livebg.config.settings import SETTINGS, Settings, check_value, requirement
from livebg.errors import SettingsError


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("background", "color:#00ff00", Colour(0, 255, 0)),
        ("fps", " 29.97 ", 29.97),
        ("fps", 30, 30.0),
        ("threads", "4", 4),
        ("size", "1280X720", (1280, 720)),
        ("size", [1280, 720], (1280, 720)),
        ("size", None, None),
        ("matte_size", "256×144", (256, 144)),  # noqa: RUF001 - the sign that a web page shows
        ("every", "3", 3),
        ("every", 2, 2),
        ("every", "AUTO", "auto"),
        ("keep", "person, dog", ("person", "dog")),
        ("keep", ["person", "dog"], ("person", "dog")),
        ("mirror", True, True),
        *(("mirror", text, True) for text in ("true", "Yes", "on", "1")),
        *(("mirror", text, False) for text in ("false", "no", "off", "0")),
    ],
)
def test_texts_and_values_take_the_form_of_the_settings(name: str, given: Any, value: Any) -> None:
    checked = check_value(SETTINGS[name], given, "here")
    assert checked == value
    assert type(checked) is type(value)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("fps", ["fast", "", "nan", "inf", "0", "241", True]),
        ("threads", ["1.5", "0", 1.0]),
        ("size", ["1280", "1280x", "-1280x720", "1280x15", "100000x720"]),
        ("size", [[1280, 720, 3], [1280.0, 720.0], 1280]),
        ("matte_size", [None]),
        ("every", ["never", "0", 2.0, True]),
        ("keep", ["", "person,,dog", [], [1], {"person": True}]),
        ("mirror", ["maybe", 1]),
        ("precision", ["f64"]),
        ("background", ["", 7]),
        ("model", [["rvm"]]),
    ],
)
def test_what_is_not_allowed_is_refused_with_what_is(name: str, values: list[Any]) -> None:
    setting = SETTINGS[name]
    for value in values:
        shown = repr(value) if isinstance(value, str) else str(value)
        with pytest.raises(SettingsError) as refusal:
            check_value(setting, value, "LIVEBG_TEST")
        assert str(refusal.value).startswith(
            f"LIVEBG_TEST: {name} cannot be {shown}, it must be {requirement(setting)}"
        )


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
    ],
)
def test_settings_are_checked_however_they_are_made(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings(**given)
    with pytest.raises(SettingsError, match=said):
        replace(Settings(), **given)
