import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from livebg.platform.linux.systemd import UNIT_NAME, unit_path, unit_text

ODD = ["/bin/echo", "50 %", "$HOME", 'say "x"', "it's", "back\\slash", "a;b", "", "two\nlines"]


def started(text: str) -> str:
    (line,) = (line for line in text.splitlines() if line.startswith("ExecStart="))
    return line.removeprefix("ExecStart=")


def test_it_lies_among_the_users_own_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert unit_path({}) == tmp_path / ".config/systemd/user" / UNIT_NAME
    assert unit_path({"XDG_CONFIG_HOME": "/else"}) == Path("/else/systemd/user") / UNIT_NAME


def test_plain_words_stay_plain() -> None:
    words = ["/usr/bin/python3", "-m", "livebg", "run", "--background", "color:#00ff00"]
    assert started(unit_text(words, Path("/home/ada"))) == " ".join(words)


def test_odd_words_reach_the_program_as_they_are() -> None:
    """Read back as systemd does: its quotes and escapes are those of a shell's double quotes."""
    words = started(unit_text(ODD, Path("/")))
    unescaped = words.replace("%%", "%").replace("$$", "\\$").replace("\\n", "\n")
    assert shlex.split(unescaped.replace("\\$", "$")) == ODD


@pytest.mark.integration
@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("systemd-analyze") is None,
    reason="needs systemd-analyze, which comes with systemd",
)
def test_systemd_finds_nothing_wrong_with_it(tmp_path: Path) -> None:
    unit = tmp_path / UNIT_NAME
    unit.write_text(unit_text([sys.executable, "-m", "livebg", "run", *ODD[1:-2]], tmp_path))
    done = subprocess.run(
        ["systemd-analyze", "--user", "--man=no", "--recursive-errors=no", "verify", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, "")
