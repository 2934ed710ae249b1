import json
from dataclasses import asdict

import pytest

from livebg import __version__
from livebg.cli import doctor
from livebg.cli.doctor import as_text
from livebg.cli.main import main
from livebg.doctor.findings import Finding, Machine

GOOD = Finding("cache", "ok", "here")
MISSING = Finding("camera", "warn", "there is none", "plug one in")
BROKEN = Finding("OpenVINO", "fail", "does not start", "pip install openvino")


@pytest.mark.parametrize(
    ("findings", "status"), [([GOOD], 0), ([GOOD, MISSING], 0), ([GOOD, MISSING, BROKEN], 1)]
)
def test_only_what_fails_makes_the_command_fail(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    findings: list[Finding],
    status: int,
) -> None:
    def examine(machine: Machine) -> list[Finding]:
        return findings

    monkeypatch.setattr(doctor, "examine", examine)
    assert main(["doctor"]) == status
    assert capsys.readouterr().out.count("->") == len(findings) - 1
    assert main(["doctor", "--json"]) == status
    shown = json.loads(capsys.readouterr().out)
    assert shown == {"livebg": __version__, "findings": [asdict(found) for found in findings]}


def test_a_remedy_stands_below_what_it_mends() -> None:
    lines = as_text([GOOD, MISSING], coloured=False).splitlines()
    assert lines == [
        "ok    cache   here",
        "warn  camera  there is none",
        "              -> plug one in",
    ]


def test_colours_are_for_terminals_only() -> None:
    assert "\x1b[31mfail\x1b[0m" in as_text([BROKEN], coloured=True)
    assert "\x1b" not in as_text([BROKEN], coloured=False)
