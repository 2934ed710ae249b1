"""A test machine with a webcam and a virtual camera, and the programs that use them."""

from __future__ import annotations

import sys
from pathlib import Path

import livebg
from livebg.frame import Image
from tests.system.app import App
from tests.system.footage import FPS, SETTINGS, SIZE, Footage
from tests.system.vm.machine import Job, Machine, MachineError

__all__ = ["KERNEL_TARGET", "SOURCES", "VERSIONS", "VIRTUAL_CAMERA", "WEBCAM", "Studio"]

SOURCES = Path(livebg.__file__).parents[1]
"""The folder that livebg is imported from."""

KERNEL_TARGET = {"NUMBA_CPU_NAME": "generic"}
"""Environment in which compiled kernels run on this machine and on the emulated one."""

VERSIONS = {
    "0.12.7": "modprobe v4l2loopback",
    "0.15": "modprobe videodev && insmod /opt/v4l2loopback-newer/v4l2loopback.ko",
}
"""The versions of v4l2loopback that people have, and how each is loaded."""

WEBCAM = "/dev/video10"
VIRTUAL_CAMERA = "/dev/video11"

_NEAR = 5.0
"""Levels between a picture from the machine and the same one computed here. Conversions to YUYV and
I420 cost 1.5, the network's turn (which is not the same) up to 2; the bare background is 18 away,
the room 70."""

_START_S = 300.0
"""Emulated, Python and its packages alone need most of a minute on an idle host."""

_POLL_S = 2.0
_VIVID = "/sys/bus/platform/drivers/vivid"
_PORT = 8080
_BROWSER = Path(__file__).parent / "browser"

_CHROMIUM = (
    "chromium --headless=new --no-sandbox --no-zygote --disable-gpu --disable-dev-shm-usage"
    " --no-first-run --disable-extensions --disable-background-networking --mute-audio"
    " --disable-component-update --disable-features=Translate,OptimizationHints,MediaRouter"
    " --enable-features=NetworkServiceInProcess2"
    " --use-fake-ui-for-media-stream --autoplay-policy=no-user-gesture-required"
)
"""Without a screen, and with the question for permission answered; the cameras are real ones. The
network has no process of its own, because Chromium gives that up when it is slow to start."""

_USERS = """
import os
for process in filter(str.isdigit, os.listdir("/proc")):
    try:
        files = os.scandir(f"/proc/{process}/fd")
        if DEVICE in [os.readlink(file.path) for file in files]:
            print(open(f"/proc/{process}/comm").read().strip())
    except OSError:
        pass
"""


