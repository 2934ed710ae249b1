"""A network camera on this machine that can be told to misbehave: JPEG pictures over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Literal

import cv2
import numpy as np

from livebg.frame import Image
from tests.support.serving import serving

__all__ = ["Mood", "PretendCamera", "pretend_camera"]

Mood = Literal["well", "gone", "silent", "corrupt", "cut", "black", "slow", "small"]
"""``well``: as it should; ``gone``: hangs up and refuses; ``silent``: keeps the line and sends
nothing; ``corrupt``: bytes that are no picture; ``cut``: the first third of each picture;
``black``: no light; ``slow``: four pictures a second; ``small``: half the size."""

_BOUNDARY = "pretend"
_PERIOD_S = 1 / 30
_SLOW_PERIOD_S = 1 / 4


class PretendCamera:
    """Sends pictures over and over to whoever asks.

    Args:
        pictures: ``(H, W, 3)`` uint8 BGR, one size.

    Attributes:
        mood: how it behaves from the next picture on.
        visits: how often it was asked for its stream.
    """

    def __init__(self, pictures: list[Image]) -> None:
        self.mood: Mood = "well"
        self.visits = 0
        self.show(pictures)
        self._small = _jpeg(pictures[0][::2, ::2])
        self._black = _jpeg(np.zeros_like(pictures[0]))
        self._over = threading.Event()
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera._serve(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/camera.mjpg"

    def show(self, pictures: list[Image]) -> None:
        """Send these pictures from the next one on."""
        self._well = [_jpeg(picture) for picture in pictures]

    def close(self) -> None:
        """Hang up on everybody."""
        self._over.set()
        self.server.shutdown()
        self.server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        self.visits += 1
        if self.mood == "gone":
            handler.send_error(503)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        handler.end_headers()
        try:
            for number in count():
                picture = self._well[number % len(self._well)]
                period_s = _SLOW_PERIOD_S if self.mood == "slow" else _PERIOD_S
                if self._over.wait(period_s) or self._in("gone"):
                    break
                if not self._in("silent"):
                    _send(handler, self._in_this_mood(picture))
        except OSError:
            return

    def _in(self, mood: Mood) -> bool:
        return self.mood == mood

    def _in_this_mood(self, picture: bytes) -> bytes:
        match self.mood:
            case "corrupt":
                return b"\xff\xd8" + bytes(len(picture) // 8)
            case "cut":
                return picture[: len(picture) // 3]
            case "black":
                return self._black
            case "small":
                return self._small
        return picture


def _send(handler: BaseHTTPRequestHandler, picture: bytes) -> None:
    head = (
        f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
    ).encode()
    handler.wfile.write(head + picture + b"\r\n")


def _jpeg(picture: Image) -> bytes:
    done, data = cv2.imencode(".jpg", picture)
    assert done
    return bytes(data)


@contextmanager
def pretend_camera(pictures: list[Image]) -> Iterator[PretendCamera]:
    """Serve ``pictures`` as a camera while the block runs."""
    with serving(PretendCamera(pictures)) as camera:
        yield camera
