from pathlib import Path

import pytest

from livebg import __version__
from livebg.doctor import software
from livebg.doctor.finding import Machine
from livebg.doctor.software import check_cache, check_python, check_weights
from livebg.models.catalog import CATALOG, CatalogEntry


def test_versions_are_said() -> None:
    said = [finding.said for finding in check_python(Machine())]
    assert __version__ in said[0]
    assert said[1].startswith("3.")


def test_a_missing_numba_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "find_spec", lambda name: None)
    assert check_python(Machine())[-1].remedy == "pip install numba"


def test_a_cache_that_is_yet_to_be_made_is_ok(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path / "new" / "cache"))
    (finding,) = check_cache(Machine())
    assert (finding.status, finding.said) == ("ok", str(tmp_path / "new" / "cache"))


def test_a_cache_that_is_forbidden_or_no_folder_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path / "cache"))
    (forbidden,) = check_cache(Machine(may_access=lambda path, mode: False))
    assert forbidden.status == "fail"
    assert "LIVEBG_CACHE" in forbidden.remedy
    (tmp_path / "cache").write_text("a file")
    (no_folder,) = check_cache(Machine())
    assert no_folder.status == "fail"
    assert "is no folder" in no_folder.said


def test_weights_that_are_not_here_come_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path))
    (finding,) = check_weights(Machine())
    assert (finding.status, finding.remedy) == ("warn", "livebg models pull rvm")


def test_weights_that_are_here_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    def weights_path(entry: CatalogEntry) -> Path | None:
        return Path("here") if entry is CATALOG["rvm"] else None

    monkeypatch.setattr(software, "weights_path", weights_path)
    (finding,) = check_weights(Machine())
    assert (finding.status, finding.said) == ("ok", "rvm are here")
