"""Whether a preview window can be opened."""

from __future__ import annotations

from livebg.doctor.finding import Finding, Machine

__all__ = ["check_display"]


def check_display(machine: Machine) -> list[Finding]:
    """Say whether a preview window can be opened."""
    import cv2

    if not cv2.currentUIFramework():
        return [
            Finding(
                "window",
                "warn",
                f"OpenCV {cv2.__version__} was built without windows",
                "pip uninstall -y opencv-python-headless && "
                "pip install --force-reinstall opencv-python",
            )
        ]
    shown = {name: machine.environment.get(name) for name in ("WAYLAND_DISPLAY", "DISPLAY")}
    if machine.platform != "linux" or any(shown.values()):
        name = next((f" {value}" for value in shown.values() if value), "")
        return [Finding("window", "ok", f"there is a display{name}")]
    return [
        Finding(
            "window",
            "warn",
            "there is no display, so no preview window",
            "log in to a desktop (or `ssh -X`); recording and virtual camera need none",
        )
    ]
