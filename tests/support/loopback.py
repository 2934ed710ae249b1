"""An HTTP server on the loopback interface whose answers a test decides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Answer", "Loopback", "serve"]

Answer = Callable[[BaseHTTPRequestHandler], None]


class Loopback:
    """A running server.

    Attributes:
        requests: paths asked for, in order.
        released: set to let answers that stall go on.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.released = threading.Event()
        self._answers: dict[str, Answer] = {}
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                loopback.requests.append(self.path)
                loopback._answers[self.path](self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = False

    def add(self, name: str, answer: Answer) -> str:
        """Answer requests for ``name`` by ``answer``; return its URL."""
        self._answers[f"/{name}"] = answer
        return f"http://127.0.0.1:{self.server.server_port}/{name}"

    def add_bytes(self, name: str, content: bytes, promised: int | None = None) -> str:
        """Serve ``content``, with a Content-Length of ``promised`` bytes; return its URL."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            start(handler, len(content) if promised is None else promised)
            handler.wfile.write(content)

        return self.add(name, answer)

    def add_status(self, name: str, status: int) -> str:
        """Answer with an HTTP error; return the URL."""
        return self.add(name, lambda handler: handler.send_error(status))

    def add_stall(self, name: str, content: bytes, total: int) -> str:
        """Send ``content`` of ``total`` bytes, then nothing more; return the URL."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            start(handler, total)
            handler.wfile.write(content)
            handler.wfile.flush()
            self.released.wait(30)

        return self.add(name, answer)


def start(handler: BaseHTTPRequestHandler, length: int) -> None:
    """Send the head of a good answer of ``length`` bytes."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()


@contextmanager
def serve() -> Iterator[Loopback]:
    """Run a server for the length of the block."""
    loopback = Loopback()
    thread = threading.Thread(
        target=loopback.server.serve_forever, args=(0.01,), name="loopback server"
    )
    thread.start()
    try:
        yield loopback
    finally:
        loopback.released.set()
        loopback.server.shutdown()
        thread.join()
        loopback.server.server_close()
