import pytest

from livebg.compose.compositor import Backdrop
from livebg.compose.plates import MovingPlate
from livebg.errors import UsageError
from livebg.runtime.next_backdrop import NextBackdrop
from livebg.types import Image


class Films:
    """Opens films by name, and notes what was opened and closed."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []

    def open(self, spec: str) -> Backdrop:
        if spec == "missing":
            raise UsageError("no such film")
        self.opened.append(spec)
        return MovingPlate(self._nothing, lambda: self.closed.append(spec))

    def _nothing(self, time_ns: int) -> Image:
        raise AssertionError(f"nobody looks, at {time_ns}")


@pytest.fixture
def films() -> Films:
    return Films()


def test_what_was_prepared_is_not_opened_again(films: Films) -> None:
    ahead = NextBackdrop(films.open)
    ahead.prepare("a")
    ahead.take("a")
    assert (films.opened, films.closed) == (["a"], [])


def test_what_was_not_prepared_is_opened(films: Films) -> None:
    ahead = NextBackdrop(films.open)
    ahead.prepare("a")
    ahead.take("b")
    assert (films.opened, films.closed) == (["a", "b"], ["a"])


def test_only_the_last_is_held(films: Films) -> None:
    ahead = NextBackdrop(films.open)
    ahead.prepare("a")
    ahead.prepare("b")
    assert films.closed == ["a"]
    ahead.close()
    assert films.closed == ["a", "b"]


def test_what_comes_after_the_end_is_closed(films: Films) -> None:
    ahead = NextBackdrop(films.open)
    ahead.close()
    ahead.prepare("a")
    assert films.closed == ["a"]


def test_what_cannot_be_opened_leaves_the_rest_as_it_is(films: Films) -> None:
    ahead = NextBackdrop(films.open)
    ahead.prepare("a")
    with pytest.raises(UsageError):
        ahead.prepare("missing")
    ahead.take("a")
    assert films.closed == []
