import threading

import pytest

from livebg.runtime.errand import Errand
from tests.runtime.fakes import GENEROUS_S


def test_it_runs_beside_and_keeps_what_came_of_it() -> None:
    release = threading.Event()

    def work(stop: threading.Event) -> str:
        release.wait(GENEROUS_S)
        return threading.current_thread().name

    errand = Errand("example", work)
    assert not errand.done
    release.set()
    errand.wait()
    assert errand.done
    assert errand.outcome() == "livebg-example"


def test_what_it_raised_is_raised_to_whoever_asks() -> None:
    def work(stop: threading.Event) -> None:
        raise ValueError("broken")

    errand = Errand("example", work)
    errand.wait()
    with pytest.raises(ValueError, match="broken"):
        errand.outcome()


def test_the_work_can_see_that_nobody_wants_it_any_more() -> None:
    errand = Errand("example", lambda stop: stop.wait(GENEROUS_S))
    errand.stop()
    errand.wait()
    assert errand.outcome() is True
