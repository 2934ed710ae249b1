from dataclasses import replace
from pathlib import Path

import pytest

from livebg.cli.live_config import LiveConfig
from livebg.clock import ManualClock
from livebg.config.load import load_settings
from livebg.config.schema import Settings
from livebg.config.watch import WatchedFile


class Bench:
    """A session's settings, and the file that they came from."""

    def __init__(self, path: Path, **overrides: str) -> None:
        self.path = path
        self.overrides = overrides
        self.clock = ManualClock()
        self.said: list[str] = []
        path.write_text('background = "white"\n')
        self.settings = self.load()
        file = WatchedFile(path, self.clock)
        self.config = LiveConfig(file, self.load, self.settings, self.said.append)

    def load(self) -> Settings:
        return load_settings(config=self.path, overrides=self.overrides)

    def write(self, text: str) -> Settings:
        """Change the file, and return the settings once that was noticed."""
        self.path.write_text(text)
        for _ in range(4):
            self.clock.advance(0.25)
            self.settings = self.config.follow(self.settings)
        return self.settings


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "livebg.toml")


def test_a_file_that_is_emptied_and_written_again_keeps_the_room_hidden_as_it_was(
    bench: Bench,
) -> None:
    assert bench.write("").background == "white"
    assert bench.said == []
    assert bench.write('background = "gray"\n').background == "gray"


def test_a_file_that_is_emptied_while_it_is_read_changes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load() -> Settings:
        bench.path.write_text("")
        return load_settings(config=bench.path)

    monkeypatch.setattr(bench.config, "_load", load)
    assert bench.write('background = "gray"\n').background == "white"
    assert bench.said == []


def test_a_changed_value_is_taken_over_and_named(bench: Bench) -> None:
    assert bench.write('background = "gray"\nmirror = true\n').background == "gray"
    assert bench.said == [f"{bench.path}: changing mirror, background"]


def test_a_value_that_is_taken_out_goes_back_to_its_default(bench: Bench) -> None:
    assert bench.write("# all gone\n").background == Settings().background


@pytest.mark.parametrize(
    "text",
    ['backgruond = "gray"', "fps = 100000", "background = ", "\xff"],
    ids=["key", "range", "syntax", "words"],
)
def test_a_file_that_is_not_valid_is_refused_once_and_changes_nothing(
    bench: Bench, text: str
) -> None:
    before = bench.settings
    assert bench.write(f"mirror = true\n{text}\n") == before
    assert len(bench.said) == 1
    assert str(bench.path) in bench.said[0]
    assert bench.said[0].endswith("the settings stay as they were")
    assert bench.write("mirror = true\n").mirror


def test_what_was_changed_by_hand_stays(bench: Bench) -> None:
    bench.settings = replace(bench.settings, mirror=True)
    changed = bench.write('background = "gray"\n')
    assert (changed.mirror, changed.background) == (True, "gray")


def test_what_the_session_refused_is_read_again(bench: Bench) -> None:
    before = bench.settings
    bench.write('background = "white"\nmodel = "gone.onnx"\nmirror = true\n')
    bench.settings = before
    corrected = bench.write('background = "white"\nmirror = true\n')
    assert corrected == replace(before, mirror=True)


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "livebg.toml", background="blur:80")
    assert bench.write('background = "gray"\nmirror = true\n').background == "blur:80"
    assert bench.settings.mirror
    assert bench.said == [f"{bench.path}: changing mirror"]


def test_a_change_of_nothing_says_nothing(bench: Bench) -> None:
    before = bench.settings
    assert bench.write('background = "white" # as before\n') == before
    assert bench.said == []
