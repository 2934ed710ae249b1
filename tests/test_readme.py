"""The README says what is true: its commands, tables, links and programs are held to the code."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
import shutil
import tomllib
from pathlib import Path

import cv2
import pytest

from livebg.cli.main import COMMANDS
from livebg.config.load import preset_names, read_config
from livebg.config.settings import SETTINGS, Setting, requirement
from livebg.live.controller import help_lines
from livebg.live.statistics import STATISTICS
from livebg.models.catalog import CATALOG
from livebg.sources.pictures import read_picture
from livebg.sources.video import VideoFile

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


SHELL_LINES = [line for block in blocks("sh") for line in block.splitlines()]
LIVEBG_LINES = [line for line in SHELL_LINES if line.startswith("livebg ")]


def rows(first_cell: str, page: str = README) -> list[list[str]]:
    """Return the cells of the table whose heading begins with ``first_cell``."""
    table = re.search(rf"^\| {re.escape(first_cell)} \|.*\n\|[ |-]+\n((?:\|.*\n)+)", page, re.M)
    assert table is not None
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in table[1].splitlines()
    ]


def names(first_cell: str) -> list[str]:
    return [row[0].split()[0].strip("`") for row in rows(first_cell)]


def shown_default(setting: Setting) -> str:
    match setting.default:
        case None:
            return "as it comes"
        case bool(flag):
            return "true" if flag else "false"
        case float(number):
            return f"{number:g}"
        case (int(width), int(height)):
            return f"{width}x{height}"
        case tuple(several):
            return ",".join(several)
    return str(setting.default)


@pytest.mark.parametrize("line", LIVEBG_LINES)
def test_every_command_can_be_given_as_it_is_shown(line: str) -> None:
    name, *arguments = shlex.split(line)[1:]
    subparsers = argparse.ArgumentParser().add_subparsers()
    importlib.import_module(f"livebg.cli.{name}").add_parser(subparsers)
    subparsers.choices[name].parse_args(arguments)


def test_ci_finds_the_commands_that_install() -> None:
    patterns = re.findall(r"run_readme_command '(.+?)'", (ROOT / ".ci/run").read_text())
    assert len(patterns) == 2
    for pattern in patterns:
        assert len([line for line in SHELL_LINES if re.search(pattern, line)]) == 1


def test_the_commands_are_these() -> None:
    assert [row[0] for row in rows("command")] == [f"`livebg {name}`" for name in COMMANDS]


def test_the_presets_are_these() -> None:
    assert set(names("preset")) == set(preset_names())


@pytest.mark.parametrize("row", rows("preset"), ids=names("preset"))
def test_a_presets_row_is_what_its_file_says(row: list[str]) -> None:
    preset = read_config(ROOT / "configs" / f"{row[0].strip('`')}.toml")
    width, height = preset["matte_size"]
    every = {"auto": "when it is needed", 1: "on every frame", 2: "on every 2nd frame"}
    assert row[2:] == [f"{width}x{height}", every[preset["every"]]]


def test_the_networks_and_their_licences_are_these() -> None:
    shown = [(row[0].split()[0].strip("`"), row[2], row[3]) for row in rows("name")]
    assert shown == [
        (entry.name, entry.licence, f"{entry.file.size_bytes / 1e6:.0f} MB")
        for entry in CATALOG.values()
    ]


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_a_settings_row_is_what_the_schema_says(setting: Setting) -> None:
    facts = (f"`{setting.name}`", shown_default(setting), requirement(setting), setting.meaning)
    assert f"| {' | '.join(facts)} |" in README.splitlines()


def test_no_setting_is_made_up() -> None:
    assert names("setting") == list(SETTINGS)


def test_the_keys_are_those_of_the_window() -> None:
    assert [f"{key}: {meaning}" for key, meaning in rows("key")] == help_lines()


def test_the_statistics_are_those_of_the_schema() -> None:
    assert rows("statistic", (ROOT / ".readme/statistics.md").read_text()) == [
        [f"`{statistic.path}`", statistic.kind, statistic.meaning] for statistic in STATISTICS
    ]


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", *sorted((ROOT / ".readme").glob("*.md"))],
    ids=lambda page: page.name,
)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    pattern = r"\]\(([^)#:]+)\)|src=\"([^\":]+)\""
    targets = ["".join(pair) for pair in re.findall(pattern, page.read_text(encoding="utf-8"))]
    assert not [target for target in targets if not (page.parent / target).exists()]


def test_the_configuration_file_is_valid(tmp_path: Path) -> None:
    settings, entry_points = blocks("toml")
    file = tmp_path / "mine.toml"
    file.write_text(settings)
    read = read_config(file)
    assert {**read, "background": str(read["background"])} == tomllib.loads(settings)
    assert set(tomllib.loads(entry_points)["project"]["entry-points"]) == {
        "livebg.sources",
        "livebg.sinks",
        "livebg.segmenters",
    }


@pytest.fixture
def folder_of_a_user(
    tmp_path: Path, talking_head_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    shutil.copy(talking_head_clip, tmp_path / "talk.mp4")
    with VideoFile(talking_head_clip) as clip:
        cv2.imwrite(str(tmp_path / "me.jpg"), clip.read().image)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_programs_run(folder_of_a_user: Path, rvm_weights: Path) -> None:
    for number, program in enumerate(blocks("python"), start=1):
        exec(compile(program, f"README.md, program {number}", "exec"), {})
    picture = read_picture(folder_of_a_user / "me.jpg")
    assert read_picture(folder_of_a_user / "filtered.png").shape == picture.shape
    cut = cv2.imread(str(folder_of_a_user / "cut-out.png"), cv2.IMREAD_UNCHANGED)
    assert cut is not None
    assert cut.shape == (*picture.shape[:2], 4)
    assert cut[:8, :8, 3].max() == 0  # the corner is room
    with (
        VideoFile(folder_of_a_user / "talk.mp4") as given,
        VideoFile(folder_of_a_user / "out.mp4") as written,
    ):
        assert written.info.frame_count == given.info.frame_count
        assert written.read().image[:8, :8].min() > 240  # white now
