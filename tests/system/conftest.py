"""The test machine: one disk for all, one boot for each module and version of v4l2loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from livebg.cache import cache_folder
from tests.system.footage import Footage, make_footage
from tests.system.studio import KERNEL_TARGET, SOURCES, Studio
from tests.system.vm.image import Image, obstacle, prepare_image
from tests.system.vm.machine import Machine

_machines: list[Machine] = []
"""Those that run, for the report of a test that fails."""


@pytest.fixture(scope="session")
def image(own_environment: None, request: pytest.FixtureRequest) -> Image:
    """The disk of the test machine."""
    folder = cache_folder() / "test-machine"
    reason = obstacle(folder)
    if reason is not None:
        if request.config.getoption("--require-system"):
            pytest.fail(reason)
        pytest.skip(reason)
    return prepare_image(folder)


@pytest.fixture(scope="session")
def footage(talking_head_clip: Path) -> Footage:
    """The clip, as the webcam sees it and as an app should."""
    return make_footage(talking_head_clip)


@pytest.fixture(scope="module")
def studio(
    image: Image, footage: Footage, rvm_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Studio]:
    """A machine of this module's own, with no camera yet."""
    cache = cache_folder() / "test-machine" / "livebg"
    (cache / "weights").mkdir(parents=True, exist_ok=True)
    for file in rvm_weights.parent.glob(f"{rvm_weights.name}*"):
        shutil.copy2(file, cache / "weights")
    for place in (cache, cache / "weights"):
        place.chmod(0o1777)
    _compile_kernels(cache)
    folder = tmp_path_factory.mktemp("machine")
    with Machine(image, folder, read_only=_python(), writable=[cache]) as machine:
        _machines.append(machine)
        yield Studio(machine, footage, cache)
        _machines.remove(machine)


def _compile_kernels(cache: Path) -> None:
    """Compile livebg's kernels for any x86-64 processor: emulated, that takes ten minutes."""
    environment = {"LIVEBG_CACHE": str(cache), "PYTHONPATH": str(SOURCES), **KERNEL_TARGET}
    subprocess.run(
        [sys.executable, "-c", "from livebg.live.warmup import load_kernels; load_kernels()"],
        env=os.environ | environment,
        check=True,
    )


def _python() -> list[Path]:
    """Return the folders that Python, its packages and livebg are in, none inside another.

    Debian's own Python is in the machine already.
    """
    places = {Path(sys.prefix), Path(sys.base_prefix), SOURCES}
    places |= {Path(entry).resolve() for entry in sys.path if Path(entry).is_dir()}
    places = {place for place in places if not Path("/usr/lib").is_relative_to(place)}
    places = {place for place in places if not place.is_relative_to("/usr/lib")}
    return sorted(place for place in places if not places & set(place.parents))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for machine in _machines:
            report.sections.append(("console of the machine", machine.console()))
            report.sections += [("job in the machine", job.report()) for job in machine.jobs[-6:]]
    return report
