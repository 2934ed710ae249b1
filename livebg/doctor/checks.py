"""The checks of ``livebg doctor``, in the order in which their findings are shown."""

from __future__ import annotations

import logging
import os
import platform
import warnings
from importlib.util import find_spec
from pathlib import Path

from livebg import __version__
from livebg.cache import cache_folder
from livebg.doctor.findings import Check, Finding, Machine
from livebg.doctor.virtual_camera import check_secure_boot, check_virtual_camera
from livebg.models.catalog import CATALOG
from livebg.models.openvino_ir import import_openvino
from livebg.models.weights import weights_path
from livebg.platform.cameras import CameraDevice, choose_mode
from livebg.platform.linux.procfs import find_holders
from livebg.sources.devices import list_cameras

__all__ = ["CHECKS", "examine"]

_log = logging.getLogger(__name__)

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
_SESSION_MANAGERS = ("wireplumber", "pipewire-media-session")
_CAMERA_FPS = 30.0
_SLOW_FPS = 20.0


def check_python(machine: Machine) -> list[Finding]:
    """Say which Python and which livebg this is, and whether numba is there."""
    system = f"{platform.system()} {machine.kernel}".strip()
    findings = [
        Finding("livebg", "ok", f"{__version__}, from {Path(__file__).parents[1]}"),
        Finding("Python", "ok", f"{platform.python_version()} on {system} {platform.machine()}"),
    ]
    if find_spec("numba") is None:
        said = "is missing, compositing is slower"
        findings.append(Finding("numba", "warn", said, "pip install numba"))
    return findings


def check_processor(machine: Machine) -> list[Finding]:
    """Say which fast arithmetic the processor has."""
    cpuinfo = machine.read("proc/cpuinfo")
    if not cpuinfo:
        return []
    flags = set(cpuinfo.split())
    found = [name for flag, name in _FAST_ARITHMETIC.items() if flag in flags]
    if found:
        return [Finding("processor", "ok", f"has {', '.join(found)}")]
    said = "has no AVX2, networks will be slow"
    return [Finding("processor", "warn", said, "use `--preset fast`")]


def check_openvino(machine: Machine) -> list[Finding]:
    """Say which devices OpenVINO sees, and whether an Intel GPU is left out."""
    try:
        openvino = import_openvino()
        core = openvino.Core()
        devices = core.available_devices
        capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    except (ImportError, RuntimeError) as error:
        said = f"does not start: {_first_line(error)}"
        return [Finding("OpenVINO", "fail", said, "pip install --force-reinstall openvino")]
    version = openvino.__version__.partition("-")[0]
    arithmetic = "bf16" if "BF16" in capabilities else "f32"
    said = f"{version} runs on {', '.join(devices)}; the processor computes in {arithmetic}"
    findings = [Finding("OpenVINO", "ok", said)]
    intel_gpu = any(
        vendor.read_text(encoding="ascii").strip() == _INTEL
        for vendor in (machine.root / "sys/class/drm").glob("renderD*/device/vendor")
    )
    if intel_gpu and not any(device.startswith("GPU") for device in devices):
        said = "is there, but OpenVINO cannot use it: its compute driver is missing"
        remedy = "sudo apt install intel-opencl-icd && sudo usermod -aG render $USER"
        findings.append(Finding("Intel GPU", "warn", said, remedy))
    return findings


def check_torch(machine: Machine) -> list[Finding]:
    """Say whether PyTorch works, and whether an NVIDIA GPU is silently unused."""
    install = "pip install --force-reinstall torch torchvision"
    try:
        import torch
    except (ImportError, OSError) as error:
        return [Finding("PyTorch", "fail", f"cannot be imported: {_first_line(error)}", install)]
    version = torch.__version__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an old driver is what this check reports itself
        cuda = torch.cuda.is_available()
    if cuda:
        said = f"{version} runs on {torch.cuda.get_device_name()} (--device cuda)"
    elif torch.backends.mps.is_available():
        said = f"{version} runs on the Apple GPU (--device mps)"
    elif machine.read("proc/driver/nvidia/version"):
        built_for = torch.version.cuda
        reason = f"needs a driver for CUDA {built_for}" if built_for else "was built without CUDA"
        said = f"an NVIDIA GPU is there, but PyTorch {version} {reason}"
        remedy = f"{install} --index-url https://download.pytorch.org/whl/cu126"
        return [Finding("PyTorch", "warn", said, remedy)]
    else:
        said = f"{version} runs on the processor; there is no GPU"
    return [Finding("PyTorch", "ok", said)]


def check_cache(machine: Machine) -> list[Finding]:
    """Say where downloads and compiled networks go, and whether that can be written to."""
    folder = cache_folder()
    present = next(place for place in (folder, *folder.parents) if place.exists())
    if present.is_dir() and machine.may_access(present, os.W_OK | os.X_OK):
        return [Finding("cache", "ok", str(folder))]
    reason = "may not be written to" if present.is_dir() else "is no folder"
    said = f"{present} {reason}, weights cannot be stored in {folder}"
    remedy = f"sudo chown -R $USER '{present}', or set LIVEBG_CACHE to a folder of yours"
    return [Finding("cache", "fail", said, remedy)]


