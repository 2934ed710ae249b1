from pathlib import Path

import pytest

from livebg.doctor.finding import Machine
from livebg.doctor.secure_boot import check_secure_boot
from tests.doctor.trees import LOADED, linux, only

VARIABLE = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
ON, OFF = b"\6\0\0\0\1", b"\6\0\0\0\0"


def test_a_machine_without_it_has_no_finding(tmp_path: Path) -> None:
    assert check_secure_boot(linux(tmp_path, {})) == []
    assert check_secure_boot(Machine(root=tmp_path, platform="darwin")) == []


def test_what_is_off_is_ok(tmp_path: Path) -> None:
    finding = only(check_secure_boot(linux(tmp_path, {VARIABLE: OFF})))
    assert (finding.status, finding.said) == ("ok", "is off")


def test_what_is_on_is_ok_once_the_module_is_loaded(tmp_path: Path) -> None:
    finding = only(check_secure_boot(linux(tmp_path, {VARIABLE: ON, **LOADED})))
    assert finding.status == "ok"


@pytest.mark.parametrize(
    ("certificate", "named"),
    [
        (None, "/var/lib/dkms/mok.pub"),
        ("var/lib/dkms/mok.pub", "/var/lib/dkms/mok.pub"),
        ("var/lib/shim-signed/mok/MOK.der", "/var/lib/shim-signed/mok/MOK.der"),
        ("etc/pki/akmods/certs/public_key.der", "/etc/pki/akmods/certs/public_key.der"),
    ],
)
def test_what_is_on_asks_for_the_key_of_the_distribution(
    tmp_path: Path, certificate: str | None, named: str
) -> None:
    files: dict[str, str | bytes | None] = {VARIABLE: ON}
    if certificate is not None:
        files[certificate] = ""
    finding = only(check_secure_boot(linux(tmp_path, files)))
    assert finding.status == "warn"
    assert finding.remedy.startswith(f"sudo mokutil --import {named}, then restart")
