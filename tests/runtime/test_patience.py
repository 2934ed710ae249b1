import pytest

from livebg.runtime.patience import Patience

S = 1_000_000_000


def test_a_quick_network_gets_what_the_setting_says() -> None:
    patience = Patience(0.5)
    for _ in range(9):
        patience.took(S // 50)
    assert (patience.answer_s, patience.age_s) == (0.5, 1.0)


def test_a_network_that_is_always_slow_gets_the_time_that_it_needs() -> None:
    patience = Patience(0.5)
    for took_ns in (S, 2 * S, S):
        patience.took(took_ns)
    assert (patience.answer_s, patience.age_s) == (1.5, 3.0)


def test_one_answer_that_hung_changes_nothing() -> None:
    patience = Patience(0.5)
    for took_ns in (S // 50, 30 * S, S // 50):
        patience.took(took_ns)
    assert patience.answer_s == 0.5


def test_there_is_an_end_to_it() -> None:
    patience = Patience(0.5)
    patience.took(60 * S)
    assert patience.answer_s == 5.0


def test_who_wants_more_gets_it() -> None:
    patience = Patience(0.5)
    patience.took(S)
    patience.configure(8.0)
    assert patience.answer_s == 8.0
    patience.configure(0.2)
    assert patience.answer_s == pytest.approx(1.5)
