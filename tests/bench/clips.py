"""Clips made on the spot."""

from pathlib import Path

import cv2

from livebg.source.synthetic import SyntheticScene
from livebg.types import Size


def write_scene(folder: Path, *, frames: int = 4, size: Size = (160, 96), seed: int = 0) -> Path:
    """Write a synthetic scene as pictures with their exact mattes, as ``--clips`` wants it."""
    folder.mkdir(parents=True)
    with SyntheticScene(size, frame_count=frames, seed=seed) as scene:
        for frame in scene:
            cv2.imwrite(str(folder / f"frame_{frame.index:04d}.png"), frame.image)
            truth = scene.truth(frame.index)
            cv2.imwrite(str(folder / f"alpha_{frame.index:04d}.png"), truth)
    return folder
