from __future__ import annotations

from pathlib import Path

import pytest

from livebg.doctor.checks import CHECKS, examine
from livebg.doctor.findings import Family, Finding, Machine, find_family
from tests.support.device_trees import linux


@pytest.mark.parametrize(
    ("release", "family"),
    [
        ("ID=debian\n", "debian"),
        ('NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', "debian"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "debian"),
        ("ID=fedora\n", "fedora"),
        ('ID="nobara"\nID_LIKE="rhel centos fedora"\n', "fedora"),
        ("ID=manjaro\nID_LIKE=arch\n", "arch"),
        ('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n', "suse"),
        ("ID=nixos\n", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_distribution_belongs_to_a_family(tmp_path: Path, release: str, family: Family) -> None:
    assert find_family(linux(tmp_path, {"etc/os-release": release})) == family


def test_findings_keep_the_order_of_the_checks() -> None:
    first, second = Finding("a", "ok", "works"), Finding("b", "warn", "does not", "mend it")
    assert examine(Machine(), (lambda m: [first], lambda m: [second])) == [first, second]


def test_a_check_that_breaks_is_a_finding_and_the_others_still_run() -> None:
    def check_the_moon(machine: Machine) -> list[Finding]:
        raise ZeroDivisionError("it set")

    after = Finding("b", "ok", "works")
    broken, other = examine(Machine(), (check_the_moon, lambda m: [after]))
    assert (broken.topic, broken.status) == ("the moon", "fail")
    assert "ZeroDivisionError: it set" in broken.said
    assert other == after


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_the_checks_run_on_an_empty_machine_of_any_system(tmp_path: Path, platform: str) -> None:
    (tmp_path / "proc").mkdir()
    findings = examine(Machine(root=tmp_path, platform=platform, kernel="6.1.0", environment={}))
    topics = {finding.topic: finding for finding in findings}
    assert not [finding for finding in findings if "the check itself failed" in finding.said]
    assert topics["virtual camera"].status == "warn"
    assert ("PipeWire" in topics) == (platform == "linux")
    assert ("OBS" in topics["virtual camera"].said) == (platform != "linux")


def test_the_checks_run_on_this_machine_without_breaking() -> None:
    findings = examine(Machine())
    assert len(findings) >= len(CHECKS)
    assert not [finding for finding in findings if "the check itself failed" in finding.said]
    for finding in findings:
        assert finding.topic and finding.said
        assert (finding.remedy == "") == (finding.status == "ok"), finding
