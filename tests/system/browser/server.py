"""Runs inside the test machine: serves the page of a call, and keeps what the page saw.

usage: server.py FOLDER PORT

Pictures that the page posts become ``FOLDER/00001.png`` and so on; what it says is printed.
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = Path(__file__).with_name("page.html")


class Handler(BaseHTTPRequestHandler):
    """Answers the page's requests."""

    folder: Path
    pictures = 0

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(PAGE.read_bytes())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/picture":
            Handler.pictures += 1
            part = self.folder / "part"
            part.write_bytes(body)
            part.rename(self.folder / f"{Handler.pictures:05}.png")
        else:
            print(f"page: {body.decode()}", flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request."""


if __name__ == "__main__":
    Handler.folder = Path(sys.argv[1])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
