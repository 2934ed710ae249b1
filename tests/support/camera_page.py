"""A web page that opens the camera, in a browser that gets cameras from the desktop's portal."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from livebg.frame import Image
from tests.support.pipewire_graph import Graph
from tests.support.waiting import wait_until

__all__ = ["MISSING", "CameraPage"]

_PORTAL, _PERMISSIONS = (
    Path("/usr/libexec") / name for name in ("xdg-desktop-portal", "xdg-permission-store")
)
MISSING = [str(path) for path in (_PORTAL, _PERMISSIONS) if not path.exists()]
MISSING += [name for name in ("chromium", "dbus-send") if shutil.which(name) is None]
"""Programs that the page needs and this machine lacks."""

_BACKEND = """[portal]
DBusName=org.freedesktop.impl.portal.desktop.livebg
Interfaces=org.freedesktop.impl.portal.Access;
UseIn=livebg
"""
"""What would ask the user; nobody does, because the answer is stored already."""

_PAGE = b"""<video id=video autoplay muted playsinline></video><script>
const say = (place, text) => fetch(place, {method: "POST", body: text});
async function open() {
  try {
    return await navigator.mediaDevices.getUserMedia({video: true});
  } catch (error) {  // Chromium may look for cameras before it has found the first one.
    await say("/refused", String(error));
    await new Promise(resolve => setTimeout(resolve, 500));
    return open();
  }
}
async function look() {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  if (canvas.width) {
    canvas.getContext("2d").drawImage(video, 0, 0);
    await say("/picture", canvas.toDataURL("image/png").split(",")[1]);
  }
  setTimeout(look, 100);
}
open().then(async stream => {
  const track = stream.getVideoTracks()[0];
  await say("/track", JSON.stringify({label: track.label, ...track.getSettings()}));
  video.srcObject = stream;
  look();
});
</script>"""


class CameraPage:
    """Chromium showing a page that opens the first camera and keeps looking at it.

    Args:
        graph: where the portal finds cameras.
        folder: for what the programs store.

    Attributes:
        track: what the browser says of the open camera; empty before it is open.
        pictures: what the page showed, ten a second, BGR.
    """

    def __init__(self, graph: Graph, folder: Path) -> None:
        self.track: dict[str, Any] = {}
        self.pictures: list[Image] = []
        (folder / "livebg.portal").write_text(_BACKEND)
        self._environment = (
            os.environ
            | graph.environment
            | {
                "XDG_DATA_HOME": str(folder),
                "XDG_CURRENT_DESKTOP": "livebg",
                "XDG_DESKTOP_PORTAL_DIR": str(folder),
            }
        )
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._serving = threading.Thread(target=self._server.serve_forever)
        self._serving.start()
        self._log = (folder / "log").open("wb")
        self._processes = [self._run(str(_PERMISSIONS))]
        wait_until(self._permit)
        self._processes += [
            self._run(str(_PORTAL)),
            self._run(
                *("chromium", "--headless=new", "--no-sandbox", "--disable-gpu"),
                *("--use-fake-ui-for-media-stream", "--enable-features=WebRtcPipeWireCamera"),
                *(f"--user-data-dir={folder}", f"http://127.0.0.1:{self._server.server_port}/"),
            ),
        ]

    def close(self) -> None:
        """End the browser and the portal."""
        for process in reversed(self._processes):
            process.terminate()
            process.wait(20)
        self._server.shutdown()
        self._server.server_close()
        self._serving.join(20)
        self._log.close()

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env=self._environment, stdout=self._log, stderr=self._log)

    def _permit(self) -> bool:
        """Answer yes, as a user would when first asked."""
        store = "org.freedesktop.impl.portal.PermissionStore"
        sent = subprocess.run(
            [
                *("dbus-send", "--session", "--print-reply", f"--dest={store}"),
                *("/org/freedesktop/impl/portal/PermissionStore", f"{store}.SetPermission"),
                *("string:devices", "boolean:true", "string:camera", "string:"),
                "array:string:yes",
            ],
            env=self._environment,
            capture_output=True,
        )
        return sent.returncode == 0

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(_PAGE)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(204)
                self.end_headers()
                if self.path == "/track":
                    page.track = json.loads(body)
                elif self.path == "/picture":
                    data = np.frombuffer(base64.b64decode(body), np.uint8)
                    page.pictures.append(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)))

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        return Handler
