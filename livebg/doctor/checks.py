"""All checks, in the order in which they are shown."""

from __future__ import annotations

import logging

from livebg.doctor.cameras import check_cameras
from livebg.doctor.findings import Check, Finding, Machine
from livebg.doctor.software import (
    check_cache,
    check_display,
    check_openvino,
    check_processor,
    check_python,
    check_torch,
    check_weights,
)
from livebg.doctor.virtual_camera import check_pipewire, check_secure_boot, check_virtual_camera

__all__ = ["CHECKS", "examine"]

CHECKS: tuple[Check, ...] = (
    check_python,
    check_processor,
    check_openvino,
    check_torch,
    check_cache,
    check_weights,
    check_cameras,
    check_virtual_camera,
    check_secure_boot,
    check_pipewire,
    check_display,
)

_log = logging.getLogger(__name__)


def examine(machine: Machine, checks: tuple[Check, ...] = CHECKS) -> list[Finding]:
    """Return what all checks find on ``machine``.

    A check that fails in a way that nobody foresaw becomes a finding too, because a doctor is
    called when things are broken.
    """
    findings = []
    for check in checks:
        try:
            findings.extend(check(machine))
        except Exception as error:
            _log.debug("%s failed", check.__name__, exc_info=True)
            topic = check.__name__.removeprefix("check_").replace("_", " ")
            findings.append(
                Finding(
                    topic,
                    "fail",
                    f"the check itself failed with {type(error).__name__}: {error}",
                    "run `livebg doctor --debug` and report what it shows",
                )
            )
    return findings
