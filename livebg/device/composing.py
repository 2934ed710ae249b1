"""A picture and its matte become a composite: alpha at full size, colours, blending, cutting out.

The same pixels as ``livebg.compose.kernel``, without its tiles: a device computes every pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from livebg.compose.blur import LEAST_WEIGHT, blur_halvings
from livebg.compose.tiles import NEARLY_ALL, NEARLY_NONE, TILE_PX, tile_grid
from livebg.device.coefficients import Planes
from livebg.device.neighbourhood import box_mean, darkest, gaussian, lightest
from livebg.device.picture import PLANES, DevicePicture
from livebg.device.resampling import resized
from livebg.refine.edge_colour import EDGE_HALVINGS, WEIGHT_FLOOR, WINDOW_PX
from livebg.types import Box

__all__ = [
    "blended",
    "blurred_room",
    "clean_colours",
    "cut_out",
    "edge_colours",
    "full_alpha",
    "without_colour",
]


def full_alpha(planes: Planes, picture: DevicePicture) -> Tensor:
    """Return the alpha of every pixel, ``(1, 1, H, W)`` float32 in 0..1.

    Tiles in which the matte is as good as nothing or all are 0 or 1 throughout, as on the host;
    see ``livebg.compose.tiles``.
    """
    size = (picture.size[1], picture.size[0])
    both = torch.cat((planes.gain, planes.offset), 1)
    gain, offset = F.interpolate(both, size, mode="bilinear", align_corners=False).chunk(2, 1)
    low, high = _bounds(planes, picture)
    return torch.addcmul(offset, gain, picture.grey()).clamp_(low, high)


def _bounds(planes: Planes, picture: DevicePicture) -> tuple[Tensor, Tensor]:
    """Return the least and the most that alpha may be at every pixel, each ``(1, 1, H, W)``."""
    grey = picture.grey(planes.size)
    in_dark = torch.addcmul(planes.offset, planes.gain, darkest(grey))
    in_light = torch.addcmul(planes.offset, planes.gain, lightest(grey))
    not_person = torch.minimum(in_dark, in_light) < float(NEARLY_ALL)
    not_room = torch.maximum(in_dark, in_light) > float(NEARLY_NONE)
    (width, height), device = planes.size, grey.device
    rows = _samples_under_tiles(picture.size[1], height, device)
    columns = _samples_under_tiles(picture.size[0], width, device)
    reach = tile_grid(planes.size, Box.whole(picture.size), picture.size)[2].shape
    near = lightest(torch.cat((not_person, not_room), 1).to(PLANES), (reach[0], reach[1]))
    tiles = near.index_select(2, rows).index_select(3, columns)
    shape = tiles.shape[2] * TILE_PX, tiles.shape[3] * TILE_PX
    spread = F.interpolate(tiles, shape, mode="nearest")
    low, high = spread[:, :, : picture.size[1], : picture.size[0]].chunk(2, 1)
    # A tile that is neither (which no matte is) counts as room, as on the host.
    return torch.minimum(1 - low, high), high


def _samples_under_tiles(frame_px: int, samples: int, device: torch.device) -> Tensor:
    """Return which of a matte's ``samples`` lies under the centre of each tile along one side."""
    centres = torch.arange(-(-frame_px // TILE_PX), device=device) + 0.5
    return (centres * (TILE_PX * samples / frame_px)).long().clamp_(max=samples - 1)


def edge_colours(picture: DevicePicture, alpha: Tensor) -> Tensor:
    """Return what person and room look like around each pixel; see ``refine.edge_colour``.

    Args:
        picture: the picture.
        alpha: ``(1, 1, H // 8, W // 8)`` float32 in 0..1.

    Returns:
        ``(1, 6, H // 8, W // 8)`` float32 in 0..255: B, G, R of the person, then of the room.
    """
    pixels = picture.halved(EDGE_HALVINGS).to(PLANES)
    means = box_mean(torch.cat((alpha, pixels, pixels * alpha), 1), WINDOW_PX)
    weight, mean, share = means[:, :1], means[:, 1:4], means[:, 4:]
    floor = float(WEIGHT_FLOOR)
    least = floor * mean
    person = (share + least) / (weight + floor)
    room = (mean - share + least) / (1 - weight + floor)
    return torch.cat((person, room), 1)


def clean_colours(picture: DevicePicture, alpha: Tensor, colours: Tensor) -> Tensor:
    """Return the person's own colours, ``(1, 3, H, W)``; Forte & Pitie 2021, eq. 6.

    Args:
        picture: the picture.
        alpha: ``(1, 1, H, W)`` in the picture's type.
        colours: what ``edge_colours`` returned.
    """
    pixels = picture.pixels
    person, room = resized(colours.to(pixels.dtype), picture.size).chunk(2, 1)
    mixed = torch.lerp(room, person, alpha.expand_as(person))
    return torch.addcmul(person, alpha, pixels - mixed).clamp_(0, 255)


def blended(person: Tensor, plate: Tensor, alpha: Tensor) -> Tensor:
    """Return ``person`` over ``plate``, rounded to levels when it is made bytes by cutting off.

    Args:
        person: ``(1, 3, H, W)`` in 0..255.
        plate: likewise.
        alpha: ``(1, 1, H, W)`` in the same type.
    """
    return torch.lerp(plate, person, alpha.expand_as(person)).add_(0.5)


def cut_out(person: Tensor, alpha: Tensor) -> Tensor:
    """Return ``person`` with straight alpha, ``(1, 4, H, W)``, to be made bytes by cutting off.

    Where alpha is level 0 the colours are 0 too: nothing of the room is hidden in the picture.

    Args:
        person: ``(1, 3, H, W)`` in 0..255.
        alpha: ``(1, 1, H, W)`` in the same type.
    """
    level = alpha * 255 + 0.5
    seen = (level >= 1).to(person.dtype)
    return torch.cat(((person + 0.5) * seen, level), 1)


def blurred_room(picture: DevicePicture, alpha: Tensor, share: float) -> Tensor:
    """Return the room blurred, with as little of the person in it as ``compose.blur`` leaves.

    Args:
        picture: the picture.
        alpha: ``(1, 1, H // 8, W // 8)`` float32 in 0..1.
        share: the Gaussian's sigma as a share of the picture's shorter side.

    Returns:
        ``(1, 3, H, W)`` in the picture's type.
    """
    sigma_px = share * min(picture.size)
    halvings = blur_halvings(sigma_px, min(picture.size))
    small = picture.halved(halvings).to(PLANES)
    person = lightest(resized(alpha, (small.shape[3], small.shape[2])))
    room = (1 - person).pow_(3).clamp_(min=LEAST_WEIGHT)
    sums = gaussian(torch.cat((room, small * room), 1), sigma_px / 2**halvings)
    blurred = (sums[:, 1:] / sums[:, :1]).to(picture.pixels.dtype)
    return resized(blurred, picture.size)


def without_colour(picture: DevicePicture) -> Tensor:
    """Return the picture in grey, ``(1, 3, H, W)``."""
    luma = picture.luma(picture.size).to(picture.pixels.dtype)
    return luma.expand(-1, 3, -1, -1)
