import pytest

from livebg.config.schema import Settings
from livebg.errors import ModelError
from livebg.pixel_format import BGR, PixelFormat
from livebg.runtime import rehearsal
from livebg.runtime.rehearsal import build_rehearsed
from livebg.types import Composite, Frame, Size
from tests.runtime.fakes import SIZE, FakeChain


class Late(FakeChain):
    """Answers in time once it was asked ``late`` times."""

    def __init__(self, late: int) -> None:
        super().__init__()
        self.late = late

    def process(
        self, frame: Frame, *, want_alpha: bool = False, pixel_format: PixelFormat = BGR
    ) -> Composite:
        if self.late:
            self.late -= 1
            raise ModelError("the network has not answered")
        return super().process(frame, want_alpha=want_alpha, pixel_format=pixel_format)


def rehearse(chain: FakeChain, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(settings: Settings, size: Size, *, live: bool) -> FakeChain:
        return chain

    monkeypatch.setattr(rehearsal, "build_pipeline", build)
    build_rehearsed(Settings(), SIZE, live=True)


def test_a_pipeline_that_was_rehearsed_is_as_new(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = FakeChain()
    rehearse(chain, monkeypatch)
    assert (chain.resets, chain.cleared, chain.closed) == (1, 1, False)


def test_a_network_may_be_late_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = Late(3)
    rehearse(chain, monkeypatch)
    assert not chain.closed


def test_one_that_never_answers_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = Late(100)
    with pytest.raises(ModelError, match="has not answered"):
        rehearse(chain, monkeypatch)
    assert chain.closed
