"""An app of the test machine that shows a camera's pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from livebg.closable import Closable
from livebg.frame import Image
from tests.system.vm.machine import Job, MachineError

__all__ = ["App"]

_POLL_S = 0.5


class App(Closable):
    """An app that uses a camera until it is closed; what it saw arrives as it goes.

    Args:
        job: the app.
        folder: where it leaves what it saw, as ``00001.png`` and so on.
        is_live: says whether a picture is the person before the new background.
        livebg: what feeds the camera.
        helpers: jobs that end with the app.
    """

    def __init__(
        self, job: Job, folder: Path, is_live: Callable[[Image], bool], livebg: Job, *helpers: Job
    ) -> None:
        self.job = job
        self.folder = folder
        self._is_live = is_live
        self._livebg = livebg
        self._helpers = helpers

    def pictures(self, *, after: int = 0) -> list[Image]:
        """Return what it saw so far, in order, without the first ``after``."""
        paths = sorted(self.folder.glob("?????.png"))[after:]
        read = (cv2.imread(str(path)) for path in paths)
        return [np.asarray(image, np.uint8) for image in read if image is not None]

    def wait_for(
        self, count: int, wanted: Callable[[Image], bool], *, after: int = 0, timeout_s: float
    ) -> None:
        """Wait until it has seen ``count`` pictures as ``wanted`` after the first ``after``.

        Raises:
            MachineError: it ended, or livebg did, or it has not seen as many in time.
        """
        found, seen = 0, after

        def has_seen_enough() -> bool:
            nonlocal found, seen
            new = self.pictures(after=seen)
            found += sum(map(wanted, new))
            seen += len(new)
            if found < count and not (self.job.running() and self._livebg.running()):
                raise MachineError(f"ended: {report()}")
            return found >= count

        def report() -> str:
            return (
                f"of {seen - after} pictures in {self.folder}, {found} are as expected, not "
                f"{count}; {self.job.report()}\n{self._livebg.report()}"
            )

        self.job.machine.wait_until(has_seen_enough, timeout_s, report, poll_s=_POLL_S)

    def wait_until_live(self, count: int = 1, *, after: int = 0, timeout_s: float = 400.0) -> None:
        """Wait for ``count`` pictures of the person before the new background; see ``wait_for``.

        The first start of livebg compiles the network, emulated; later ones find it in the cache.
        """
        self.wait_for(count, self._is_live, after=after, timeout_s=timeout_s)

    def close(self) -> None:
        """End it. Idempotent."""
        for job in (self.job, *self._helpers):
            if job.running():
                job.stop()
