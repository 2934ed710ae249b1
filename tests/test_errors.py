from __future__ import annotations

import pytest

from livebg import errors
from livebg.errors import LivebgError, did_you_mean

TREE: dict[str, tuple[tuple[type[BaseException], ...], int]] = {
    "LivebgError": ((Exception,), 1),
    "UsageError": ((LivebgError, ValueError), 2),
    "SettingsError": ((errors.UsageError,), 2),
    "InputError": ((LivebgError, OSError), 2),
    "FetchError": ((LivebgError, OSError), 1),
    "SourceError": ((LivebgError, OSError), 1),
    "SourceUnavailableError": ((errors.SourceError,), 2),
    "DamagedFileError": ((errors.SourceError, errors.InputError), 2),
    "DeviceLostError": ((errors.ModelError,), 1),
    "EndOfStreamError": ((errors.SourceError, EOFError), 1),
    "ModelError": ((LivebgError, RuntimeError), 1),
    "WeightsError": ((errors.ModelError,), 1),
    "SinkError": ((LivebgError, OSError), 1),
    "SinkUnavailableError": ((errors.SinkError,), 2),
    "SessionError": ((LivebgError, RuntimeError), 1),
    "SystemChangeError": ((LivebgError, RuntimeError), 1),
    "BenchError": ((LivebgError, RuntimeError), 1),
}
"""Bases and exit status of every error: what callers may rely on."""


def test_the_tree_is_complete() -> None:
    assert sorted(TREE) == errors.__all__


@pytest.mark.parametrize("name", TREE)
def test_an_error_has_its_bases_and_exit_status(name: str) -> None:
    bases, exit_status = TREE[name]
    kind = getattr(errors, name)
    assert issubclass(kind, LivebgError)
    assert kind.__bases__ == bases
    assert kind.exit_status == exit_status


@pytest.mark.parametrize("name", TREE)
def test_an_error_says_what_it_was_given(name: str) -> None:
    """Some bases, ``OSError`` among them, have constructors with ideas of their own."""
    assert str(getattr(errors, name)("clip.mp4: gone, get it back")) == (
        "clip.mp4: gone, get it back"
    )


def test_the_docstring_draws_the_tree() -> None:
    drawn = (errors.__doc__ or "").splitlines()
    for name, (_, exit_status) in TREE.items():
        line = next(line for line in drawn if f"─ {name} " in line or line.strip() == name)
        if "exit status" in line:
            assert line.endswith(f"exit status {exit_status}")


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("miror", "mirror"), ("MIRROR", "mirror"), ("bakground", "background"), ("xyz", None)],
)
def test_the_nearest_name_is_offered_if_one_is_near(wrong: str, near: str | None) -> None:
    hint = did_you_mean(wrong, ["background", "mirror"])
    assert hint == (f"; did you mean {near!r}?" if near else "")


def test_a_prefix_is_no_likeness_but_is_shown() -> None:
    valid = ["--preset", "--size"]
    assert did_you_mean("--fps", valid, prefix="--") == ""
    assert did_you_mean("--pre-set", valid, prefix="--") == "; did you mean '--preset'?"
