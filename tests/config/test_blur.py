import pytest

from livebg.config.blur import PLAIN_BLUR, blur_strength
from livebg.errors import UsageError


@pytest.mark.parametrize(
    ("background", "strength"),
    [
        ("blur", PLAIN_BLUR),
        ("Blur:0", 0.0),
        ("blur:37.5", 37.5),
        ("blur: 100 ", 100.0),
        ("blurred.jpg", None),
        ("white", None),
        ("", None),
    ],
)
def test_a_blur_has_a_strength_and_nothing_else_has(
    background: str, strength: float | None
) -> None:
    assert blur_strength(background) == strength


@pytest.mark.parametrize("number", ["", "much", "-1", "100.1", "nan", "inf"])
def test_what_is_no_strength_is_refused(number: str) -> None:
    with pytest.raises(UsageError, match="a number from 0 to 100"):
        blur_strength(f"blur:{number}")
