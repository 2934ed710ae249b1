import pytest

from livebg.config.schema import Settings
from livebg.errors import ModelError, NetworkLateError
from livebg.runtime import rehearsal
from livebg.runtime.rehearsal import build_rehearsed
from livebg.types import Frame, Image, Size
from tests.runtime.fakes import SIZE, FakeChain


def rehearse(chain: FakeChain, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings that the pipeline was built with."""
    built: list[Settings] = []

    def build(settings: Settings, size: Size, *, live: bool) -> FakeChain:
        built.append(settings)
        return chain

    monkeypatch.setattr(rehearsal, "build_pipeline", build)
    build_rehearsed(Settings(), SIZE, live=True)
    return built[0]


def test_a_pipeline_that_was_rehearsed_is_as_new(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = FakeChain()
    rehearse(chain, monkeypatch)
    assert (chain.resets, chain.cleared, chain.closed) == (1, 1, False)


def test_a_network_may_take_its_time_at_first_only(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = FakeChain()
    built = rehearse(chain, monkeypatch)
    assert built.max_matte_age_s > Settings().max_matte_age_s
    assert chain.reconfigured == [Settings()]


def test_a_network_that_is_slow_even_then_is_used_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def be_late(frame: Frame) -> Image:
        raise NetworkLateError("the network has not answered")

    chain = FakeChain(be_late)
    rehearse(chain, monkeypatch)
    assert (chain.reconfigured, chain.resets, chain.closed) == ([Settings()], 1, False)


def test_one_that_fails_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(frame: Frame) -> Image:
        raise ModelError("the network returned NaN")

    chain = FakeChain(fail)
    with pytest.raises(ModelError, match="returned NaN"):
        rehearse(chain, monkeypatch)
    assert chain.closed
