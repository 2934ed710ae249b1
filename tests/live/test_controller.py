from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from livebg.clock import ManualClock
from livebg.config.background import Background, Blur, Picture, Unfiltered
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
OFFICE = Picture(Path("office.jpg"))


def test_every_command_has_a_key_and_a_line_of_help() -> None:
    assert [command_for(command.value[0][0]) for command in Command] == list(Command)
    assert [line.partition(": ")[2] for line in help_lines()] == [one.value[1] for one in Command]
    assert {"space: pause", "q or Esc: quit"} < set(help_lines())
    assert [command_for(key) for key in ("Q", "escape")] == [Command.QUIT] * 2
    assert [command_for(key) for key in ("x", "")] == [None] * 2


@pytest.mark.parametrize(
    ("before", "own", "seen"),
    [
        (OFFICE, OFFICE, ["blur", "white", "gray", "color:#00b140", "office.jpg"]),
        (Blur(30), Blur(80), ["white", "gray", "color:#00b140", "blur:80"]),
        (Unfiltered(), Blur(), ["blur", "white", "gray", "color:#00b140", "blur"]),
    ],
)
def test_the_backgrounds_go_round_both_ways_and_no_key_shows_the_room(
    before: Background, own: Background, seen: list[str]
) -> None:
    settings, choices = Settings(background=before), Choices.of(Settings(background=own))
    for command, expected in (
        *((Command.NEXT_BACKGROUND, text) for text in seen),
        *((Command.PREVIOUS_BACKGROUND, text) for text in seen[-2::-1]),
    ):
        settings = apply(command, settings, choices)
        assert str(settings.background) == expected


@pytest.mark.parametrize(
    ("command", "before", "after"),
    [
        (Command.BLUR_STRONGER, "blur", "blur:60"),
        (Command.BLUR_STRONGER, "blur:95", "blur:100"),
        (Command.BLUR_WEAKER, "blur", "blur:40"),
        (Command.BLUR_WEAKER, "blur:5", "blur:0"),
        (Command.BLUR_STRONGER, "white", "white"),
        (Command.PAUSE, "blur", "blur"),
    ],
)
def test_blur_is_changed_in_steps_and_nothing_else_is(
    command: Command, before: str, after: str
) -> None:
    settings = Settings(background=before, fps=25)
    assert apply(command, settings, CHOICES) == replace(settings, background=after)


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


class ControllerBench:
    """A controller of a fake session and window."""

    def __init__(self, folder: Path) -> None:
        self._snapshots = folder
        self.open(Settings())

    def open(self, settings: Settings) -> None:
        self.session = FakeSession(settings)
        self.window = SimpleNamespace(closed=False, overlay=[])
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
        self.window.poll_keys = lambda: keys
        self.controller.tick()
        return self.session.settings


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr("livebg.live.controller.networks_here", lambda: names)
    return names


@pytest.fixture
def bench(networks: list[str], tmp_path: Path) -> ControllerBench:
    return ControllerBench(tmp_path)


def test_the_presets_go_round_from_the_one_in_force(bench: ControllerBench) -> None:
    own = {"background": "white", "mirror": "yes"}
    bench.open(load_settings(preset="balanced", overrides=own))
    for preset in ("quality", "fast", "balanced", "quality"):
        assert bench.press("t") == load_settings(preset=preset, overrides=own)
        assert bench.notices[-1] == f"preset {preset}"
    bench.session.change(Settings(max_age=3))
    bench.press("t")
    assert bench.notices[-1] == "preset balanced"


def test_the_networks_go_round(bench: ControllerBench, networks: list[str]) -> None:
    networks += ["rvm", "deeplabv3_resnet50"]
    bench.open(Settings(model="mine.onnx"))
    bench.press("k", "k", "k")
    assert bench.notices == ["network rvm", "network deeplabv3_resnet50", "network mine.onnx"]
    bench.session.change(Settings(model="from-a-file.onnx"))
    assert bench.press("k").model == "mine.onnx"


def test_a_network_alone_says_how_to_fetch_another(bench: ControllerBench) -> None:
    assert bench.press("k") == Settings()
    assert bench.notices == ["no other network is here; `livebg models pull NAME` fetches one"]


@pytest.mark.parametrize(("chosen", "strength"), [(0.0, 60.0), (30.0, 30.0)])
def test_auto_framing_goes_on_and_off_at_the_chosen_strength(
    bench: ControllerBench, chosen: float, strength: float
) -> None:
    bench.open(Settings(auto_frame=chosen))
    bench.session.change(Settings())
    assert bench.press("f") == Settings(auto_frame=strength)
    assert bench.press("f") == Settings()
    assert bench.notices == [f"auto-framing {strength:g}", "no auto-framing"]


