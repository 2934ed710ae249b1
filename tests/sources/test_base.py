from pathlib import Path

import pytest

from livebg.sources.base import Excerpt
from livebg.sources.video import VideoFile
from tests.support.clips import write_clip


@pytest.mark.parametrize(("asked", "given"), [(5, 5), (1000, 12)])
def test_an_excerpt_has_the_first_frames(tmp_path: Path, asked: int, given: int) -> None:
    with Excerpt(VideoFile(write_clip(tmp_path / "clip.mp4", count=12)), asked) as excerpt:
        assert excerpt.info.frame_count == given
        assert [frame.index for frame in excerpt] == list(range(given))
