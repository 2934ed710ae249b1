from pathlib import Path

import pytest

from livebg.config.load import load_settings, read_config
from livebg.config.presets import DEFAULT_PRESET, preset_names, preset_path, presets_folder
from livebg.config.schema import Settings
from livebg.errors import SettingsError

FILES = sorted(presets_folder().glob("*.toml"))


def test_the_presets_that_the_documentation_names_are_here() -> None:
    names = preset_names()
    assert names[:3] == ("fast", "balanced", "quality")
    assert {"meeting", "cuda_fp16"} <= set(names)
    assert DEFAULT_PRESET in names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_loads_and_says_what_it_is_for(path: Path) -> None:
    assert path.read_text().startswith(f"# {path.stem}: ")
    assert isinstance(load_settings(preset=path.stem), Settings)
    assert "preset" not in read_config(path)


def test_a_program_that_names_no_preset_gets_the_default_one() -> None:
    assert load_settings() == load_settings(preset=DEFAULT_PRESET)


def test_presets_differ_in_cost() -> None:
    fast, balanced, quality = (load_settings(preset=name).matte_size for name in preset_names()[:3])
    assert fast[0] * fast[1] < balanced[0] * balanced[1] < quality[0] * quality[1]


def test_an_unknown_preset_is_refused_with_the_list_and_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"^--preset: .*fast, balanced.*mean 'quality'\?"):
        preset_path("qualiti", "--preset")


def test_a_path_is_no_preset_name() -> None:
    with pytest.raises(SettingsError, match="there is no preset"):
        preset_path("../pyproject", "--preset")
