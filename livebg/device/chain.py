"""The stages in a row on one device, with the state that they keep there.

Everything here queues work and returns at once; ``Parcel.unpack`` is what waits. So nothing may
depend on what the device will find: whether a matte is believed is decided there, and what was
decided comes down with the composite.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from livebg.clock import NS_PER_S, Clock
from livebg.compose.compositor import Backdrop
from livebg.compose.plates import Plate
from livebg.device.backdrop import DeviceBackdrop
from livebg.device.belief import Belief, only_if
from livebg.device.coefficients import Planes, with_coefficients, without_haze
from livebg.device.composing import blended, clean_colours, cut_out, edge_colours, full_alpha
from livebg.device.crossing import Crossing, Parcel
from livebg.device.faults import at_work
from livebg.device.flow import Anchor, anchored, carried, small_grey
from livebg.device.networks import DeviceNetwork
from livebg.device.packing import packed
from livebg.device.picture import PLANES, DevicePicture
from livebg.device.resampling import window_of
from livebg.device.smoothing import smoothed
from livebg.device.times import DeviceTimes
from livebg.device.wishes import Wishes
from livebg.pixel_format import BGR, PixelFormat
from livebg.refine.edge_colour import EDGE_HALVINGS
from livebg.segment.preprocess import check_frame_size
from livebg.temporal.flow import flow_size
from livebg.types import Box, Frame, Size

__all__ = ["DeviceChain", "DeviceMatte"]


@dataclass(frozen=True, slots=True)
class DeviceMatte:
    """A matte that belongs to a picture, both on the device.

    Attributes:
        picture: the picture.
        planes: the matte, as it may be shown.
        facts: ``(4,)`` float32: whether the network's values were sound (0 or 1), whether its
            matte was believed (0 or 1), the share of pixels that it claimed, and for a matte that
            was carried how wrong that looks.
        inferred: whether the network saw that very picture.
    """

    picture: DevicePicture
    planes: Planes
    facts: Tensor
    inferred: bool


class DeviceChain:
    """Segments, carries and composes on one device. Called by one thread at a time.

    Every method raises ``ModelError`` when the device fails, and ``DeviceLostError`` when it will
    not do better next time.

    Args:
        network: finds the person.
        frame_size: ``(width, height)`` of the frames.
        backdrop: what lies behind the person; the chain closes it.
        clock: times the stages where the device has no clock of its own.
    """

    def __init__(
        self, network: DeviceNetwork, frame_size: Size, backdrop: Backdrop, clock: Clock
    ) -> None:
        self.network = network
        """What finds the person."""
        self.times = DeviceTimes(network.device, clock)
        """How long the stages took, and the copies up and down."""
        self._size = frame_size
        self._flow_size = flow_size(frame_size)
        # bf16 has eight bits: it cannot tell 254 levels from 255.
        self._dtype = torch.float16 if network.dtype == torch.float16 else torch.float32
        with self._at_work():
            self._crossing = Crossing(network.device, self.times)
            self._belief = Belief(network.device)
        self._anchor: Anchor | None = None
        self.backdrop = DeviceBackdrop(backdrop, self._crossing.upload, self._dtype)
        """What lies behind the person."""

    @property
    def has_anchor(self) -> bool:
        """Whether there is a matte to carry."""
        return self._anchor is not None

    def change_backdrop(self, backdrop: Backdrop) -> None:
        """Show another backdrop from now on, and close the old one."""
        self.backdrop.close()
        self.backdrop = DeviceBackdrop(backdrop, self._crossing.upload, self._dtype)

    def receive(self, frame: Frame) -> DevicePicture:
        """Bring a frame to the device.

        Raises:
            ValueError: it has another size than the chain was built for.
        """
        check_frame_size(frame, self._size)
        with self._at_work():
            return DevicePicture.of_bytes(
                self._crossing.upload(frame.image),
                self._dtype,
                index=frame.index,
                captured_ns=frame.captured_ns,
            )

    def infer(self, pictures: Sequence[DevicePicture]) -> list[Planes]:
        """Have the network look at ``pictures``, in order; what it finds goes to ``refine``."""
        with self._at_work(), self.times.timed("segment"):
            return self.network.infer(pictures)

    def refine(
        self, planes: Planes, picture: DevicePicture, *, smoothing_s: float, keep: bool
    ) -> DeviceMatte:
        """Return what the network found in ``picture`` as it may be shown.

        Args:
            planes: the network's matte of it.
            picture: the picture.
            smoothing_s: time constant of smoothing for networks without memory; 0 for none.
            keep: whether the matte will be carried to later pictures.
        """
        with self._at_work(), self.times.timed("refine"):
            verdict = self._belief.judge(planes, picture)
            planes = only_if(verdict, planes)
            recurrent = self.network.info.recurrent
            if not recurrent:
                planes = self._smoothed(planes, picture, smoothing_s)
                planes = with_coefficients(planes, picture)
            planes = without_haze(planes)
            # Again: an average with the matte before would bring somebody back.
            planes = only_if(verdict, planes)
            if keep or (smoothing_s > 0 and not recurrent):
                grey = small_grey(picture, self._flow_size)
                self._anchor = anchored(planes, picture, grey)
            facts = torch.stack((verdict.sound, verdict.believed, verdict.claim, verdict.sound * 0))
            return DeviceMatte(picture, planes, facts, inferred=True)

    def carry(self, picture: DevicePicture) -> DeviceMatte:
        """Return the last kept matte moved to ``picture``.

        Raises:
            ValueError: there is none.
        """
        if self._anchor is None:
            raise ValueError("there is no matte to carry yet: infer and keep one first")
        with self._at_work(), self.times.timed("carry"):
            moved = carried(self._anchor, small_grey(picture, self._flow_size))
            one = torch.ones_like(moved.residual)
            facts = torch.stack((one, one, one * 0, moved.residual))
            return DeviceMatte(picture, moved.planes, facts, inferred=False)

    def compose(self, matte: DeviceMatte, wishes: Wishes) -> Parcel:
        """Compose a picture with its matte and send it down.

        Returns:
            On the way: the matte's facts; the composite, uint8, in the pixel format that
            ``format_of`` says; then, where they are wished for, the alpha, ``(H, W)`` uint8, and
            the small alpha, ``(H // 8, W // 8)`` uint8.
        """
        with self._at_work():
            return self._crossing.download([matte.facts, *self._composed(matte, wishes)])

    def format_of(self, wishes: Wishes) -> PixelFormat:
        """Return the pixel format in which composites come; see ``Wishes``."""
        plain = isinstance(self.backdrop.backdrop, Plate)
        return wishes.pixel_format if plain and wishes.pixel_format.holds(self._size) else BGR

    def labels(self, matte: DeviceMatte) -> Parcel | None:
        """Send down the class of every pixel, ``(h, w)`` uint8, where the network has classes."""
        if matte.planes.labels is None:
            return None
        with self._at_work():
            return self._crossing.download([matte.planes.labels])

    def unpack(self, parcel: Parcel) -> list[NDArray[Any]]:
        """Wait for ``parcel``; see ``Parcel.unpack``."""
        with self._at_work():
            return parcel.unpack()

    def reset(self) -> None:
        """Forget all earlier pictures."""
        with self._at_work():
            self._anchor = None
            self._belief.reset()
            self.network.reset()
            self.times.clear()

    def close(self) -> None:
        """Release the backdrop. Idempotent."""
        self.backdrop.close()

    def _at_work(self) -> AbstractContextManager[None]:
        return at_work(self.network.info.model, self.network.device)

    def _smoothed(self, planes: Planes, picture: DevicePicture, smoothing_s: float) -> Planes:
        anchor = self._anchor
        if anchor is None or smoothing_s <= 0 or anchor.planes.size != planes.size:
            return planes
        elapsed_s = (picture.captured_ns - anchor.captured_ns) / NS_PER_S
        if elapsed_s <= 0:
            return planes
        moved = carried(anchor, small_grey(picture, self._flow_size))
        return smoothed(planes, moved, elapsed_s, smoothing_s)

    def _composed(self, matte: DeviceMatte, wishes: Wishes) -> list[Tensor]:
        picture, planes = matte.picture, matte.planes
        if wishes.mirror:
            picture, planes = picture.mirrored(), planes.mirrored()
        small = _eighth_alpha(planes, picture) if wishes.small_alpha else None
        if wishes.window is not None:
            with self.times.timed("framing"):
                picture, planes = _framed(picture, planes, wishes.window)
        with self.times.timed("refine"):
            around = _eighth_alpha(planes, picture)
            colours = edge_colours(picture, around) if wishes.edge_colour else None
        with self.times.timed("compose"):
            alpha = full_alpha(planes, picture)
            image = self._blend(picture, around, alpha, colours)
            tensors = [packed(image, self.format_of(wishes))]
        if wishes.alpha:
            tensors.append(_levels(alpha))
        if small is not None:
            tensors.append(_levels(small))
        return tensors

    def _blend(
        self, picture: DevicePicture, around: Tensor, alpha: Tensor, colours: Tensor | None
    ) -> Tensor:
        """Return the composite, ``(1, 3 or 4, H, W)``, to be made bytes by cutting off."""
        backdrop = self.backdrop.backdrop
        if backdrop == "none":
            return picture.pixels + 0.5
        weight = alpha.to(self._dtype)
        person = picture.pixels if colours is None else clean_colours(picture, weight, colours)
        if backdrop == "transparent":
            return cut_out(person, weight)
        return blended(person, self.backdrop.render(picture, around), weight)


def _eighth_alpha(planes: Planes, picture: DevicePicture) -> Tensor:
    """Return the alpha at the size of the edge's colours."""
    eighth = picture.halved(EDGE_HALVINGS)
    return planes.small_alpha(picture, (eighth.shape[3], eighth.shape[2]))


def _framed(picture: DevicePicture, planes: Planes, window: Box) -> tuple[DevicePicture, Planes]:
    """Return what auto-framing shows of a picture and its matte, both at their sizes."""
    pixels = window_of(picture.pixels.to(PLANES), window).clamp_(0, 255)
    shown = DevicePicture(pixels.to(picture.pixels.dtype), picture.index, picture.captured_ns)
    across, down = planes.size[0] / picture.size[0], planes.size[1] / picture.size[1]
    small = Box(
        window.left * across, window.top * down, window.right * across, window.bottom * down
    )
    all_three = torch.cat((planes.gain, planes.offset, planes.coarse), 1)
    gain, offset, coarse = window_of(all_three, small, smooth=False).chunk(3, 1)
    return shown, Planes(gain, offset, coarse, planes.labels)


def _levels(alpha: Tensor) -> Tensor:
    """Return ``(1, 1, h, w)`` in 0..1 as levels, ``(h, w)`` uint8."""
    return (alpha * 255 + 0.5)[0, 0].to(torch.uint8)
