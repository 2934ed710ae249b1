"""A webcam or a network camera, through OpenCV."""

from __future__ import annotations

import itertools
import sys
from fractions import Fraction
from urllib.parse import urlsplit

import cv2
import numpy as np

from livebg.clock import NS_PER_S, Clock, MonotonicClock
from livebg.config.camera import CameraKind, CameraSelector
from livebg.errors import SourceError, SourceUnavailableError
from livebg.frame import Frame, Image, Size, size_text
from livebg.platform.cameras import (
    DEFAULT_SIZE,
    CameraDevice,
    CameraMode,
    choose_mode,
    fourcc_text,
)
from livebg.sources.base import Source, SourceInfo
from livebg.sources.devices import explain_unavailable, find_camera, list_cameras

__all__ = ["Camera"]

_WARM_UP_FRAMES = 2
"""Thrown away after opening: the first picture is often black or cut off."""

_MAX_CORRUPT = 30
"""Pictures in a row that cannot be decoded, after which the camera counts as broken."""

_DARK_LEVEL = 12
"""The brightest pixel of a black picture; the noise of a dark room is brighter."""

_MAX_DARK_NS = 2 * NS_PER_S
"""Some cameras deliver black pictures for a moment, for instance after the computer slept."""

_READ_TIMEOUT_S = 2
_OPEN_TIMEOUT_MS = 5000


