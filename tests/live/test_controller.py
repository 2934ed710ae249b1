from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from livebg.clock import ManualClock
from livebg.config.background import Blur, Colour, Picture
from livebg.config.load import load_settings
from livebg.config.settings import Settings
from livebg.config.watch import WatchedFile
from livebg.errors import SettingsError
from livebg.frame import Composite
from livebg.live.controller import (
    Choices,
    Command,
    LiveConfig,
    LiveController,
    apply,
    command_for,
    describe,
    help_lines,
)
from livebg.live.session import Session
from livebg.live.statistics import StatisticsSnapshot
from livebg.sinks.window import Window
from tests.support.fakes import SIZE, scene

CHOICES = Choices.of(Settings())
GREEN = Colour(64, 177, 0)


def test_every_command_has_a_key_and_a_line_of_help() -> None:
    assert [command_for(command.value[0][0]) for command in Command] == list(Command)
    assert [line.partition(": ")[2] for line in help_lines()] == [one.value[1] for one in Command]
    assert {"space: pause", "q or Esc: quit"} < set(help_lines())


@pytest.mark.parametrize(
    ("key", "command"),
    [("q", Command.QUIT), ("Q", Command.QUIT), ("escape", Command.QUIT), ("x", None), ("", None)],
)
def test_commands_by_key(key: str, command: Command | None) -> None:
    assert command_for(key) is command


def backgrounds_after(command: Command, settings: Settings, choices: Choices) -> list[str]:
    """Return what a whole round of ``command`` shows."""
    seen = []
    for _ in choices.backgrounds:
        settings = apply(command, settings, choices)
        seen.append(str(settings.background))
    return seen


def test_the_backgrounds_go_round_both_ways() -> None:
    settings = Settings(background=Picture(Path("office.jpg")))
    choices = Choices.of(settings)
    forwards = backgrounds_after(Command.NEXT_BACKGROUND, settings, choices)
    assert forwards == ["blur", "white", "gray", "color:#00b140", "office.jpg"]
    backwards = backgrounds_after(Command.PREVIOUS_BACKGROUND, settings, choices)
    assert backwards == ["color:#00b140", "gray", "white", "blur", "office.jpg"]


def test_no_key_shows_the_room() -> None:
    shown = Settings(background="none")
    for choices in (CHOICES, Choices.of(Settings(background="gray"))):
        assert "none" not in backgrounds_after(Command.NEXT_BACKGROUND, shown, choices)


def test_a_chosen_strength_of_blur_is_kept_in_the_cycle() -> None:
    choices = Choices.of(Settings(background="blur:80"))
    seen = backgrounds_after(Command.NEXT_BACKGROUND, Settings(background="blur:30"), choices)
    assert seen == ["white", "gray", "color:#00b140", "blur:80"]


def test_a_background_from_elsewhere_enters_the_cycle_at_its_start() -> None:
    settings = Settings(background=Picture(Path("beach.png")))
    choices = Choices((Picture(Path("a.png")), GREEN))
    seen = backgrounds_after(Command.NEXT_BACKGROUND, settings, choices)
    assert seen == ["a.png", "color:#00b140"]


@pytest.mark.parametrize(
    ("command", "before", "after"),
    [
        (Command.BLUR_STRONGER, "blur", "blur:60"),
        (Command.BLUR_STRONGER, "blur:30", "blur:40"),
        (Command.BLUR_STRONGER, "blur:95", "blur:100"),
        (Command.BLUR_STRONGER, "blur:100", "blur:100"),
        (Command.BLUR_WEAKER, "blur", "blur:40"),
        (Command.BLUR_WEAKER, "blur:5", "blur:0"),
        (Command.BLUR_WEAKER, "blur:0", "blur:0"),
        (Command.BLUR_STRONGER, "white", "white"),
        (Command.BLUR_WEAKER, "color:#00b140", "color:#00b140"),
        (Command.PAUSE, "blur", "blur"),
        (Command.QUIT, "blur", "blur"),
    ],
)
def test_blur_is_changed_in_steps_and_nothing_else_is(
    command: Command, before: str, after: str
) -> None:
    settings = Settings(background=before, fps=25)
    assert apply(command, settings, CHOICES) == replace(settings, background=after)


