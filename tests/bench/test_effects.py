from pathlib import Path

from livebg.bench.effects import EFFECTS, open_effects
from livebg.source.picture import read_picture


def test_every_effect_is_a_background(tmp_path: Path) -> None:
    effects = open_effects(EFFECTS, tmp_path)
    assert tuple(effects) == EFFECTS
    assert effects["blur"] == "blur"
    assert read_picture(Path(effects["picture"])).shape == (1080, 1920, 3)


def test_only_what_is_asked_for_is_made(tmp_path: Path) -> None:
    assert open_effects(["blur"], tmp_path) == {"blur": "blur"}
    assert not list(tmp_path.iterdir())
