"""Checks of what runs the networks: OpenVINO, PyTorch, and the processor under them."""

from __future__ import annotations

import warnings

from livebg.doctor.finding import Finding, Machine
from livebg.models.openvino_import import import_openvino

__all__ = ["check_openvino", "check_processor", "check_torch"]

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
