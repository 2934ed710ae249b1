"""A neural network as a segmenter, on any engine: its crop of the frame and its recurrent state.

With a crop, the network sees a box around the person instead of the whole frame. When the box
moves, the recurrent state is resampled to the new box; what the box newly covers is filled from the
state that was last seen there.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Thread
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.errors import ModelError
from livebg.frame import Box, FloatImage, FramePyramid, Image, Matte, Size
from livebg.models.rvm_graph import state_shapes
from livebg.segmenters.base import Segmenter, SegmenterInfo, fit_input_size
from livebg.segmenters.person_crop import PersonBox, aspects_of, person_extent

__all__ = ["Network", "NetworkOutput", "NetworkSegmenter", "warp_state"]

_WARMUP_INFERENCES = 2
"""Extra inferences on the first frame. Without a recurrent state RVM takes furniture for people:
the first frame's error falls by a factor of three."""

_NEW_GROUND_INFERENCES = 1
"""Extra inferences where the box comes to cover what was seen a while ago."""

_ASPECT_UNIT = 10_000


class NetworkOutput(NamedTuple):
    """The matte of one picture, at the network's size.

    Attributes:
        gain: ``(h, w)`` float32; alpha = gain * grey + offset, as in ``livebg.frame.Matte``.
        offset: ``(h, w)`` float32.
        coarse: ``(h, w)`` float32, alpha in 0..1 at this size.
        labels: ``(h, w)`` uint8 class indices; None where the network has no classes.
    """

    gain: FloatImage
    offset: FloatImage
    coarse: FloatImage
    labels: NDArray[np.uint8] | None = None

    @classmethod
    def plain(cls, alpha: FloatImage, labels: NDArray[np.uint8] | None = None) -> NetworkOutput:
        """Return the output of a network that gives alpha itself: clipped to 0..1, with gain 0."""
        # Clipping would hide infinite values, which the segmenter refuses.
        if np.isfinite(alpha).all():
            alpha = np.clip(alpha, 0, 1)
        return cls(np.zeros_like(alpha), alpha, alpha, labels)


class Network(ABC):
    """A network on one engine, for one size of input."""

    @property
    @abstractmethod
    def input_size(self) -> Size:
        """``(width, height)`` that the network sees."""

    @abstractmethod
    def infer(self, picture: Image) -> NetworkOutput:
        """Run the network once.

        Args:
            picture: ``(h, w, 3)`` uint8 BGR at the input size; only read.

        Returns:
            The matte, in arrays that the caller owns.

        Raises:
            ModelError: the engine failed, or the network was closed.
        """

    @property
    def state(self) -> list[FloatImage]:
        """The recurrent state, finest first: ``(C, h, w)`` float32 copies."""
        return []

    def load_state(self, planes: Sequence[FloatImage]) -> None:
        """Replace the recurrent state; shapes as in ``state``."""
        if planes:
            raise ValueError("a network without memory has no state to replace")

    def forget(self) -> None:
        """Set the recurrent state to zero."""
        self.load_state([np.zeros_like(plane) for plane in self.state])

    @abstractmethod
    def close(self) -> None:
        """Release what the engine holds. Idempotent."""


