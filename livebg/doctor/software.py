"""Checks of the software that livebg stands on, and of its weights.

Checks of what runs the networks: OpenVINO, PyTorch, and the processor under them.

Whether a preview window can be opened.
"""

from __future__ import annotations

import os
import platform
import warnings
from importlib.util import find_spec
from pathlib import Path

from livebg import __version__
from livebg.cache import cache_folder
from livebg.doctor.findings import Finding, Machine
from livebg.models.catalog import CATALOG
from livebg.models.openvino_ir import import_openvino
from livebg.models.weights import weights_path

__all__ = [
    "check_cache",
    "check_display",
    "check_openvino",
    "check_processor",
    "check_python",
    "check_torch",
    "check_weights",
]


def check_python(machine: Machine) -> list[Finding]:
    """Say which Python and which livebg this is, and whether the fast compositing can be built."""
    system = f"{platform.system()} {machine.kernel}".strip()
    findings = [
        Finding("livebg", "ok", f"{__version__}, from {Path(__file__).parents[1]}"),
        Finding("Python", "ok", f"{platform.python_version()} on {system} {platform.machine()}"),
    ]
    if find_spec("numba") is None:
        findings.append(
            Finding("numba", "warn", "is missing, compositing is slower", "pip install numba")
        )
    return findings


def check_cache(machine: Machine) -> list[Finding]:
    """Say where downloads and compiled networks go, and whether they can."""
    folder = cache_folder()
    present = next(place for place in (folder, *folder.parents) if place.exists())
    if present.is_dir() and machine.may_access(present, os.W_OK | os.X_OK):
        return [Finding("cache", "ok", str(folder))]
    reason = "may not be written to" if present.is_dir() else "is no folder"
    return [
        Finding(
            "cache",
            "fail",
            f"{present} {reason}, weights cannot be stored in {folder}",
            f"sudo chown -R $USER '{present}', or set LIVEBG_CACHE to a folder of yours",
        )
    ]


def check_weights(machine: Machine) -> list[Finding]:
    """Say which networks' weights are here."""
    try:
        here = [name for name, entry in CATALOG.items() if weights_path(entry) is not None]
    except OSError as error:
        return [
            Finding(
                "weights",
                "fail",
                f"cannot be read: {error}",
                f"sudo chown -R $USER '{cache_folder()}'",
            )
        ]
    if "rvm" in here:
        return [Finding("weights", "ok", f"{', '.join(here)} are here")]
    return [
        Finding(
            "weights",
            "warn",
            "those of rvm, the default network, are fetched on first use",
            "livebg models pull rvm",
        )
    ]


_FAST_ARITHMETIC = {
    "amx_bf16": "AMX bf16",
    "avx512_bf16": "AVX-512 bf16",
    "avx512_vnni": "AVX-512 VNNI",
    "avx_vnni": "AVX VNNI",
    "avx512f": "AVX-512",
    "avx2": "AVX2",
    "asimd": "NEON",
}
"""Flags of ``/proc/cpuinfo`` that networks profit from, best first."""

_INTEL = "0x8086"


def check_processor(machine: Machine) -> list[Finding]:
    """Say which fast arithmetic the processor has."""
    cpuinfo = machine.read("proc/cpuinfo")
    if not cpuinfo:
        return []
    flags = set(cpuinfo.split())
    found = [name for flag, name in _FAST_ARITHMETIC.items() if flag in flags]
    if found:
        return [Finding("processor", "ok", f"has {', '.join(found)}")]
    return [
        Finding(
            "processor",
            "warn",
            "has no AVX2, networks will be slow",
            "use `--preset fast`",
        )
    ]


def check_openvino(machine: Machine) -> list[Finding]:
    """Say which devices OpenVINO sees, and whether an Intel GPU is left out."""
    try:
        openvino = import_openvino()
        core = openvino.Core()
        devices = core.available_devices
        capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    except (ImportError, RuntimeError) as error:
        return [
            Finding(
                "OpenVINO",
                "fail",
                f"does not start: {_first_line(error)}",
                "pip install --force-reinstall openvino",
            )
        ]
    version = openvino.__version__.partition("-")[0]
    arithmetic = "bf16" if "BF16" in capabilities else "f32"
    findings = [
        Finding(
            "OpenVINO",
            "ok",
            f"{version} runs on {', '.join(devices)}; the processor computes in {arithmetic}",
        )
    ]
    intel_gpu = any(
        vendor.read_text(encoding="ascii").strip() == _INTEL
        for vendor in (machine.root / "sys/class/drm").glob("renderD*/device/vendor")
    )
    if intel_gpu and not any(device.startswith("GPU") for device in devices):
        findings.append(
            Finding(
                "Intel GPU",
                "warn",
                "is there, but OpenVINO cannot use it: its compute driver is missing",
                "sudo apt install intel-opencl-icd && sudo usermod -aG render $USER",
            )
        )
    return findings


def check_torch(machine: Machine) -> list[Finding]:
    """Say whether PyTorch works, and whether an NVIDIA GPU is silently unused."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return [
            Finding(
                "PyTorch",
                "fail",
                f"cannot be imported: {_first_line(error)}",
                "pip install --force-reinstall torch torchvision",
            )
        ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an old driver is what this check reports itself
        cuda = torch.cuda.is_available()
    if cuda:
        gpu = torch.cuda.get_device_name()
        return [Finding("PyTorch", "ok", f"{torch.__version__} runs on {gpu} (--device cuda)")]
    if torch.backends.mps.is_available():
        return [
            Finding("PyTorch", "ok", f"{torch.__version__} runs on the Apple GPU (--device mps)")
        ]
    if machine.read("proc/driver/nvidia/version"):
        wanted = torch.version.cuda
        reason = f"needs a driver for CUDA {wanted}" if wanted else "was built without CUDA"
        return [
            Finding(
                "PyTorch",
                "warn",
                f"an NVIDIA GPU is there, but PyTorch {torch.__version__} {reason}",
                "pip install --force-reinstall torch torchvision "
                "--index-url https://download.pytorch.org/whl/cu126",
            )
        ]
    return [Finding("PyTorch", "ok", f"{torch.__version__} runs on the processor; there is no GPU")]


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


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
