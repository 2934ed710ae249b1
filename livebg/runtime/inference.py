"""Running the network for the pipeline: at once, or beside it in a thread of its own."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from livebg.clock import Clock
from livebg.segment.base import Segmenter
from livebg.types import Frame, Matte

__all__ = ["DirectInference", "Inference", "Inferred"]


@dataclass(frozen=True, slots=True)
class Inferred:
    """What the network found.

    Attributes:
        frame: the frame that it saw.
        matte: that frame's matte.
        took_ns: how long it ran.
    """

    frame: Frame
    matte: Matte
    took_ns: int


class Inference(ABC):
    """Takes frames for the network and gives back what it found. Called by one thread.

    Args:
        segmenter: the network; closed by ``close``.
        clock: what times it.
        patience_s: seconds after which a network that runs beside and does not answer is late.
    """

    beside: bool
    """Whether the network runs while the caller does something else."""

    def __init__(self, segmenter: Segmenter, clock: Clock, *, patience_s: float = math.inf) -> None:
        self.segmenter = segmenter
        """The network."""
        self.patience_s = patience_s
        """May be changed between two frames."""
        self._clock = clock

    @property
    @abstractmethod
    def pending(self) -> Frame | None:
        """The frame that the network was asked about last and has not answered yet."""

    @property
    @abstractmethod
    def late(self) -> bool:
        """Whether the network has been at work on ``pending`` for longer than it may."""

    @abstractmethod
    def ask(self, frame: Frame) -> None:
        """Have the network look at ``frame``.

        Raises:
            ModelError: the network failed on it.
            ValueError: the frame has another size than the network was built for.
        """

    @abstractmethod
    def take(self, *, wanted: Frame | None = None) -> Inferred | None:
        """Return what the network found and nobody took yet, or None.

        Args:
            wanted: wait for the answer about this frame, which is the pending one.

        Raises:
            NetworkLateError: what is waited for is late; it may be waited for again.
            ModelError: the network failed.
            ValueError: the frame has another size than the network was built for.
        """

    @abstractmethod
    def reset(self) -> None:
        """Forget all earlier frames, and what is still to come of them."""

    @abstractmethod
    def close(self) -> None:
        """Release the network. Idempotent."""

    def _run(self, frame: Frame) -> Inferred:
        started_ns = self._clock.now_ns()
        matte = self.segmenter.segment(frame)
        return Inferred(frame, matte, self._clock.now_ns() - started_ns)


class DirectInference(Inference):
    """Runs the network in the caller's thread: every answer is there when ``ask`` returns."""

    beside = False

    def __init__(self, segmenter: Segmenter, clock: Clock) -> None:
        super().__init__(segmenter, clock)
        self._answer: Inferred | None = None

    @property
    def pending(self) -> None:
        """None: the answer is there when ``ask`` returns."""
        return None

    @property
    def late(self) -> bool:
        """Never: the caller was in the network for as long as it took."""
        return False

    def ask(self, frame: Frame) -> None:
        """Run the network on ``frame``; see ``Inference.ask``."""
        self._answer = self._run(frame)

    def take(self, *, wanted: Frame | None = None) -> Inferred | None:
        """Return the answer to the last ``ask``, once."""
        answer, self._answer = self._answer, None
        return answer

    def reset(self) -> None:
        """Forget all earlier frames."""
        self._answer = None
        self.segmenter.reset()

    def close(self) -> None:
        """Release the network. Idempotent."""
        self.segmenter.close()
