from pathlib import Path

import pytest

from livebg.errors import EndOfStreamError, SourceError
from livebg.sources.base import Excerpt
from livebg.sources.video import VideoFile


def test_it_has_the_first_frames(talking_head_clip: Path) -> None:
    with Excerpt(VideoFile(talking_head_clip), 5) as excerpt:
        assert excerpt.info.frame_count == 5
        assert [frame.index for frame in excerpt] == [0, 1, 2, 3, 4]
        with pytest.raises(EndOfStreamError):
            excerpt.read()


def test_a_shorter_source_ends_it(talking_head_clip: Path) -> None:
    with Excerpt(VideoFile(talking_head_clip), 1000) as excerpt:
        assert excerpt.info.frame_count == 72
        assert len(list(excerpt)) == 72


def test_closing_closes_the_source(talking_head_clip: Path) -> None:
    video = VideoFile(talking_head_clip)
    Excerpt(video, 5).close()
    with pytest.raises(SourceError):
        video.read()
