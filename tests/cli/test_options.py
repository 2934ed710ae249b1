import argparse
from pathlib import Path

import pytest

from livebg.cli.options import add_settings_options, settings_from
from livebg.config.background import Grey
from livebg.config.load import load_settings
from livebg.config.settings import SETTINGS, Settings
from livebg.errors import SettingsError


def parser(**options: object) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(allow_abbrev=False)
    add_settings_options(made, **options)  # type: ignore[arg-type] # each test gives valid ones
    return made


def read(*words: str, environment: dict[str, str] | None = None) -> Settings:
    return settings_from(parser().parse_args(words), environment=environment or {})


def test_every_setting_has_an_option_that_says_unit_range_and_default() -> None:
    shown = " ".join(parser().format_help().split())
    for name in SETTINGS:
        assert f"--{name.replace('_', '-')} " in shown
    assert "(1 to 240 frames/s, default 30)" in shown
    assert "(16 to 8192 px, default as it comes)" in shown
    assert "default balanced" in shown


def test_the_defaults_shown_are_those_of_the_default_preset() -> None:
    shown = " ".join(parser(default_preset="quality").format_help().split())
    width, height = load_settings(preset="quality").matte_size
    assert f"default {width}x{height})" in shown


def test_nothing_given_is_the_default_preset() -> None:
    assert read() == load_settings(preset="balanced")
    chosen = parser(default_preset="quality").parse_args([])
    assert settings_from(chosen, environment={}) == load_settings(preset="quality")


def test_options_are_read_by_kind() -> None:
    settings = read(
        *("--background", "white", "--size", "640x480", "--fps", "25", "--every", "3"),
        *("--keep", "person,dog", "--mirror", "--no-edge-colour", "--precision", "f32"),
    )
    assert str(settings.background) == "white"
    assert settings.size == (640, 480)
    assert settings.fps == 25.0
    assert settings.every == 3
    assert settings.keep == ("person", "dog")
    assert settings.mirror is True
    assert settings.edge_colour is False
    assert settings.precision == "f32"


def test_a_flag_that_is_not_given_leaves_the_file_alone(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("mirror = true\n")
    assert read("--config", str(config)).mirror is True
    assert read("--config", str(config), "--no-mirror").mirror is False


def test_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEBG_BACKGROUND", "gray")
    assert settings_from(parser().parse_args([])).background == Grey()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--fps", "-1"), "--fps: fps cannot be '-1', it must be a number from 1 to 240 frames/s"),
        (("--size", "big"), "--size: size cannot be 'big'"),
        (("--matte-size", "1x1"), "--matte-size: matte_size cannot be '1x1'"),
        (("--preset", "fsat"), "--preset: there is no preset 'fsat'.*mean 'fast'"),
    ],
)
def test_a_refusal_names_the_option(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read(*words)


def test_only_the_settings_asked_for_become_options(capsys: pytest.CaptureFixture[str]) -> None:
    few = parser(names=["background"])
    assert settings_from(few.parse_args(["--background", "gray"]), {}).background == Grey()
    with pytest.raises(SystemExit):
        few.parse_args(["--fps", "3"])
    assert "unrecognized arguments" in capsys.readouterr().err