def test_mirror_toggles_and_touches_nothing_else() -> None:
    settings = Settings(background="white", fps=25)
    mirrored = apply(Command.MIRROR, settings, CHOICES)
    assert mirrored == replace(settings, mirror=True)
    assert apply(Command.MIRROR, mirrored, CHOICES) == settings


class FakeSession:
    """A session that takes over everything at once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = self.requested = settings
        self.stopped = self.paused = self.resting = False
        self.shown: Composite | None = None

    def change(self, settings: Settings) -> None:
        self.settings = self.requested = settings

    def pause(self, paused: bool) -> None:
        self.paused = paused

    def stop(self) -> None:
        self.stopped = True

    def snapshot(self) -> StatisticsSnapshot:
        return StatisticsSnapshot(29.97, 6.1, 9.4, 0.31, 2)


class FakeWindow:
    closed = False
    overlay: list[str]

    def __init__(self) -> None:
        self.keys: list[str] = []

    def poll_keys(self) -> list[str]:
        keys, self.keys = self.keys, []
        return keys


class Bench:
    """A controller of a fake session and window."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, folder: Path, networks: tuple[str, ...] = ()
    ) -> None:
        monkeypatch.setattr("livebg.live.controller.networks_here", lambda: networks)
        self._snapshots = folder
        self.open(Settings())

    def open(self, settings: Settings) -> None:
        self.session, self.window = FakeSession(settings), FakeWindow()
        self.notices: list[str] = []
        self.lines: list[str] = []
        self.controller = LiveController(
            cast(Session, self.session),
            notice=self.notices.append,
            status=self.lines.append,
            window=cast(Window, self.window),
            snapshots=self._snapshots,
        )

    def press(self, *keys: str) -> Settings:
        self.window.keys += keys
        self.controller.tick()
        return self.session.settings


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    return Bench(monkeypatch, tmp_path)


def test_the_presets_go_round_from_the_one_in_force(bench: Bench) -> None:
    own = {"background": "white", "mirror": "yes"}
    bench.open(load_settings(preset="balanced", overrides=own))
    for preset in ("quality", "fast", "balanced", "quality"):
        assert bench.press("t") == load_settings(preset=preset, overrides=own)
        assert bench.notices[-1] == f"preset {preset}"


def test_settings_of_ones_own_are_followed_by_the_default_preset(bench: Bench) -> None:
    bench.open(Settings(max_age=3))
    bench.press("t")
    assert bench.notices == ["preset balanced"]