def test_what_can_be_seen_is_not_announced(bench: ControllerBench) -> None:
    assert bench.press("n", "p", "+", "=", "-", "m", " ") == Settings(
        background="blur:60", mirror=True
    )
    assert bench.notices == []
    assert bench.session.paused
    assert not bench.press(" ", "m").mirror
    assert not bench.session.paused


def test_keys_stop_the_session_and_so_does_a_closed_window(bench: ControllerBench) -> None:
    bench.press("x", "escape")
    assert bench.session.stopped
    bench.open(Settings())
    bench.window.closed = True
    bench.press()
    assert bench.session.stopped


def test_the_overlay_shows_the_keys_or_the_statistics(bench: ControllerBench) -> None:
    shown = []
    for key in ("h", "i", "i"):
        bench.press(key)
        shown.append(bench.window.overlay)
    assert shown == [help_lines(), describe(bench.session.snapshot()).split(", "), []]


def test_the_status_is_told_all_the_time(bench: ControllerBench) -> None:
    bench.press()
    bench.session.resting = True
    bench.press()
    assert bench.lines == [
        "30.0 frames/s, latency 6 ms (p95 9 ms), CPU 31 %, 2 dropped",
        "waiting for an app to open the virtual camera",
    ]


def test_a_snapshot_is_what_is_shown(bench: ControllerBench, tmp_path: Path) -> None:
    bench.press("s")
    assert list(tmp_path.iterdir()) == []
    bench.session.shown = Composite(scene(SIZE), 0, 0)
    bench.press("s")
    (written,) = tmp_path.glob("livebg-*.png")
    assert bench.notices == [f"saved {written}"]


def test_a_program_changes_settings_by_name(bench: ControllerBench) -> None:
    bench.controller.change({"background": "blur:80", "mirror": True}, "the panel")
    assert bench.session.settings == Settings(background=Blur(80), mirror=True)
    with pytest.raises(SettingsError, match="the panel: fps cannot be 0"):
        bench.controller.change({"mirror": False, "fps": 0}, "the panel")
    assert bench.session.settings.mirror


class Followed:
    """A session's settings, and the file that they came from."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ManualClock()
        self.said: list[str] = []
        path.write_text('background = "white"\n')
        self.on_load: Callable[[], Any] = lambda: None
        self.before = self.settings = self.load()
        file = WatchedFile(path, self.clock)
        self.config = LiveConfig(file, self.load, self.settings, self.said.append)

    def load(self) -> Settings:
        """Read the file, and the command line, which says ``--fps 25``."""
        self.on_load()
        return load_settings(config=self.path, overrides={"fps": "25"})

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


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        ("mirror = true", {"background": Blur(), "mirror": True}, ["mirror, background"]),
        ('background = "white" # as before\nfps = 10', {}, []),
        ("", {}, []),
    ],
    ids=["a new value and one taken out", "nothing new", "emptied"],
)
def test_changed_values_are_taken_over_and_named(
    followed: Followed, text: str, changes: dict[str, Any], said: list[str]
) -> None:
    assert followed.write(text) == replace(followed.before, **changes)
    assert followed.said == [f"{followed.path}: changing {names}" for names in said]


def test_a_file_that_is_emptied_while_it_is_read_changes_nothing(followed: Followed) -> None:
    followed.on_load = lambda: followed.path.write_text("")
    assert followed.write('background = "gray"\n') == followed.before
    assert followed.said == []


@pytest.mark.parametrize(
    "text",
    ['backgruond = "gray"', "fps = 100000", "background = ", 'background = "gone.png"', "\xff"],
    ids=["key", "range", "syntax", "file", "words"],
)
def test_a_file_that_is_not_valid_is_refused_once_and_changes_nothing(
    followed: Followed, text: str
) -> None:
    assert followed.write(f"mirror = true\n{text}\n") == followed.before
    (said,) = followed.said
    assert said.startswith(str(followed.path))
    assert said.endswith("the settings stay as they were")
    assert followed.write('mirror = true\nbackground = "white"\n').mirror


def test_what_was_changed_by_hand_stays(followed: Followed) -> None:
    followed.settings = replace(followed.settings, mirror=True)
    changed = followed.write('background = "gray"\n')
    assert changed == replace(followed.before, background="gray", mirror=True)


def test_what_the_session_refused_is_read_again(followed: Followed) -> None:
    followed.write('background = "white"\nmodel = "gone.onnx"\nmirror = true\n')
    followed.settings = followed.before
    corrected = followed.write('background = "white"\nmirror = true\n')
    assert corrected == replace(followed.before, mirror=True)
