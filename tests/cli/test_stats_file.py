import json
from pathlib import Path

import pytest

from livebg.cli.stats_file import StatsFile
from livebg.errors import InputError


def test_it_is_there_once_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    path.write_text("earlier")
    stats = StatsFile(path)
    assert path.read_text() == "earlier"
    stats.write({"schema": 1})
    assert json.loads(path.read_text()) == {"schema": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_that_cannot_be_written_is_refused_beforehand(tmp_path: Path) -> None:
    for wrong in (tmp_path, tmp_path / "missing" / "stats.json"):
        with pytest.raises(InputError):
            StatsFile(wrong)
    assert list(tmp_path.iterdir()) == []


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    stats = StatsFile(tmp_path / "stats.json")
    with pytest.raises(TypeError):
        stats.write({"schema": object()})
    assert list(tmp_path.iterdir()) == []
