"""Moving a recurrent state along when the network's crop of the frame moves.

Robust Video Matting on any engine: where it looks, and what it remembers.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Thread

import cv2
import numpy as np

from livebg.errors import ModelError
from livebg.frame import Box, FloatImage, Frame, Image, Matte, Size
from livebg.models.rvm_graph import state_shapes
from livebg.segmenters.base import Segmenter, SegmenterInfo, check_frame_size, fit_input_size
from livebg.segmenters.person_crop import PersonBox, aspects_of, person_extent

__all__ = ["RvmNetwork", "RvmSegmenter", "warp_state"]


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
        across, down = np.meshgrid(xs, ys)
        for plane, moved in zip(source, target, strict=True):
            cv2.remap(
                np.ascontiguousarray(plane),
                across,
                down,
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

    Between the outermost samples' centres and the plane's rim, the outermost samples count.
    """
    samples = source.shape[axis]
    frame = new_first + (np.arange(count) + 0.5) * (new_span / count)
    position = (frame - old_first) * (samples / old_span) - 0.5
    covered = (position >= -0.5) & (position <= samples - 0.5)
    inner = np.clip(position, 0, samples - 1)
    return np.asarray(np.where(covered, inner, position), np.float32)


_SETTLING_LOOKS = 2
"""Extra looks at the first frame, of which the network has no memory. Without memory RVM takes
furniture for people: the first frame's error falls by a factor of three."""

_LOOKS_AT_NEW_GROUND = 1
"""Extra looks where the box comes to cover what was seen a while ago."""

_ASPECT_UNIT = 10_000


class RvmNetwork(ABC):
    """The network on one engine, for one size of input, as far as its refiner's coefficients."""

    @property
    @abstractmethod
    def input_size(self) -> Size:
        """``(width, height)`` that the network sees."""

    @property
    @abstractmethod
    def state(self) -> list[FloatImage]:
        """The recurrent state, finest first: ``(C, h, w)`` float32, which is not modified."""

    @abstractmethod
    def load_state(self, planes: Sequence[FloatImage]) -> None:
        """Replace the recurrent state; shapes as in ``state``."""

    @abstractmethod
    def forget(self) -> None:
        """Set the recurrent state to zero."""

    @abstractmethod
    def infer(self, picture: Image) -> tuple[FloatImage, FloatImage, FloatImage]:
        """Run the network once.

        Args:
            picture: ``(h, w, 3)`` uint8 BGR at the input size.

        Returns:
            gain, offset and coarse alpha (0..1), each ``(h, w)`` float32, owned by the caller.

        Raises:
            ModelError: the engine failed, or the network was closed.
        """

    @abstractmethod
    def close(self) -> None:
        """Release what the engine holds. Idempotent."""


class RvmSegmenter(Segmenter):
    """RVM as far as its refiner's coefficients.

    With ``crop`` the network looks at a box around the person instead of the whole frame. There
    is one network for each shape of box, all with as many pixels as ``input_size``, made when it
    is first needed; when the box moves, the recurrent state moves along, and what the box comes to
    cover is remembered from when it was seen last.

    Args:
        engine: what runs it, for ``info``.
        frame_size: ``(width, height)`` of the frames.
        input_size: ``(width, height)`` that the network sees; multiples of 16.
        make_network: makes the network for an input size.
        crop: look where the person is; the matte then covers only that box.
        live: make the networks for boxes beside the work, and look at the whole frame until they
            are there; when that is depends on the machine.
    """

    def __init__(
        self,
        engine: str,
        frame_size: Size,
        input_size: Size,
        make_network: Callable[[Size], RvmNetwork],
        *,
        crop: bool,
        live: bool = False,
    ) -> None:
        self._engine = engine
        self._frame_size = frame_size
        self._make_network = make_network
        self._whole = make_network(input_size)
        self._network = self._whole
        self._crops: dict[Size, Future[RvmNetwork]] = {}
        self._live = live
        self._box = Box.whole(frame_size)
        self._seen = _blank(input_size)
        self._person = PersonBox(frame_size) if crop else None
        self._inferences_due = _SETTLING_LOOKS

    @property
    def info(self) -> SegmenterInfo:
        """What runs, and how."""
        return SegmenterInfo(
            model="rvm",
            engine=self._engine,
            input_size=self._whole.input_size,
            recurrent=True,
        )

    def segment(self, frame: Frame) -> Matte:
        """Return the matte of ``frame`` as coefficients; see ``Segmenter.segment``."""
        check_frame_size(frame, self._frame_size)
        if self._person is None:
            return self._settled_look(frame)
        if self._person.must_search(frame):
            self._search(frame)
        matte = self._settled_look(frame)
        extent = person_extent(matte.small_alpha(frame), matte.box)
        if self._person.cuts_off(extent, matte.box):
            self._search(frame)
            matte = self._settled_look(frame)
            extent = person_extent(matte.small_alpha(frame), matte.box)
        self._move_to(self._person.follow(extent, frame.captured_ns))
        return matte

    def _settled_look(self, frame: Frame) -> Matte:
        """Look as often as it takes until the network has a memory of all that it sees."""
        for _ in range(self._inferences_due):
            self._look(frame)
        self._inferences_due = 0
        return self._look(frame)

    def _look(self, frame: Frame) -> Matte:
        """Run the network of the box."""
        picture = frame.scaled(self._network.input_size, self._box)
        gain, offset, coarse = self._network.infer(picture)
        if not np.isfinite(gain).all() or not np.isfinite(offset).all():
            self.reset()
            raise ModelError(f"rvm returned values that are not numbers for frame {frame.index}")
        return Matte(
            gain=gain,
            offset=offset,
            coarse=coarse,
            box=self._box,
            frame_index=frame.index,
            captured_ns=frame.captured_ns,
        )

    def _search(self, frame: Frame) -> None:
        """Look at the whole frame and move to the box that holds everybody in it."""
        assert self._person is not None
        self._move_to(Box.whole(self._frame_size))
        self._move_to(self._person.found(self._settled_look(frame).coarse))

    def _move_to(self, box: Box) -> None:
        """Look at ``box`` from now on; the recurrent state moves along."""
        network = self._whole if box == self._box else self._network_for(box)
        if network is None:
            network, box = self._whole, Box.whole(self._frame_size)
        if box == self._box:
            return
        whole, state = Box.whole(self._frame_size), self._network.state
        warp_state(state, self._box, self._seen, whole)
        moved = _blank(network.input_size)
        warp_state(self._seen, whole, moved, box)
        warp_state(state, self._box, moved, box)
        network.load_state(moved)
        if not self._box.holds(box):
            self._inferences_due = _LOOKS_AT_NEW_GROUND
        self._network, self._box = network, box

    def _network_for(self, box: Box) -> RvmNetwork | None:
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

    def reset(self) -> None:
        """Set the recurrent state to zero and look at the whole frame again."""
        self._inferences_due = _SETTLING_LOOKS
        self._network = self._whole
        self._network.forget()
        self._seen = _blank(self._whole.input_size)
        self._box = Box.whole(self._frame_size)
        if self._person is not None:
            self._person.reset()

    def close(self) -> None:
        """Release the networks. Idempotent."""
        self._whole.close()
        for made in self._crops.values():
            if made.exception() is None:
                made.result().close()


def _blank(input_size: Size) -> list[FloatImage]:
    """Return the state of a network that has seen nothing yet."""
    return [np.zeros(shape[1:], np.float32) for shape in state_shapes(input_size)]
