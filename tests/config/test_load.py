from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from livebg.cli.options import add_settings_options, settings_from
from livebg.config.load import (
    BY_COST,
    DEFAULT_PRESET,
    change_settings,
    load_settings,
    preset_names,
    preset_of,
    presets_folder,
    read_config,
    with_preset,
)
from livebg.config.settings import SETTINGS, Settings, same_camera, same_network
from livebg.errors import SettingsError


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "mine.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_nothing_asked_for_gives_the_defaults() -> None:
    assert load_settings() == load_settings(preset=DEFAULT_PRESET) == Settings()


def test_each_layer_goes_before_the_one_below(tmp_path: Path) -> None:
    layers: dict[str, Any] = {"preset": "fast"}
    below = load_settings(**layers)
    layers["config"] = write(tmp_path, 'matte_size = "320x180"\nmax_age = 5\nfps = 25\n')
    with_file = load_settings(**layers)
    layers["environment"] = {"LIVEBG_MAX_AGE": "6", "LIVEBG_FPS": "20"}
    with_environment = load_settings(**layers)
    with_options = load_settings(**layers, overrides={"fps": "15"})
    assert below.matte_size != Settings().matte_size
    assert with_file == replace(below, matte_size=(320, 180), max_age=5, fps=25.0)
    assert with_environment == replace(with_file, max_age=6, fps=20.0)
    assert with_options == replace(with_environment, fps=15.0)


def test_the_preset_is_named_by_the_strongest_layer_that_names_one(tmp_path: Path) -> None:
    config = write(tmp_path, 'preset = "quality"\n')
    by_variable = {"LIVEBG_PRESET": "fast"}
    quality, fast, balanced = (load_settings(preset=p) for p in ("quality", "fast", "balanced"))
    assert load_settings(config=config, default_preset="fast") == quality
    assert load_settings(config=config, environment=by_variable) == fast
    assert load_settings(config=config, environment=by_variable, preset="balanced") == balanced
    assert load_settings(default_preset="fast") == fast


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    environment = {"LIVEBG_CONFIG": str(tmp_path / "missing.toml")}
    other = write(tmp_path, b"\xef\xbb\xbffps = 12\n")  # with a byte order mark
    assert load_settings(environment=environment, config=other).fps == 12
    with pytest.raises(SettingsError, match="missing"):
        load_settings(environment=environment)


def test_variables_of_others_and_empty_ones_are_left_alone() -> None:
    set_elsewhere = dict.fromkeys(("PATH", "LIVEBG_CACHE", "LIVEBG_TEST_CACHE"), "/somewhere")
    empty = dict.fromkeys(("LIVEBG_FPS", "LIVEBG_CONFIG"), "")
    assert load_settings(environment=set_elsewhere | empty) == Settings()


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ({"environment": {"LIVEBG_FP": "9"}}, r"^LIVEBG_FP: .*mean 'LIVEBG_FPS'\?$"),
        ({"environment": {"LIVEBG_FPS": "big"}}, "^LIVEBG_FPS: fps cannot be 'big'"),
        ({"overrides": {"max_age": "0"}}, "^--max-age: max_age cannot be '0'"),
        ({"overrides": {"miror": True}}, "no setting 'miror'; did you mean 'mirror'"),
        ({"preset": "qualiti"}, r"^--preset: .*fast, balanced.*mean 'quality'\?"),
        ({"preset": "../pyproject"}, "there is no preset"),
        ({"config": Path("missing.toml")}, "missing.toml: the configuration file cannot be read"),
        ({"config": Path()}, "configuration file cannot be read"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(layers: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings(**layers)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('bakground = "white"', "there is no setting 'bakground'; did you mean 'background'"),
        ("fps = ", "no valid TOML"),
        (b"fps = 30 # \xff", "no valid TOML: it is no UTF-8 text"),
        ("[camera]\nfps = 30\n", "camera cannot be"),
        ("fps = 'fast'\n", "fps cannot be 'fast', it must be a number"),
        ("preset = 3\n", "preset cannot be 3"),
        ("preset = 'qualty'\n", "there is no preset 'qualty'.*did you mean 'quality'"),
        ("#" * 1_000_001, "no configuration file"),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, content: str | bytes, said: str) -> None:
    config = write(tmp_path, content)
    with pytest.raises(SettingsError, match=said) as refusal:
        load_settings(config=config)
    assert str(refusal.value).startswith(str(config))


def test_a_change_is_checked_as_a_whole() -> None:
    with pytest.raises(SettingsError, match=r"^the panel: fps cannot be 0"):
        change_settings(Settings(), {"background": "gray", "fps": 0}, "the panel")


def test_the_presets_that_the_documentation_names_are_here() -> None:
    names = preset_names()
    assert names[:3] == ("fast", "balanced", "quality")
    assert {"meeting", "cuda_fp16"} <= set(names)
    fast, balanced, quality = (load_settings(preset=name).matte_size for name in names[:3])
    assert fast[0] * fast[1] < balanced[0] * balanced[1] < quality[0] * quality[1]


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_loads_and_says_what_it_is_for(name: str) -> None:
    path = presets_folder() / f"{name}.toml"
    assert path.read_text().startswith(f"# {name}: ")
    assert isinstance(load_settings(preset=name), Settings)
    assert "preset" not in read_config(path)


@pytest.mark.parametrize("before", BY_COST)
@pytest.mark.parametrize("after", BY_COST)
def test_a_changed_preset_is_that_preset(before: str, after: str) -> None:
    settings = load_settings(preset=before, overrides={"mirror": "yes", "model": "lraspp"})
    assert preset_of(settings) == before
    changed = with_preset(settings, after)
    assert preset_of(changed) == after
    assert changed == load_settings(preset=after, overrides={"mirror": "yes", "model": "lraspp"})
    assert preset_of(replace(changed, max_residual=0.5)) is None


@pytest.mark.parametrize("name", SETTINGS)
def test_every_layer_knows_a_setting_from_the_schema_alone(tmp_path: Path, name: str) -> None:
    setting = SETTINGS[name]
    text = {
        "background": "color:#00ff00",
        "flag": "no" if setting.default else "yes",
        "names": "person,dog",
        "number": "1",
        "size": "640x480",
        "text": (setting.choices or ("another",))[-1],
    }.get(setting.kind, "7")
    config = write(tmp_path, f'{name} = "{text}"\n')
    parser = argparse.ArgumentParser()
    add_settings_options(parser)
    option = f"--{name.replace('_', '-')}"
    flag = option if text == "yes" else option.replace("--", "--no-")
    words = [flag] if setting.kind == "flag" else [option, text]
    changes: dict[str, Any] = {name: text}
    read = [
        load_settings(config=config),
        load_settings(environment={f"LIVEBG_{name.upper()}": text}),
        settings_from(parser.parse_args(words), environment={}),
        change_settings(Settings(), changes, "the panel"),
        Settings(**changes),
    ]
    assert getattr(read[0], name) != getattr(Settings(), name)
    assert all(settings == read[0] for settings in read)
    assert same_camera(read[0], Settings()) == (setting.change != "camera")
    assert same_network(read[0], Settings()) == (setting.change != "network")
