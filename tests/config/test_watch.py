import os
from pathlib import Path

import pytest

from livebg.clock import ManualClock
from livebg.config.watch import WatchedFile


class Bench:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ManualClock()
        path.write_text("one")
        self.file = WatchedFile(path, self.clock)

    def looks(self, count: int = 4) -> list[bool]:
        """What the next looks say, a quarter of a second apart."""
        said = []
        for _ in range(count):
            self.clock.advance(0.25)
            said.append(self.file.changed())
        return said


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "livebg.toml")


def test_a_file_that_is_left_alone_has_not_changed(bench: Bench) -> None:
    assert bench.looks() == [False] * 4


def test_a_change_is_told_once(bench: Bench) -> None:
    bench.path.write_text("another")
    assert bench.looks() == [False, True, False, False]


def test_there_are_four_looks_a_second(bench: Bench) -> None:
    bench.path.write_text("another")
    bench.looks(1)
    assert not bench.file.changed()
    bench.clock.advance(0.24)
    assert not bench.file.changed()
    bench.clock.advance(0.01)
    assert bench.file.changed()


def test_a_file_that_is_being_written_is_left_until_it_is_done(bench: Bench) -> None:
    said = []
    for text in ("", "back", "background"):
        bench.path.write_text(text)
        said += bench.looks(1)
    assert said + bench.looks(2) == [False, False, False, True, False]


def test_a_file_that_an_editor_replaces_has_changed(bench: Bench) -> None:
    before = bench.path.stat()
    saved = bench.path.with_suffix(".new")
    saved.write_text("two")
    os.utime(saved, ns=(before.st_atime_ns, before.st_mtime_ns))
    saved.replace(bench.path)
    assert bench.looks() == [False, True, False, False]


def test_a_file_that_is_gone_has_not_changed_until_it_is_back(bench: Bench) -> None:
    bench.path.unlink()
    assert bench.looks() == [False] * 4
    bench.path.write_text("another")
    assert bench.looks() == [False, True, False, False]


@pytest.mark.parametrize("blank", ["", " \n\t\n", "\ufeff"], ids=["empty", "spaces", "mark"])
def test_a_file_that_is_emptied_has_not_changed_until_something_is_in_it(
    bench: Bench, blank: str
) -> None:
    bench.path.write_text(blank, encoding="utf-8")
    assert bench.looks(8) == [False] * 8
    bench.path.write_text("another")
    assert bench.looks() == [False, True, False, False]


def test_a_file_that_is_written_anew_is_not_what_was_told(bench: Bench) -> None:
    bench.path.write_text("another")
    assert bench.looks(2) == [False, True]
    assert bench.file.is_unchanged()
    bench.path.write_text("")
    assert not bench.file.is_unchanged()
