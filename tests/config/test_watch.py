import os
from pathlib import Path

import pytest

from livebg.clock import ManualClock
from livebg.config.watch import WatchedFile


class Watched(WatchedFile):
    def __init__(self, path: Path) -> None:
        path.write_text("one")
        self.clock = ManualClock()
        super().__init__(path, self.clock)

    def poll(self, count: int = 4) -> list[bool]:
        """Return what the next polls find, a quarter of a second apart."""
        found = []
        for _ in range(count):
            self.clock.advance(0.25)
            found.append(self.changed())
        return found


@pytest.fixture
def file(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "livebg.toml")


def test_a_change_is_told_once(file: Watched) -> None:
    assert file.poll() == [False] * 4
    file.path.write_text("another")
    assert file.poll() == [False, True, False, False]


def test_there_are_four_polls_a_second(file: Watched) -> None:
    file.path.write_text("another")
    found = []
    for seconds in (0.25, 0.24, 0.01):
        file.clock.advance(seconds)
        found.append(file.changed())
    assert found == [False, False, True]


def test_a_file_that_is_being_written_is_left_until_it_is_done(file: Watched) -> None:
    found = []
    for text in ("", "back", "background"):
        file.path.write_text(text)
        found += file.poll(1)
    assert found + file.poll(2) == [False, False, False, True, False]


def test_a_file_that_an_editor_replaces_has_changed(file: Watched) -> None:
    before = file.path.stat()
    saved = file.path.with_suffix(".new")
    saved.write_text("two")
    os.utime(saved, ns=(before.st_atime_ns, before.st_mtime_ns))
    saved.replace(file.path)
    assert file.poll() == [False, True, False, False]


@pytest.mark.parametrize("blank", [None, "", " \n\t\n", "\ufeff"])
def test_a_missing_or_blank_file_has_not_changed_until_something_is_in_it(
    file: Watched, blank: str | None
) -> None:
    file.path.unlink() if blank is None else file.path.write_text(blank, encoding="utf-8")
    assert file.poll() == [False] * 4
    file.path.write_text("another")
    assert file.poll() == [False, True, False, False]


def test_a_file_that_is_written_anew_is_not_what_was_told(file: Watched) -> None:
    file.path.write_text("another")
    assert file.poll(2) == [False, True]
    assert file.is_unchanged()
    file.path.write_text("")
    assert not file.is_unchanged()
