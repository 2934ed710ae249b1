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


LIBRARY_USE = """
import os, signal
import cv2, numpy as np

def state():
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    return dict(os.environ), cv2.getNumThreads(), handlers

before = state()
import livebg
from livebg.live.session import Session
from tests.support.scenes import SyntheticScene

scene = SyntheticScene((160, 90), frame_count=4)
with livebg.Pipeline(background="white", model="rvm", threads=1) as pipeline:
    for frame in scene:
        pipeline(frame.image)
with livebg.Session(
    source=SyntheticScene((160, 90), frame_count=4), background="white", sinks=["null"]
) as session:
    session.wait(60)
after = state()
for old, new in zip(before, after):
    assert old == new, (old, new)
"""


@pytest.mark.integration
@pytest.mark.usefixtures("rvm_weights")
def test_a_program_that_uses_livebg_keeps_its_own_settings() -> None:
    subprocess.run([sys.executable, "-c", LIBRARY_USE], timeout=120, check=True)
