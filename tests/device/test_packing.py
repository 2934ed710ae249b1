import numpy as np
import pytest
import torch

from livebg.device.packing import packed
from livebg.pixel_format import BGR, PixelFormat
from livebg.pixels.conversion import converted
from livebg.types import Frame
from tests.device.tensors import plane

FORMATS = [
    BGR,
    PixelFormat("rgb"),
    *(
        PixelFormat(layout, matrix)
        for layout in ("i420", "nv12", "yuy2")
        for matrix in ("bt601", "bt709")
    ),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize("pixel_format", FORMATS, ids=str)
def test_bytes_are_the_hosts(
    frames: list[Frame], device: torch.device, pixel_format: PixelFormat, dtype: torch.dtype
) -> None:
    image = plane(frames[0].image, device).to(dtype) + 0.5
    ours = packed(image, pixel_format).cpu().numpy()
    theirs = converted(frames[0].image, BGR, pixel_format)
    assert pixel_format.fits(ours)
    # The host rounds the mean of two by two pixels to a level before it mixes the channels.
    assert np.abs(ours.astype(int) - theirs).max() <= (0 if pixel_format.matrix is None else 1)


def test_a_cutout_keeps_its_alpha(device: torch.device) -> None:
    image = torch.arange(4.0, device=device).view(1, 4, 1, 1).expand(1, 4, 2, 3) + 0.5
    assert packed(image, BGR).tolist() == [[[0, 1, 2, 3]] * 3] * 2