class Camera(Source):
    """A camera of this machine, or one in the network.

    A read fails at once when the camera was unplugged, and after two seconds when it is silent or
    black; it never spins. A picture that cannot be decoded is skipped and counted in
    ``Frame.index``.

    For a silent camera of a Linux machine OpenCV waits as long as the environment variable
    ``OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT`` says: the command line sets it to two seconds, without it
    a read fails after ten.

    Args:
        selector: names a camera of this machine, or a URL (rtsp, http).
        size: ``(width, height)`` to ask for; None takes what suits `fps`, up to 1280x720.
        fps: frames per second to ask for.
        clock: gives the capture times.

    Attributes:
        id: selects the same camera again after it was unplugged.

    Raises:
        SourceUnavailableError: there is no such camera, or it cannot be opened; says what to do.
    """

    def __init__(
        self,
        selector: CameraSelector,
        *,
        size: Size | None,
        fps: float,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or MonotonicClock()
        self._index = 0
        self._dark_since_ns: int | None = None
        if selector.kind is CameraKind.URL:
            self.id = selector.text
            self._name = _without_password(selector.text)
            self._capture = _open_url(selector.text, self._name)
            asked = None if size is None else CameraMode("", size)
        else:
            device = find_camera(selector, list_cameras())
            self.id = device.id
            self._name = f"{device.name} ({device.path})"
            self._capture, asked = _open_device(device, size, fps)
        try:
            first = self._warm_up()
        except SourceError as error:
            self._capture.release()
            raise SourceUnavailableError(
                f"{self._name} was opened but delivers no picture; plug it in again, or close "
                "other programs that may use it"
            ) from error
        # Drivers round, and say so only when they are read back.
        granted = CameraMode(
            fourcc=fourcc_text(max(0, int(self._capture.get(cv2.CAP_PROP_FOURCC)))),
            size=(first.shape[1], first.shape[0]),
            rates=_rates(self._capture.get(cv2.CAP_PROP_FPS)),
        )
        self._info = SourceInfo(
            name=self._name,
            size=granted.size,
            frame_rate=granted.rates[0] if granted.rates else None,
            frame_count=None,
            live=True,
            asked=asked,
            granted=granted,
        )

    @property
    def info(self) -> SourceInfo:
        """The mode that the camera was asked for, and the one it delivers, as read back."""
        return self._info

    def read(self) -> Frame:
        """Return the next picture; blocks until there is one, or the camera counts as silent.

        Raises:
            SourceError: the camera is gone, silent, black, broken, or changed its size.
        """
        image, captured_ns = self._grab()
        size = (image.shape[1], image.shape[0])
        if size != self._info.size:
            raise SourceError(
                f"{self._name} changed its picture from {size_text(self._info.size)} to "
                f"{size_text(size)}; open it again"
            )
        if self._dark_ns(image, captured_ns) > _MAX_DARK_NS:
            raise SourceError(f"{self._name} delivers black pictures only; is its cover closed?")
        frame = Frame(image, self._index, captured_ns)
        self._index += 1
        return frame

    def close(self) -> None:
        """Release the camera, so that it can be opened (or come back) under the same number."""
        self._capture.release()

    def _grab(self) -> tuple[Image, int]:
        for _ in range(_MAX_CORRUPT):
            started_ns = self._clock.now_ns()
            delivered = self._capture.grab()
            captured_ns = self._clock.now_ns()
            # OpenCV may answer a silent network with a picture that its decoder held back.
            if not delivered or captured_ns - started_ns > _READ_TIMEOUT_S * NS_PER_S:
                raise SourceError(
                    f"{self._name} stopped delivering pictures; check its plug or network"
                )
            try:
                decoded, image = self._capture.retrieve()
            except cv2.error:
                decoded = False
            if decoded and image is not None and image.size:
                return np.ascontiguousarray(image, np.uint8), captured_ns
            self._index += 1
        raise SourceError(
            f"{self._name} delivered {_MAX_CORRUPT} pictures in a row that cannot be decoded; "
            "try another cable, plug or --size"
        )

    def _warm_up(self) -> Image:
        """Return the first good picture, or a black one if the camera stays black."""
        for count in itertools.count(1):
            image, captured_ns = self._grab()
            dark_ns = self._dark_ns(image, captured_ns)
            if count >= _WARM_UP_FRAMES and (not dark_ns or dark_ns > _MAX_DARK_NS):
                break
        self._index = 0
        return image

    def _dark_ns(self, image: Image, captured_ns: int) -> int:
        """Return for how long the pictures have been black; 0 while they are not."""
        if image[::8, ::8].max() > _DARK_LEVEL:
            self._dark_since_ns = None
        elif self._dark_since_ns is None:
            self._dark_since_ns = captured_ns
        return 0 if self._dark_since_ns is None else max(1, captured_ns - self._dark_since_ns)


def _open_url(url: str, name: str) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(
        url,
        cv2.CAP_FFMPEG,
        [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            _OPEN_TIMEOUT_MS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            _READ_TIMEOUT_S * 1000,
            cv2.CAP_PROP_N_THREADS,
            1,  # with more, the decoder delays the picture by a frame for each
        ],
    )
    if not capture.isOpened():
        capture.release()
        raise SourceUnavailableError(
            f"{name} could not be opened; check the address, the password, and that it can be "
            "reached from here"
        )
    return capture


def _open_device(
    device: CameraDevice, size: Size | None, fps: float
) -> tuple[cv2.VideoCapture, CameraMode]:
    if sys.platform == "linux":
        capture = cv2.VideoCapture(device.path, cv2.CAP_V4L2)
    else:
        capture = cv2.VideoCapture(device.index)
    if not capture.isOpened():
        capture.release()
        raise SourceUnavailableError(explain_unavailable(device.path))
    mode = choose_mode(device.modes, size, fps) or CameraMode("", size or DEFAULT_SIZE)
    # The format comes first: it decides which sizes there are. set() returns True even if the
    # driver refuses; what it granted is read back later.
    if mode.fourcc:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*mode.fourcc))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, mode.size[0])
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, mode.size[1])
    capture.set(cv2.CAP_PROP_FPS, fps)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture, CameraMode(mode.fourcc, size or mode.size, _rates(fps))


def _rates(fps: float) -> tuple[Fraction, ...]:
    """Return a driver's rate as a tuple, empty for 0 and for nonsense."""
    return (Fraction(fps).limit_denominator(1001),) if 0 < fps < 1000 else ()


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
