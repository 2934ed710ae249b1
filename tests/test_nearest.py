import pytest

from livebg.nearest import did_you_mean


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
