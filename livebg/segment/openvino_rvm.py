"""Robust Video Matting on OpenVINO, looking where the person is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from livebg.errors import ModelError
from livebg.segment.base import Segmenter, SegmenterInfo
from livebg.segment.openvino_engine import describe_engine, resolve_precision
from livebg.segment.person_box import PersonBox, aspects_of
from livebg.segment.preprocess import check_frame_size, fit_input_size
from livebg.segment.rvm_network import RvmNetwork
from livebg.segment.state_warp import warp_state
from livebg.types import Box, Frame, Matte, Size

__all__ = ["OpenvinoRvm"]


_SETTLING_LOOKS = 2
"""Extra looks at a frame that holds what the network has no memory of. Without memory RVM takes
furniture for people: the first frame's error falls by a factor of three."""


class OpenvinoRvm(Segmenter):
    """RVM as far as its refiner's coefficients.

    With ``crop`` the network looks at a box around the person instead of the whole frame. There
    is one compiled network for each shape of box, all with as many pixels as ``input_size``; when
    the box moves, the recurrent state moves along.

    Args:
        weights: the released ``rvm_mobilenetv3_fp32.onnx``.
        frame_size: ``(width, height)`` of the frames.
        input_size: ``(width, height)`` that the network sees; multiples of 16.
        cache_folder: where OpenVINO keeps compiled networks.
        device: an OpenVINO device name.
        precision: ``auto``, ``f32``, ``bf16`` or ``f16``.
        threads: processor threads.
        crop: look where the person is; the matte then covers only that box.

    Raises:
        ModelError: the file is not RVM, or cannot be compiled.
        UsageError: there is no such device, or it lacks that arithmetic.
    """

    def __init__(
        self,
        weights: Path,
        frame_size: Size,
        *,
        input_size: Size,
        cache_folder: Path,
        device: str = "CPU",
        precision: str = "auto",
        threads: int = 1,
        crop: bool = False,
    ) -> None:
        self._frame_size = frame_size
        self._engine = describe_engine(device, resolve_precision(device, precision))
        shapes = [input_size]
        if crop:
            shapes += [
                fit_input_size((round(a * 1e4), 10_000), input_size) for a in aspects_of(frame_size)
            ]
        self._networks = [
            RvmNetwork(
                weights,
                shape,
                cache_folder=cache_folder,
                device=device,
                precision=resolve_precision(device, precision),
                threads=threads,
            )
            for shape in shapes
        ]
        self._network = self._networks[0]
        self._box = Box.whole(frame_size)
        self._person = PersonBox(frame_size) if crop else None
        self._looks_due = _SETTLING_LOOKS

    @property
    def info(self) -> SegmenterInfo:
        """What runs, and how."""
        return SegmenterInfo(
            model="rvm",
            engine=self._engine,
            input_size=self._networks[0].input_size,
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
        if self._person.cuts_off(frame, matte):
            self._search(frame)
            matte = self._settled_look(frame)
        self._move_to(self._person.follow(frame, matte))
        return matte

    def _settled_look(self, frame: Frame) -> Matte:
        """Look as often as it takes until the network has a memory of all that it sees."""
        for _ in range(self._looks_due):
            self._look(frame)
        self._looks_due = 0
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
        if box == self._box:
            return
        network = self._network_for(box)
        old = self._network.state
        if network is self._network:
            old = [plane.copy() for plane in old]
        warp_state(old, self._box, network.state, box)
        if not self._box.holds(box):
            self._looks_due = _SETTLING_LOOKS
        self._network, self._box = network, box

    def _network_for(self, box: Box) -> RvmNetwork:
        """Return the network whose shape is nearest to the box's."""
        if box == Box.whole(self._frame_size):
            return self._networks[0]
        aspect = box.width / box.height
        return min(
            self._networks[1:],
            key=lambda network: abs(np.log(network.input_size[0] / network.input_size[1] / aspect)),
        )

    def reset(self) -> None:
        """Set the recurrent state to zero and look at the whole frame again."""
        self._looks_due = _SETTLING_LOOKS
        self._network = self._networks[0]
        self._network.forget()
        self._box = Box.whole(self._frame_size)
        if self._person is not None:
            self._person.reset()

    def close(self) -> None:
        """Release the networks. Idempotent."""
        for network in self._networks:
            network.close()
