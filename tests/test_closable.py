import pytest

from livebg.closable import Closable


class Counted(Closable):
    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_it_is_closed_at_the_end_of_its_block() -> None:
    with Counted() as counted:
        assert counted.closed == 0
    assert counted.closed == 1


def test_it_is_closed_after_an_error_which_goes_on() -> None:
    counted = Counted()
    with pytest.raises(ZeroDivisionError), counted:
        raise ZeroDivisionError
    assert counted.closed == 1
