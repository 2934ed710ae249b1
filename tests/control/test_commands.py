import pytest

from livebg.config.load import load_settings
from livebg.config.schema import Settings
from livebg.control.commands import (
    KEYS,
    Choices,
    Command,
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
