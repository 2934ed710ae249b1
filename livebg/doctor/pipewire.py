"""Whether PipeWire runs, through which sandboxed apps and newer browsers reach cameras."""

from __future__ import annotations

from pathlib import Path

from livebg.doctor.finding import Finding, Machine

__all__ = ["check_pipewire"]

_TOPIC = "PipeWire"
_MANAGERS = ("wireplumber", "pipewire-media-session")


def check_pipewire(machine: Machine) -> list[Finding]:
    """Say whether PipeWire and the session manager that it needs run for this user."""
    if machine.platform != "linux":
        return []
    running = _programs(machine)
    runtime_folder = machine.environment.get("XDG_RUNTIME_DIR", "").lstrip("/")
    socket = machine.root / runtime_folder / "pipewire-0"
    if "pipewire" not in running or not (runtime_folder and socket.exists()):
        return [
            Finding(
                _TOPIC,
                "warn",
                "does not run; only Flatpak apps and `--virtual-camera pipewire` need it",
                "systemctl --user enable --now pipewire wireplumber",
            )
        ]
    manager = next((name for name in _MANAGERS if name in running), None)
    if manager is None:
        return [
            Finding(
                _TOPIC,
                "warn",
                "runs without a session manager, apps find no cameras through it",
                "systemctl --user enable --now wireplumber",
            )
        ]
    return [Finding(_TOPIC, "ok", f"runs, with {manager}")]


def _programs(machine: Machine) -> set[str]:
    """Return the names of all processes, which the kernel cuts off after 15 letters."""
    names = (_name(path) for path in (machine.root / "proc").glob("[0-9]*/comm"))
    whole = {name[:15]: name for name in ("pipewire", *_MANAGERS)}
    return {whole.get(name, name) for name in names}


def _name(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # it ended a moment ago
        return ""
