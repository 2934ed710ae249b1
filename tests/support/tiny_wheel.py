"""Real wheels, a few bytes large, for pip to find in a local folder."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

__all__ = ["make_wheel", "only_local_wheels"]


def make_wheel(folder: Path, name: str, version: str, members: dict[str, bytes]) -> Path:
    """Write a wheel with these members, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    wheel = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    texts = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in members.items():
            archive.writestr(path, content)
        for path, text in texts.items():
            archive.writestr(f"{info}/{path}", text)
    return wheel


def only_local_wheels(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let pip see the wheels in ``folder`` and no index."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
