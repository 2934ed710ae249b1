"""Whether Secure Boot keeps the kernel from loading a module that was built on this machine."""

from __future__ import annotations

from livebg.doctor.finding import Finding, Machine
from livebg.doctor.loopback import find_module

__all__ = ["check_secure_boot", "enrol_command", "is_secure_boot_on"]

_VARIABLE = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

_CERTIFICATES = (
    "var/lib/shim-signed/mok/MOK.der",  # Ubuntu
    "var/lib/dkms/mok.pub",  # Debian and others with DKMS
    "etc/pki/akmods/certs/public_key.der",  # Fedora
)
"""Where distributions keep the key that they sign modules with which are built on the machine."""


def is_secure_boot_on(machine: Machine) -> bool:
    """Whether the firmware tells so: the last byte of its variable is 1."""
    try:
        return (machine.root / _VARIABLE).read_bytes()[-1:] == b"\1"
    except OSError:
        return False


def enrol_command(machine: Machine) -> str:
    """Return what makes the firmware trust the key that v4l2loopback is signed with."""
    here = (name for name in _CERTIFICATES if (machine.root / name).exists())
    return f"sudo mokutil --import /{next(here, _CERTIFICATES[1])}"


def check_secure_boot(machine: Machine) -> list[Finding]:
    """Say whether Secure Boot is on, and what lets it accept v4l2loopback."""
    if machine.platform != "linux" or not (machine.root / _VARIABLE).exists():
        return []
    if not is_secure_boot_on(machine):
        return [Finding("Secure Boot", "ok", "is off")]
    if find_module(machine).loaded:
        return [Finding("Secure Boot", "ok", "is on, and v4l2loopback is loaded all the same")]
    return [
        Finding(
            "Secure Boot",
            "warn",
            "is on: the kernel refuses v4l2loopback until the key it is signed with is enrolled",
            f"{enrol_command(machine)}, then restart, and choose Enroll MOK in the blue menu",
        )
    ]