class Studio:
    """The programs of a machine in which no camera is set up yet; its webcam sees ``footage``."""

    def __init__(self, machine: Machine, footage: Footage, cache: Path) -> None:
        self.machine = machine
        self.footage = footage
        self._cache = cache
        self._apps = 0
        self._livebg: Job | None = None

    def load_loopback(self, version: str) -> None:
        """Load v4l2loopback with a webcam and a virtual camera."""
        self.machine.run(
            f"{VERSIONS[version]} devices=2 video_nr=10,11 card_label=webcam,livebg"
            " exclusive_caps=1,1"
        )
        self._admit_users(WEBCAM, VIRTUAL_CAMERA)

    def load_vivid(self) -> None:
        """Load the kernel's test camera as the webcam, and v4l2loopback as the virtual camera.

        The test camera shows a plain red room with nobody in it.
        """
        self.machine.run(
            f"{VERSIONS['0.15']} devices=1 video_nr=11 card_label=livebg exclusive_caps=1\n"
            "modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0 vid_cap_nr=10"
        )
        self._admit_users(VIRTUAL_CAMERA)
        self._set_up_vivid()

    def unplug_vivid(self) -> None:
        """Take the driver away from the webcam, which is what pulling a plug does."""
        self.machine.run(f"echo vivid.0 >{_VIVID}/unbind")

    def plug_vivid_in(self) -> None:
        """Let the webcam come back."""
        self.machine.run(f"echo vivid.0 >{_VIVID}/bind")
        self._set_up_vivid()

    def _set_up_vivid(self) -> None:
        self.machine.run(
            "camera=$(grep -l vivid /sys/class/video4linux/*/name | cut -d / -f 5)\n"
            "v4l2-ctl -d /dev/$camera -c test_pattern=RED,osd_text_mode=2\n"
            "chown root:video /dev/$camera && chmod 660 /dev/$camera\n"
        )

    def _admit_users(self, *devices: str) -> None:
        """Give devices to the group video, as udev would."""
        names = " ".join(devices)
        self.machine.run(f"chown root:video {names} && chmod 660 {names}")

    def feed_webcam(self) -> Job:
        """Play the footage into the webcam, over and over."""
        raw = self.machine.folder / "room.bgr"
        if not raw.exists():
            self.footage.write_raw(raw)
        job = self.machine.start(
            "exec ffmpeg -v error -nostdin -re -stream_loop -1 -f rawvideo -pixel_format bgr24"
            f" -video_size {SIZE[0]}x{SIZE[1]} -framerate {FPS} -i /machine/{raw.name}"
            f" -pix_fmt yuyv422 -f v4l2 {WEBCAM}"
        )
        self._wait_for_capture(WEBCAM, job, timeout_s=60)
        return job

    def start_livebg(self, *options: str) -> Job:
        """Start ``livebg run`` as an ordinary user, and wait until its camera can be opened."""
        command = [sys.executable, "-m", "livebg", "run", "--debug"]
        command += ["--camera", WEBCAM, "--virtual-camera", VIRTUAL_CAMERA]
        command += ["--size", f"{SIZE[0]}x{SIZE[1]}", "--fps", str(FPS), *options]
        environment = {"PYTHONPATH": SOURCES, "LIVEBG_CACHE": self._cache, **KERNEL_TARGET}
        environment |= {f"LIVEBG_{name.upper()}": text for name, text in SETTINGS.items()}
        job = self.machine.start(
            f"export {' '.join(f'{name}={text}' for name, text in environment.items())}\n"
            f"exec {' '.join(command)}",
            user="tester",
        )
        # The device may go on offering what one that was killed has sent: ask this one first.
        job.wait_for_output(f"({WEBCAM})", _START_S)
        self._wait_for_capture(VIRTUAL_CAMERA, job, timeout_s=_START_S)
        self._livebg = job
        return job

    def read(self) -> App:
        """Start an app, ffmpeg, that reads the virtual camera and keeps each picture once."""
        folder = self._next_folder()
        job = self.machine.start(
            f"exec ffmpeg -v error -nostdin -f v4l2 -i {VIRTUAL_CAMERA} -vf mpdecimate,setpts=N"
            f" -fps_mode passthrough -threads 1 -atomic_writing 1 /machine/{folder.name}/%05d.png"
        )
        return self._app(job, folder)

    def browse(self) -> App:
        """Open a page in Chromium that shows the virtual camera, as a call does."""
        folder = self._next_folder()
        for file in _BROWSER.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        server = self.machine.start(
            f"exec python3 /machine/{folder.name}/server.py /machine/{folder.name} {_PORT}"
        )
        browser = self.machine.start(
            "cat /usr/lib/chromium/chromium >/dev/null # from the disk at one go\n"
            f"exec {_CHROMIUM} --user-data-dir=$HOME/{folder.name} http://localhost:{_PORT}/#livebg",
            user="tester",
        )
        return self._app(browser, folder, server)

    def _app(self, job: Job, folder: Path, *helpers: Job) -> App:
        assert self._livebg is not None
        return App(job, folder, self.is_live, self._livebg, *helpers)

    def is_live(self, image: Image) -> bool:
        """Say whether ``image`` is the person before the new background."""
        return self.footage.difference(image) < _NEAR

    def users(self, device: str) -> list[str]:
        """Return the names of the programs that have ``device`` open."""
        script = _USERS.replace("DEVICE", repr(device))
        return self.machine.run(f"python3 - <<'SCRIPT'\n{script}\nSCRIPT").split()

    def wait_until_free(self, device: str, *, timeout_s: float) -> None:
        """Wait until livebg does not have ``device`` open any more.

        Raises:
            MachineError: it still has after ``timeout_s`` seconds.
        """
        self.machine.wait_until(
            lambda: "python" not in " ".join(self.users(device)),
            timeout_s,
            lambda: f"{device} is still open",
            poll_s=_POLL_S,
        )

    def _wait_for_capture(self, device: str, writer: Job, *, timeout_s: float) -> None:
        """Wait until ``device`` offers pictures, as it does once ``writer`` has sent one."""
        offers = f"v4l2-ctl -d {device} --all | grep -q 'Format Video Capture'"
        self.machine.wait_until(
            lambda: self.machine.start(offers).wait(60) == 0 or not writer.running(),
            timeout_s,
            lambda: f"{device} offers no picture: {writer.report()}",
            poll_s=_POLL_S,
        )
        if not writer.running():
            raise MachineError(f"{device} has lost its writer: {writer.report()}")

    def _next_folder(self) -> Path:
        self._apps += 1
        folder = self.machine.folder / f"app{self._apps}"
        folder.mkdir()
        folder.chmod(0o777)
        return folder
