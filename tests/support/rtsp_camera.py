"""A network camera that speaks RTSP, on loopback: H.264 in RTP packets over the same connection."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import count
from typing import Literal

import av

from livebg.frame import Image
from tests.support.serving import serving

__all__ = ["RtspCamera", "RtspMood", "rtsp_camera"]

RtspMood = Literal["well", "gone", "silent"]
"""``well``: as it should; ``gone``: hangs up and refuses; ``silent``: keeps the line and sends
nothing."""

_RATE = 30
_CHANNEL = b"$\x00"
"""What an interleaved RTP packet begins with (RFC 2326, 10.12); its length and itself follow."""

_DESCRIPTION = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=camera
c=IN IP4 127.0.0.1
t=0 0
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1
a=control:track
"""


class RtspCamera:
    """Plays one picture over and over to whoever asks.

    Args:
        picture: ``(H, W, 3)`` uint8 BGR, both even.

    Attributes:
        mood: how it behaves from the next picture on.
        visits: how often it was talked to.
    """

    def __init__(self, picture: Image) -> None:
        self.mood: RtspMood = "well"
        self.visits = 0
        self._picture = picture
        self._over = threading.Event()
        camera = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                camera._serve(self)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"rtsp://127.0.0.1:{self.server.server_address[1]}/camera"

    def close(self) -> None:
        """Hang up on everybody."""
        self._over.set()
        self.server.shutdown()
        self.server.server_close()

    def _serve(self, handler: socketserver.StreamRequestHandler) -> None:
        self.visits += 1
        while (request := _request(handler)) and self.mood != "gone":
            method, headers = request
            _answer(handler, headers["cseq"], *self._reply(method))
            if method == "PLAY":
                self._play(handler.connection)
                return

    def _reply(self, method: str) -> tuple[list[str], str]:
        match method:
            case "DESCRIBE":
                head = [f"Content-Base: {self.url}/", "Content-Type: application/sdp"]
                return head, _DESCRIPTION.replace("\n", "\r\n")
            case "SETUP":
                return ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1"], ""
            case "PLAY":
                return ["Session: 1"], ""
        return ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"], ""

    def _play(self, connection: socket.socket) -> None:
        """Send pictures until either side has had enough."""
        try:
            with _packets(self._picture) as packets:
                while not self._over.wait(1 / _RATE) and self.mood != "gone":
                    for packet in packets() if self.mood == "well" else []:
                        head = _CHANNEL + len(packet).to_bytes(2, "big")
                        connection.sendall(head + packet)
        except OSError:
            return


@contextmanager
def _packets(picture: Image) -> Iterator[Callable[[], list[bytes]]]:
    """Give a function that returns the RTP packets of the next picture, made by FFmpeg."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        url = f"rtp://127.0.0.1:{receiver.getsockname()[1]}"
        with av.open(url, "w", format="rtp") as container:
            options = {
                "preset": "ultrafast",
                "tune": "zerolatency",
                "x264-params": "repeat-headers=1",
            }
            stream = container.add_stream("libx264", rate=_RATE, options=options)
            stream.height, stream.width = picture.shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.gop_size = 5
            numbers = count()

            def packets() -> list[bytes]:
                frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
                frame.pts, frame.time_base = next(numbers), Fraction(1, _RATE)
                for packet in stream.encode(frame):
                    container.mux(packet)
                return list(_waiting(receiver))

            yield packets


def _waiting(receiver: socket.socket) -> Iterator[bytes]:
    while True:
        try:
            packet = receiver.recv(65_536)
        except BlockingIOError:
            return
        if 192 <= packet[1] <= 223:  # a report (RTCP), which nobody needs here
            continue
        yield packet


def _request(handler: socketserver.StreamRequestHandler) -> tuple[str, dict[str, str]] | None:
    """Read one request: its method, and its headers by their names in lower case."""
    lines = list(iter(lambda: handler.rfile.readline().decode().strip(), ""))
    if not lines:
        return None
    headers = (line.split(":", 1) for line in lines[1:])
    return lines[0].split()[0], {name.lower(): value.strip() for name, value in headers}


def _answer(
    handler: socketserver.StreamRequestHandler, number: str, head: list[str], body: str
) -> None:
    lines = ["RTSP/1.0 200 OK", f"CSeq: {number}", *head, f"Content-Length: {len(body)}", "", body]
    handler.wfile.write("\r\n".join(lines).encode())


@contextmanager
def rtsp_camera(picture: Image) -> Iterator[RtspCamera]:
    """Serve ``picture`` as a camera while the block runs."""
    with serving(RtspCamera(picture)) as camera:
        yield camera
