"""Pretend cameras on loopback: what serves them for as long as a test needs them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from typing import Protocol, TypeVar

__all__ = ["serving"]


class _Served(Protocol):
    @property
    def server(self) -> BaseServer: ...

    def close(self) -> None: ...


_CameraT = TypeVar("_CameraT", bound=_Served)


@contextmanager
def serving(camera: _CameraT) -> Iterator[_CameraT]:
    """Serve ``camera`` while the block runs; close it then."""
    thread = threading.Thread(target=camera.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield camera
    finally:
        camera.close()
        thread.join()
