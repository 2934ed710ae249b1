import pytest

from livebg.config.schema import Settings
from livebg.control.commands import (
    KEYS,
    Command,
    apply,
    background_cycle,
    command_for,
    help_lines,
)
from livebg.runtime.backdrop import DEFAULT_BLUR


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
    cycle = background_cycle("office.jpg")
    settings = Settings(background="office.jpg")
    seen = []
    for _ in cycle:
        seen.append(settings.background)
        settings = apply(Command.NEXT_BACKGROUND, settings, cycle)
    assert tuple(seen) == cycle
    assert settings.background == "office.jpg"
    assert apply(Command.PREVIOUS_BACKGROUND, settings, cycle).background == cycle[-1]


def test_no_key_shows_the_room() -> None:
    assert "none" not in background_cycle("blur")
    assert apply(Command.NEXT_BACKGROUND, Settings(background="none")).background != "none"


def test_a_chosen_strength_of_blur_is_kept_in_the_cycle() -> None:
    cycle = background_cycle("blur:80")
    assert cycle == ("blur:80", "white", "gray", "color:#00b140")
    white = apply(Command.NEXT_BACKGROUND, Settings(background="blur:30"), cycle)
    assert white.background == "white"
    assert apply(Command.PREVIOUS_BACKGROUND, white, cycle).background == "blur:80"


def test_a_background_from_elsewhere_enters_the_cycle_at_its_start() -> None:
    settings = Settings(background="beach.png")
    assert apply(Command.NEXT_BACKGROUND, settings, ("a.png", "white")).background == "a.png"


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
    assert apply(command, Settings(background=before)).background == after


def test_a_blur_without_a_number_starts_from_the_strength_that_it_is_drawn_with() -> None:
    stronger = apply(Command.BLUR_STRONGER, Settings(background="blur"))
    assert stronger.background == f"blur:{DEFAULT_BLUR + 10:.0f}"


@pytest.mark.parametrize(
    ("command", "background"),
    [
        (Command.BLUR_STRONGER, "blur:100"),
        (Command.BLUR_WEAKER, "blur:0"),
        (Command.BLUR_STRONGER, "white"),
        (Command.BLUR_WEAKER, "blurred.png"),
        (Command.PAUSE, "blur"),
        (Command.STATISTICS, "blur"),
        (Command.SNAPSHOT, "blur"),
        (Command.HELP, "blur"),
        (Command.QUIT, "blur"),
    ],
)
def test_what_changes_nothing_returns_the_same_settings(command: Command, background: str) -> None:
    settings = Settings(background=background)
    assert apply(command, settings) is settings


def test_mirror_toggles_and_touches_nothing_else() -> None:
    settings = Settings(background="white", fps=25)
    mirrored = apply(Command.MIRROR, settings)
    assert mirrored == Settings(background="white", fps=25, mirror=True)
    assert apply(Command.MIRROR, mirrored) == settings