def check_weights(machine: Machine) -> list[Finding]:
    """Say which networks' weights are here."""
    try:
        here = [name for name, entry in CATALOG.items() if weights_path(entry) is not None]
    except OSError as error:
        remedy = f"sudo chown -R $USER '{cache_folder()}'"
        return [Finding("weights", "fail", f"cannot be read: {error}", remedy)]
    if "rvm" in here:
        return [Finding("weights", "ok", f"{', '.join(here)} are here")]
    said = "those of rvm, the default network, are fetched on first use"
    return [Finding("weights", "warn", said, "livebg models pull rvm")]


def check_cameras(machine: Machine) -> list[Finding]:
    """Say which cameras there are, what each delivers, and what is wrong with it."""
    cameras = list_cameras()
    if not cameras:
        remedy = "plug one in, or pretend with `livebg run --camera VIDEO`"
        return [Finding("camera", "warn", "there is none", remedy)]
    return [_check_camera(machine, camera) for camera in cameras]


def _check_camera(machine: Machine, camera: CameraDevice) -> Finding:
    named = f"{camera.path} ({camera.name})"
    if camera.problem:
        said, _, remedy = camera.problem.partition("; ")
        return Finding("camera", "fail", said, remedy)
    if camera.virtual:
        return Finding("camera", "ok", f"{named}: a virtual camera")
    if machine.platform == "linux":
        users = find_holders([camera.path], machine.root / "proc").others
        if users:
            said = f"{named} is open in {' and '.join(map(str, users))}"
            remedy = "close it there, and choose the virtual camera there instead"
            return Finding("camera", "warn", said, remedy)
    mode = choose_mode(camera.modes, None, _CAMERA_FPS)
    if mode is None:
        return Finding("camera", "ok", f"{named}: its modes cannot be asked for")
    compressed = any(each.fourcc == "MJPG" for each in camera.modes)
    said = f"{named}: {mode}" if compressed else f"{named}: {mode}; it has no MJPG"
    if mode.rates and mode.rates[0] < _SLOW_FPS:
        said = f"{said}: it is slow" if compressed else f"{said}, so it is slow"
        remedy = "livebg run --size 640x480, more light, or a faster USB port"
        return Finding("camera", "warn", said, remedy)
    return Finding("camera", "ok", said)


def check_pipewire(machine: Machine) -> list[Finding]:
    """Say whether PipeWire and the session manager that it needs run for this user."""
    if machine.platform != "linux":
        return []
    # The kernel cuts the names of processes off after 15 letters.
    running = {
        machine.read(str(path.relative_to(machine.root)))[:15]
        for path in (machine.root / "proc").glob("[0-9]*/comm")
    }
    runtime_folder = machine.environment.get("XDG_RUNTIME_DIR", "").lstrip("/")
    socket = machine.root / runtime_folder / "pipewire-0"
    if "pipewire" not in running or not (runtime_folder and socket.exists()):
        said = "does not run; only Flatpak apps and `--virtual-camera pipewire` need it"
        remedy = "systemctl --user enable --now pipewire wireplumber"
        return [Finding("PipeWire", "warn", said, remedy)]
    manager = next((name for name in _SESSION_MANAGERS if name[:15] in running), None)
    if manager is None:
        said = "runs without a session manager, apps find no cameras through it"
        remedy = "systemctl --user enable --now wireplumber"
        return [Finding("PipeWire", "warn", said, remedy)]
    return [Finding("PipeWire", "ok", f"runs, with {manager}")]


def check_display(machine: Machine) -> list[Finding]:
    """Say whether a preview window can be opened."""
    import cv2

    if not cv2.currentUIFramework():
        said = f"OpenCV {cv2.__version__} was built without windows"
        remedy = (
            "pip uninstall -y opencv-python-headless && pip install --force-reinstall opencv-python"
        )
        return [Finding("window", "warn", said, remedy)]
    displays = filter(None, map(machine.environment.get, ("WAYLAND_DISPLAY", "DISPLAY")))
    display = next(displays, "")
    if display or machine.platform != "linux":
        return [Finding("window", "ok", f"there is a display {display}".strip())]
    said = "there is no display, so no preview window"
    remedy = "log in to a desktop (or `ssh -X`); recording and virtual camera need none"
    return [Finding("window", "warn", said, remedy)]


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


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


def examine(machine: Machine, checks: tuple[Check, ...] = CHECKS) -> list[Finding]:
    """Return the findings of all checks on ``machine``.

    An unforeseen error of a check becomes a finding: the doctor is called when things are broken.
    """
    findings = []
    for check in checks:
        try:
            findings.extend(check(machine))
        except Exception as error:
            _log.debug("%s failed", check.__name__, exc_info=True)
            topic = check.__name__.removeprefix("check_").replace("_", " ")
            said = f"the check itself failed with {type(error).__name__}: {error}"
            remedy = "run `livebg doctor --debug` and report what it shows"
            findings.append(Finding(topic, "fail", said, remedy))
    return findings