class NetworkSegmenter(Segmenter):
    """Runs a network on frames of one size.

    With ``crop`` there is one network for each shape of box, all with as many pixels as
    ``info.input_size``, made when it is first needed.

    Args:
        crop: show a recurrent network the person only; the matte then covers only that box.
        live: make the networks for boxes in a thread, and use the whole frame until they are
            ready. Without it, the same frames give the same mattes.
    """

    def __init__(
        self,
        info: SegmenterInfo,
        frame_size: Size,
        make_network: Callable[[Size], Network],
        *,
        crop: bool = False,
        live: bool = False,
    ) -> None:
        self._info = info
        self._frame_size = frame_size
        self._make_network = make_network
        self._whole = make_network(info.input_size)
        self._network = self._whole
        self._crops: dict[Size, Future[Network]] = {}
        self._live = live
        self._person = PersonBox(frame_size) if crop else None
        self.reset()

    @property
    def info(self) -> SegmenterInfo:
        """The network and its engine."""
        return self._info

    def segment(self, pyramid: FramePyramid) -> Matte:
        """Return the matte of the frame; see ``Segmenter.segment``."""
        frame = pyramid.frame
        if frame.size != self._frame_size:
            raise ValueError(
                f"frame {frame.index} is {frame.size[0]}x{frame.size[1]}, but the segmenter was "
                f"built for {self._frame_size[0]}x{self._frame_size[1]}"
            )
        if self._person is None:
            return self._infer(pyramid)
        if self._person.must_search(pyramid):
            self._search(pyramid)
        matte = self._infer(pyramid)
        extent = person_extent(matte.small_alpha(pyramid), matte.box)
        if self._person.cuts_off(extent, matte.box):
            self._search(pyramid)
            matte = self._infer(pyramid)
            extent = person_extent(matte.small_alpha(pyramid), matte.box)
        self._move_to(self._person.follow(extent, frame.captured_ns))
        return matte

    def reset(self) -> None:
        """Set the recurrent state to zero and use the whole frame again."""
        self._inferences_due = _WARMUP_INFERENCES if self._info.recurrent else 0
        self._network = self._whole
        self._network.forget()
        self._seen = _blank_state(self._info.input_size)
        self._box = Box.whole(self._frame_size)
        if self._person is not None:
            self._person.reset()

    def close(self) -> None:
        """Release the networks. Idempotent."""
        self._whole.close()
        for made in self._crops.values():
            if made.exception() is None:
                made.result().close()

    def _infer(self, pyramid: FramePyramid) -> Matte:
        """Run the network of the box, until its recurrent state knows all that the box covers."""
        frame = pyramid.frame
        picture = pyramid.scaled(self._network.input_size, self._box)
        for _ in range(self._inferences_due):
            self._network.infer(picture)
        self._inferences_due = 0
        gain, offset, coarse, labels = self._network.infer(picture)
        if not np.isfinite(gain).all() or not np.isfinite(offset).all():
            self.reset()
            raise ModelError(
                f"{self._info.model} returned values that are not numbers for frame {frame.index}"
            )
        return Matte(
            gain=gain,
            offset=offset,
            coarse=coarse,
            box=self._box,
            frame_index=frame.index,
            captured_ns=frame.captured_ns,
            labels=labels,
        )

    def _search(self, pyramid: FramePyramid) -> None:
        """Infer the whole frame and move to the box that holds every person in it."""
        assert self._person is not None
        self._move_to(Box.whole(self._frame_size))
        self._move_to(self._person.found(self._infer(pyramid).coarse))

    def _move_to(self, box: Box) -> None:
        """Use ``box`` from now on; the recurrent state moves along."""
        network = self._whole if box == self._box else self._network_for(box)
        if network is None:
            network, box = self._whole, Box.whole(self._frame_size)
        if box == self._box:
            return
        whole, state = Box.whole(self._frame_size), self._network.state
        warp_state(state, self._box, self._seen, whole)
        moved = _blank_state(network.input_size)
        warp_state(self._seen, whole, moved, box)
        warp_state(state, self._box, moved, box)
        network.load_state(moved)
        if not self._box.holds(box):
            self._inferences_due = _NEW_GROUND_INFERENCES
        self._network, self._box = network, box

    def _network_for(self, box: Box) -> Network | None:
        """Return the network whose shape is nearest to the box's; None while it is being made."""
        if box == Box.whole(self._frame_size):
            return self._whole
        aspect = min(
            aspects_of(self._frame_size),
            key=lambda shape: abs(math.log(shape * box.height / box.width)),
        )
        size = fit_input_size((round(aspect * _ASPECT_UNIT), _ASPECT_UNIT), self._whole.input_size)
        if size not in self._crops:
            self._crops[size] = Future()
            if self._live:
                Thread(target=self._make, args=(size,), name="livebg-network", daemon=True).start()
            else:
                self._make(size)
        made = self._crops[size]
        return made.result() if made.done() else None

    def _make(self, size: Size) -> None:
        try:
            self._crops[size].set_result(self._make_network(size))
        except Exception as error:
            # Raised again by the future, in the thread that needs the network.
            self._crops[size].set_exception(error)


def warp_state(
    old: Sequence[FloatImage], old_box: Box, new: Sequence[FloatImage], new_box: Box
) -> None:
    """Resample every plane of a state from one crop of the frame to another.

    Args:
        old: ``(C, h, w)`` float32 planes, one per level; not modified.
        old_box: the part of the frame that ``old`` covers.
        new: ``(C, h', w')`` float32 planes of the same levels; overwritten where ``old`` covers
            them, left alone elsewhere.
        new_box: the part of the frame that ``new`` covers.
    """
    for source, target in zip(old, new, strict=True):
        height, width = target.shape[1:]
        xs = _positions(width, new_box.left, new_box.width, old_box.left, old_box.width, source, 2)
        ys = _positions(height, new_box.top, new_box.height, old_box.top, old_box.height, source, 1)
        map_x, map_y = np.meshgrid(xs, ys)
        for plane, moved in zip(source, target, strict=True):
            cv2.remap(
                np.ascontiguousarray(plane),
                map_x,
                map_y,
                cv2.INTER_LINEAR,
                dst=moved,
                borderMode=cv2.BORDER_TRANSPARENT,
            )


def _positions(
    count: int,
    new_first: float,
    new_span: float,
    old_first: float,
    old_span: float,
    source: FloatImage,
    axis: int,
) -> FloatImage:
    """Return where the centres of ``count`` new samples lie in the old plane, in samples.

    Between the outermost samples' centres and the plane's edge, the outermost samples count.
    """
    samples = source.shape[axis]
    frame = new_first + (np.arange(count) + 0.5) * (new_span / count)
    position = (frame - old_first) * (samples / old_span) - 0.5
    covered = (position >= -0.5) & (position <= samples - 0.5)
    inner = np.clip(position, 0, samples - 1)
    return np.asarray(np.where(covered, inner, position), np.float32)


def _blank_state(input_size: Size) -> list[FloatImage]:
    """Return RVM's state before the first picture."""
    return [np.zeros(shape[1:], np.float32) for shape in state_shapes(input_size)]
