from pathlib import Path

import pytest

from livebg.doctor.distribution import Family, find_family
from tests.doctor.trees import linux


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
