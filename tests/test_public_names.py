import subprocess
import sys

import pytest

import livebg
from livebg import errors

PUBLIC = {
    "__version__",
    "Background",
    "Composite",
    "Conversion",
    "Frame",
    "Matte",
    "Pipeline",
    "Segmenter",
    "SegmenterInfo",
    "Session",
    "Settings",
    "Sink",
    "Source",
    "SourceInfo",
    "convert",
    "cutout",
    "load_settings",
    *errors.__all__,
}
"""What livebg promises to those who import it; a change here is a line in the changelog."""


def test_the_public_names_are_these() -> None:
    assert set(livebg.__all__) == PUBLIC
    assert set(dir(livebg)) >= PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(livebg, name) is getattr(livebg, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'livebg' has no attribute 'Setings'"):
        _ = livebg.Setings


@pytest.mark.integration
def test_importing_livebg_imports_nothing_else() -> None:
    heavy = ("numpy", "cv2", "torch", "openvino", "av", "numba", "livebg.frame")
    loaded = subprocess.run(
        [sys.executable, "-c", "import livebg, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.split()
    assert not set(heavy).intersection(loaded)
