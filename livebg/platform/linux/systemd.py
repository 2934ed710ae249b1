"""The systemd unit that runs livebg for a user from log-in to log-out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["UNIT_NAME", "unit_path", "unit_text"]

UNIT_NAME = "livebg.service"

_TEMPLATE = """\
# Written by `livebg service install`; `livebg service remove` takes it away.
[Unit]
Description=livebg, the background filter for the webcam
After=pipewire.service
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={command}
WorkingDirectory=-{folder}
Restart=on-failure
RestartSec=30
TimeoutStopSec=5

# What livebg never needs. Options that need a user namespace (ProtectSystem, PrivateTmp ...) are
# left out: where the system forbids those, as Ubuntu does, the service would not start.
NoNewPrivileges=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077

[Install]
WantedBy=default.target
"""


_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "%": "%%", "$": "$$"})


def unit_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the user's own units are, and ours among them."""
    config = environment.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(config) / "systemd" / "user" / UNIT_NAME


def unit_text(command: Sequence[str], folder: Path) -> str:
    """Return the unit that runs ``command``, without a shell, in ``folder``."""
    return _TEMPLATE.format(
        command=" ".join(map(_quoted, command)), folder=str(folder).replace("%", "%%")
    )


def _quoted(word: str) -> str:
    """Write a word so that systemd reads it as it is [systemd.service(5), "Command lines"]."""
    escaped = word.translate(_ESCAPES)
    plain = escaped and not any(letter in escaped for letter in " \t'\"\\;")
    return escaped if plain else f'"{escaped}"'
