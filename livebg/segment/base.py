"""The interface of every segmenter."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from livebg.closable import Closable
from livebg.types import Frame, Matte, Size

__all__ = ["Segmenter", "SegmenterInfo"]


@dataclass(frozen=True, slots=True)
class SegmenterInfo:
    """What a segmenter says of itself.

    Attributes:
        model: catalogue name of the network, or the path of a user's file.
        engine: what runs it, with the arithmetic: ``openvino CPU int8+bf16``, ``torch cpu f32``.
        input_size: ``(width, height)`` that the network sees.
        recurrent: True when it carries state from frame to frame (``reset`` forgets it).
        classes: names of its classes by index, empty for a network that only mattes people.
    """

    model: str
    engine: str
    input_size: Size
    recurrent: bool
    classes: tuple[str, ...] = ()


class Segmenter(Closable):
    """Finds the wanted part of a frame. Called by one thread at a time.

    A network is compiled for one size of frame: a frame of another size is refused, and whoever
    owns the segmenter builds a new one.
    """

    @property
    @abstractmethod
    def info(self) -> SegmenterInfo:
        """What runs, and how."""

    @abstractmethod
    def segment(self, frame: Frame) -> Matte:
        """Return the matte of ``frame``, with arrays that the caller owns.

        Raises:
            ModelError: the network failed, or returned something that is no matte.
            ValueError: the frame's size is not the one that the segmenter was built for.
        """

    @abstractmethod
    def reset(self) -> None:
        """Forget all earlier frames; does nothing for a network without memory."""

    @abstractmethod
    def close(self) -> None:
        """Release what the engine holds. Idempotent; ``segment`` then raises ModelError."""
