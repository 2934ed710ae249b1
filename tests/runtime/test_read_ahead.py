import threading

import pytest

from livebg.errors import InputError, SourceError
from livebg.runtime.read_ahead import ReadAhead
from livebg.source.base import Source
from livebg.source.synthetic import SyntheticScene
from livebg.types import Frame


class Breaking(SyntheticScene):
    """A scene that breaks off after its third frame."""

    def read(self) -> Frame:
        frame = super().read()
        if frame.index == 3:
            raise SourceError("the disk was pulled out")
        return frame


def background_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "livebg-background"]


def test_what_was_read_before_an_error_still_comes_and_then_the_error() -> None:
    with ReadAhead(lambda: Breaking((64, 64), frame_count=8)) as source:
        assert [source.read().index for _ in range(3)] == [0, 1, 2]
        with pytest.raises(SourceError, match="pulled out"):
            source.read()


def test_closing_in_the_middle_ends_the_thread_and_closes_the_source() -> None:
    inner = SyntheticScene((64, 64), frame_count=100)
    source = ReadAhead(lambda: inner, ahead=2)
    source.read()
    source.close()
    assert background_threads() == []
    with pytest.raises(SourceError):
        inner.read()


def test_a_source_that_cannot_be_opened_starts_no_thread() -> None:
    def refuse() -> Source:
        raise InputError("there is no such file")

    with pytest.raises(InputError, match="no such file"):
        ReadAhead(refuse)
    assert background_threads() == []
