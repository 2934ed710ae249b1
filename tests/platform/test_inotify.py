import sys
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("inotify is Linux's", allow_module_level=True)

from livebg.platform.linux.inotify import Inotify


def test_openings_and_closings_are_news_once(tmp_path: Path) -> None:
    file = tmp_path / "video10"
    file.touch()
    (tmp_path / "other").touch()
    inotify = Inotify(str(file))
    assert not inotify.any_news()
    (tmp_path / "other").read_bytes()
    assert not inotify.any_news()
    with file.open("rb"):
        assert inotify.any_news()
        assert not inotify.any_news()
    assert inotify.any_news()
    assert not inotify.any_news()
    inotify.close()


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="video10"):
        Inotify(str(tmp_path / "video10"))
