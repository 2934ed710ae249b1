from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from livebg.clock import ManualClock
from livebg.config.load import load_settings
from livebg.config.settings import Settings
from livebg.config.watch import WatchedFile
from livebg.live.controller import (
    KEYS,
    Choices,
    Command,
    LiveConfig,
    announcement,
    apply,
    command_for,
    help_lines,
)

CHOICES = Choices.of(Settings())


def test_every_command_has_a_key_and_a_line_of_help() -> None:
    assert set(KEYS.values()) == set(Command)
    assert [line.partition(": ")[2] for line in help_lines()] == [one.value for one in Command]


def test_keys_that_cannot_be_seen_are_named() -> None:
    assert "space: pause" in help_lines()
    assert "q or Esc: quit" in help_lines()


@pytest.mark.parametrize(
    ("key", "command"),
    [("q", Command.QUIT), ("Q", Command.QUIT), ("escape", Command.QUIT), ("x", None), ("", None)],
)
def test_commands_by_key(key: str, command: Command | None) -> None:
    assert command_for(key) is command


def test_the_backgrounds_go_round_both_ways() -> None:
    settings = Settings(background="office.jpg")
    choices = Choices.of(settings)
    seen = []
    for _ in choices.backgrounds:
        seen.append(settings.background)
        settings = apply(Command.NEXT_BACKGROUND, settings, choices)
    assert tuple(seen) == choices.backgrounds
    assert settings.background == "office.jpg"
    previous = apply(Command.PREVIOUS_BACKGROUND, settings, choices)
    assert previous.background == choices.backgrounds[-1]


def test_no_key_shows_the_room() -> None:
    choices = Choices.of(Settings(background="blur"))
    assert "none" not in choices.backgrounds
    shown = Settings(background="none")
    assert apply(Command.NEXT_BACKGROUND, shown, choices).background != "none"


def test_a_chosen_strength_of_blur_is_kept_in_the_cycle() -> None:
    choices = Choices.of(Settings(background="blur:80"))
    assert choices.backgrounds == ("blur:80", "white", "gray", "color:#00b140")
    white = apply(Command.NEXT_BACKGROUND, Settings(background="blur:30"), choices)
    assert white.background == "white"
    assert apply(Command.PREVIOUS_BACKGROUND, white, choices).background == "blur:80"


def test_a_background_from_elsewhere_enters_the_cycle_at_its_start() -> None:
    settings = Settings(background="beach.png")
    choices = Choices(("a.png", "white"))
    assert apply(Command.NEXT_BACKGROUND, settings, choices).background == "a.png"


def test_the_presets_go_round_from_the_one_in_force() -> None:
    settings = load_settings(preset="balanced", overrides={"background": "white", "mirror": "yes"})
    seen = []
    for _ in range(4):
        settings = apply(Command.NEXT_PRESET, settings, CHOICES)
        seen.append(announcement(Command.NEXT_PRESET, settings))
        assert (settings.background, settings.mirror) == ("white", True)
    assert seen == ["preset quality", "preset fast", "preset balanced", "preset quality"]
    assert settings == load_settings(
        preset="quality", overrides={"background": "white", "mirror": "yes"}
    )


def test_settings_of_ones_own_are_followed_by_the_default_preset() -> None:
    settings = Settings(max_age=3)
    changed = apply(Command.NEXT_PRESET, settings, CHOICES)
    assert announcement(Command.NEXT_PRESET, changed) == "preset balanced"


def test_the_networks_go_round() -> None:
    choices = Choices.of(Settings(model="mine.onnx"), ["rvm", "deeplabv3_resnet50"])
    settings, seen = Settings(model="mine.onnx"), []
    for _ in range(3):
        settings = apply(Command.NEXT_NETWORK, settings, choices)
        seen.append(announcement(Command.NEXT_NETWORK, settings))
    assert seen == ["network rvm", "network deeplabv3_resnet50", "network mine.onnx"]


def test_a_network_from_elsewhere_is_followed_by_the_first() -> None:
    choices = Choices.of(Settings(), ["rvm", "deeplabv3_resnet50"])
    changed = apply(Command.NEXT_NETWORK, Settings(model="from-a-file.onnx"), choices)
    assert changed.model == "rvm"


@pytest.mark.parametrize(("chosen", "strength"), [(0.0, 60.0), (30.0, 30.0)])
def test_auto_framing_goes_on_and_off_at_the_chosen_strength(
    chosen: float, strength: float
) -> None:
    choices = Choices.of(Settings(auto_frame=chosen))
    on = apply(Command.AUTO_FRAME, Settings(), choices)
    assert on == Settings(auto_frame=strength)
    assert announcement(Command.AUTO_FRAME, on) == f"auto-framing {strength:g}"
    off = apply(Command.AUTO_FRAME, on, choices)
    assert off == Settings()
    assert announcement(Command.AUTO_FRAME, off) == "no auto-framing"


def test_what_can_be_seen_is_not_announced() -> None:
    announced = {command for command in Command if announcement(command, Settings())}
    assert announced == {Command.AUTO_FRAME, Command.NEXT_PRESET, Command.NEXT_NETWORK}


@pytest.mark.parametrize(
    ("command", "before", "after"),
    [
        (Command.BLUR_STRONGER, "blur", "blur:60"),
        (Command.BLUR_STRONGER, "blur:30", "blur:40"),
        (Command.BLUR_STRONGER, "blur:95", "blur:100"),
        (Command.BLUR_WEAKER, "blur", "blur:40"),
        (Command.BLUR_WEAKER, "blur:5", "blur:0"),
    ],
)
def test_blur(command: Command, before: str, after: str) -> None:
    assert apply(command, Settings(background=before), CHOICES).background == after


@pytest.mark.parametrize(
    ("command", "background"),
    [
        (Command.BLUR_STRONGER, "blur:100"),
        (Command.BLUR_WEAKER, "blur:0"),
        (Command.BLUR_STRONGER, "white"),
        (Command.BLUR_WEAKER, "blurred.png"),
        (Command.NEXT_NETWORK, "blur"),
        (Command.PAUSE, "blur"),
        (Command.STATISTICS, "blur"),
        (Command.SNAPSHOT, "blur"),
        (Command.HELP, "blur"),
        (Command.QUIT, "blur"),
    ],
)
def test_what_changes_nothing_returns_the_same_settings(command: Command, background: str) -> None:
    settings = Settings(background=background)
    assert apply(command, settings, CHOICES) is settings


def test_mirror_toggles_and_touches_nothing_else() -> None:
    settings = Settings(background="white", fps=25)
    mirrored = apply(Command.MIRROR, settings, CHOICES)
    assert mirrored == Settings(background="white", fps=25, mirror=True)
    assert apply(Command.MIRROR, mirrored, CHOICES) == settings


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
