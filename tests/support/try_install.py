"""Runs every subcommand, network, background and output once, from an installation without extras.

Usage, in the checkout: PYTHON -m tests.support.try_install LIVEBG FOLDER, where PYTHON and
LIVEBG are those of the installation and FOLDER is an empty folder to work in. The tests' helpers
make the inputs; the commands see nothing else of the checkout. Weights of the default network come
from the cache that LIVEBG_CACHE names.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from livebg.cli.demo import fetch_demo_clip
from livebg.models.catalog import CATALOG, find
from livebg.models.weights import ensure_weights
from tests.support.bench_results import write_scene
from tests.support.checkpoints import write_checkpoint
from tests.support.desktop import Desktop
from tests.support.onnx_files import red_matte_nchw
from tests.support.pipewire_graph import Graph

BACKGROUNDS = ("blur", "blur:80", "white", "gray", "color:#1e90ff", "transparent", "none")
SHORT = ("--seconds", "1")
Command = tuple[str, ...]


class Installation:
    """The installed program, run in a folder and with a cache of its own."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self.folder = folder
        kept = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
        self._environment = kept | {"LIVEBG_CACHE": str(folder / "cache")}

    def run(
        self,
        *words: str,
        statuses: tuple[int, ...] = (0,),
        said: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Run ``livebg WORDS``; fail unless it ends with such a status and prints ``said``."""
        started_s = time.monotonic()
        done = subprocess.run(
            [self._program, *words],
            cwd=self.folder,
            env=self._environment | dict(environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        print(f"{time.monotonic() - started_s:5.1f} s  livebg {' '.join(words)}", flush=True)
        broken = "internal error" in done.stdout or "Traceback" in done.stdout
        if broken or done.returncode not in statuses or said not in done.stdout:
            sys.exit(f"{done.stdout}\nended with status {done.returncode}")

    def python(self, program: str) -> None:
        """Run a program with the interpreter of the installation."""
        python = self._program.with_name("python")
        subprocess.run([python, "-c", program], cwd=self.folder, env=self._environment, check=True)


def made_inputs(folder: Path) -> Iterator[Command]:
    """Write what the commands read; yield the commands that add the networks' weights."""
    write_scene(folder / "clips" / "scene", frames=3)
    shutil.copy(folder / "clips" / "scene" / "frame_0000.png", folder / "in.png")
    shutil.copy(fetch_demo_clip(), folder / "in.mp4")
    red_matte_nchw(folder / "own.onnx")
    for entry in CATALOG.values():
        if entry.name == "rvm":
            yield "models", "add", "rvm", str(ensure_weights(find("rvm"), suffix=".onnx"))
        else:
            checkpoint = write_checkpoint(entry.name, folder / f"{entry.name}.pth")
            yield "models", "add", entry.name, str(checkpoint)


def offline_commands() -> Iterator[Command]:
    """Yield everything that needs neither a display nor a daemon."""
    yield ("--version",)
    yield "models", "list"
    yield "models", "path", "rvm"
    yield ("cameras",)
    yield "setup", "virtual-camera"
    yield "demo", "--no-window", "-o", "demo"
    for model in (*CATALOG, "own.onnx"):
        yield "image", "in.png", "-o", "out.png", "--model", model
    for model in ("rvm", "lraspp_mobilenet_v3_large"):
        yield "image", "in.png", "-o", "out.png", "--device", "torch:cpu", "--model", model
    for background in (*BACKGROUNDS, "in.png", "in.mp4"):
        yield "image", "in.png", "-o", "out.png", "--background", background
    for ending in ("mp4", "mkv", "webm", "mov"):
        yield "video", "in.mp4", "-o", f"out.{ending}"
    yield "video", "in.mp4", "-o", "frames", "--alpha", "mattes", "--background", "transparent"
    yield "run", "--camera", "in.mp4", *SHORT, "--null", "--record", "live.mkv", "--alpha", "live"
    small = ("--presets", "fast", "--sizes", "160x96", "--effects", "blur", "--frames", "3")
    yield "bench", *small, "--clip", "clips/scene", "--clips", "clips"
    yield "bench", "--parity", *small, "--clips", "clips"


def try_everything(livebg: Installation) -> None:
    """Run every command; exit with its output as soon as one fails."""
    for command in (*made_inputs(livebg.folder), *offline_commands()):
        livebg.run(*command)
    livebg.run("doctor", statuses=(0, 1))
    livebg.run("service", "status", statuses=(0, 1, 2))
    plot = ("bench", "--clips", "clips", "--plot", "plot.svg")
    livebg.run(*plot, statuses=(2,), said="pip install 'livebg[plot]'")
    live = ("run", "--camera", "in.mp4", *SHORT)
    with closing(Desktop()) as desktop:
        livebg.run(*live, "--window", environment={"DISPLAY": desktop.display})
    graph_folder = livebg.folder / "pw"
    graph_folder.mkdir()
    with closing(Graph(graph_folder)) as graph:
        livebg.run(*live, "--virtual-camera", "pipewire", environment=graph.environment)
    livebg.python(
        "import cv2, livebg; cut = livebg.cutout(cv2.imread('in.png')); assert cut.shape[2] == 4"
    )


if __name__ == "__main__":
    try_everything(Installation(Path(sys.argv[1]), Path(sys.argv[2])))