def test_the_networks_go_round(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bench = Bench(monkeypatch, tmp_path, ("rvm", "deeplabv3_resnet50"))
    bench.open(Settings(model="mine.onnx"))
    bench.press("k", "k", "k")
    assert bench.notices == ["network rvm", "network deeplabv3_resnet50", "network mine.onnx"]
    bench.session.change(Settings(model="from-a-file.onnx"))
    assert bench.press("k").model == "mine.onnx"


def test_a_network_alone_says_how_to_fetch_another(bench: Bench) -> None:
    assert bench.press("k") == Settings()
    assert bench.notices == ["no other network is here; `livebg models pull NAME` fetches one"]


@pytest.mark.parametrize(("chosen", "strength"), [(0.0, 60.0), (30.0, 30.0)])
def test_auto_framing_goes_on_and_off_at_the_chosen_strength(
    bench: Bench, chosen: float, strength: float
) -> None:
    bench.open(Settings(auto_frame=chosen))
    bench.session.change(Settings())
    assert bench.press("f") == Settings(auto_frame=strength)
    assert bench.press("f") == Settings()
    assert bench.notices == [f"auto-framing {strength:g}", "no auto-framing"]


def test_what_can_be_seen_is_not_announced(bench: Bench) -> None:
    bench.press("n", "p", "+", "=", "-", "m", " ")
    assert bench.notices == []
    assert bench.session.paused
    bench.press(" ")
    assert not bench.session.paused


def test_keys_stop_the_session_and_so_does_a_closed_window(bench: Bench) -> None:
    bench.press("x", "escape")
    assert bench.session.stopped
    bench.open(Settings())
    bench.window.closed = True
    bench.press()
    assert bench.session.stopped


def test_the_overlay_shows_the_keys_or_the_statistics(bench: Bench) -> None:
    shown = []
    for key in ("h", "i", "i"):
        bench.press(key)
        shown.append(bench.window.overlay)
    assert shown == [help_lines(), describe(bench.session.snapshot()).split(", "), []]


def test_the_status_is_told_all_the_time(bench: Bench) -> None:
    bench.press()
    bench.session.resting = True
    bench.press()
    assert bench.lines == [
        "30.0 frames/s, latency 6 ms (p95 9 ms), CPU 31 %, 2 dropped",
        "waiting for an app to open the virtual camera",
    ]


def test_a_snapshot_is_what_is_shown(bench: Bench, tmp_path: Path) -> None:
    bench.press("s")
    assert list(tmp_path.iterdir()) == []
    bench.session.shown = Composite(scene(SIZE), 0, 0)
    bench.press("s")
    (written,) = tmp_path.glob("livebg-*.png")
    assert bench.notices == [f"saved {written}"]


def test_a_program_changes_settings_by_name(bench: Bench) -> None:
    bench.controller.change({"background": "blur:80", "mirror": True}, "the panel")
    assert bench.session.settings == Settings(background=Blur(80), mirror=True)
    with pytest.raises(SettingsError, match="the panel: fps cannot be 0"):
        bench.controller.change({"mirror": False, "fps": 0}, "the panel")
    assert bench.session.settings.mirror


class Followed:
    """A session's settings, and the file that they came from."""

    def __init__(self, path: Path, **overrides: str) -> None:
        self.path = path
        self.overrides = overrides
        self.clock = ManualClock()
        self.said: list[str] = []
        path.write_text('background = "white"\n')
        self.settings = self.load()
        self.on_load: Callable[[], Any] = lambda: None
        file = WatchedFile(path, self.clock)
        self.config = LiveConfig(file, self.load_again, self.settings, self.said.append)

    def load(self) -> Settings:
        return load_settings(config=self.path, overrides=self.overrides)

    def load_again(self) -> Settings:
        self.on_load()
        return self.load()

    def write(self, text: str) -> Settings:
        """Change the file, and return the settings once that was noticed."""
        self.path.write_text(text)
        for _ in range(4):
            self.clock.advance(0.25)
            self.settings = self.config.follow(self.settings)
        return self.settings


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    return Followed(tmp_path / "livebg.toml")


def test_a_changed_value_is_taken_over_and_named(followed: Followed) -> None:
    changed = followed.write('background = "gray"\nmirror = true\n')
    assert (str(changed.background), changed.mirror) == ("gray", True)
    assert followed.said == [f"{followed.path}: changing mirror, background"]


def test_an_emptied_file_keeps_the_room_hidden_as_it_was(followed: Followed) -> None:
    before = followed.settings
    assert followed.write("") == before
    followed.on_load = lambda: followed.path.write_text("")
    assert followed.write('background = "gray"\n') == before
    assert followed.said == []


def test_a_value_that_is_taken_out_goes_back_to_its_default(followed: Followed) -> None:
    assert followed.write("# all gone\n") == Settings()


@pytest.mark.parametrize(
    "text",
    ['backgruond = "gray"', "fps = 100000", "background = ", 'background = "gone.png"', "\xff"],
    ids=["key", "range", "syntax", "file", "words"],
)
def test_a_file_that_is_not_valid_is_refused_once_and_changes_nothing(
    followed: Followed, text: str
) -> None:
    before = followed.settings
    assert followed.write(f"mirror = true\n{text}\n") == before
    (said,) = followed.said
    assert said.startswith(str(followed.path))
    assert said.endswith("the settings stay as they were")
    assert followed.write('mirror = true\nbackground = "white"\n').mirror


def test_what_was_changed_by_hand_stays(followed: Followed) -> None:
    followed.settings = replace(followed.settings, mirror=True)
    assert followed.write('background = "gray"\n') == Settings(background="gray", mirror=True)


def test_what_the_session_refused_is_read_again(followed: Followed) -> None:
    before = followed.settings
    followed.write('background = "white"\nmodel = "gone.onnx"\nmirror = true\n')
    followed.settings = before
    corrected = followed.write('background = "white"\nmirror = true\n')
    assert corrected == replace(before, mirror=True)


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "livebg.toml", background="blur:80")
    changed = followed.write('background = "gray"\nmirror = true\n')
    assert changed == Settings(background="blur:80", mirror=True)
    assert followed.said == [f"{followed.path}: changing mirror"]


def test_a_change_of_nothing_says_nothing(followed: Followed) -> None:
    before = followed.settings
    assert followed.write('background = "white" # as before\n') == before
    assert followed.said == []
