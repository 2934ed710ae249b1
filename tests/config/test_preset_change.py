import pytest

from livebg.config.load import load_settings
from livebg.config.preset_change import preset_of, with_preset
from livebg.config.presets import BY_COST
from livebg.config.schema import Settings


@pytest.mark.parametrize("before", BY_COST)
@pytest.mark.parametrize("after", BY_COST)
def test_a_changed_preset_is_that_preset(before: str, after: str) -> None:
    settings = load_settings(preset=before, overrides={"mirror": "yes", "model": "lraspp"})
    assert preset_of(settings) == before
    changed = with_preset(settings, after)
    assert preset_of(changed) == after
    assert changed == load_settings(preset=after, overrides={"mirror": "yes", "model": "lraspp"})


def test_settings_of_ones_own_are_no_preset() -> None:
    assert preset_of(Settings(max_residual=0.5)) is None
