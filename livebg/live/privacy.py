"""The privacy guard: the one place that decides what a sink may see.

A raw frame has no way to a sink: sinks take ``Composite`` objects, which only the pipeline makes,
and each composite passes the guard twice. The process thread calls ``accept``, which checks that it
is the filtered form of its frame. The sink's own thread calls ``filter`` at the moment of delivery,
so that no other thread that hangs can keep an old or wrong picture on show.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np

from livebg.clock import NS_PER_S, Clock
from livebg.compositing.text import letterbox, privacy_card
from livebg.errors import ModelError
from livebg.frame import Composite, Frame, Image, Size

__all__ = ["PrivacyGuard"]

LATE = "One moment: the picture is late"

_LAGS = 3
"""Latencies of a slow pipeline that a picture may last: its own, that of the next one, and one to
spare."""


class PrivacyGuard:
    """Shows the privacy card while there is a reason to, or while the picture is too old.

    A picture is too old ``max_age_s`` after its capture. Where pictures take longer than that to
    make, the last one stays until the next one is made, and as long again. For every thread.

    Args:
        size: ``(width, height)`` of every picture that leaves, whatever size the source gets.
        max_age_s: seconds after its capture for which a composite may be shown.
        clock: what tells the age.
        channels: 3, or 4 for sinks that take an alpha channel; the card is opaque then.
        raw_allowed: True when the user asked for the unfiltered room (``--background none``).
    """

    def __init__(
        self,
        size: Size,
        *,
        max_age_s: float,
        clock: Clock,
        channels: int = 3,
        raw_allowed: bool = False,
    ) -> None:
        self.size = size
        self._clock = clock
        self._lock = threading.Lock()
        self._lag_ns = 0
        self.configure(max_age_s=max_age_s, channels=channels, raw_allowed=raw_allowed)
        self._reasons: dict[str, str] = {}
        self._drawn: tuple[str, int, Image] | None = None
        self._last_index = 0
        self._last_raw_index = -1

    def conceal(self, holder: str, reason: str) -> None:
        """Show the card until ``reveal`` is called for the same holder.

        Args:
            holder: ``user``, ``camera`` or ``filter``.
            reason: the card's sentence; of several, the first one is shown.
        """
        with self._lock:
            self._reasons[holder] = reason

    def reveal(self, holder: str) -> None:
        """Drop the reason of ``holder``; the card goes with the last reason."""
        with self._lock:
            self._reasons.pop(holder, None)

    @property
    def concealed(self) -> bool:
        """True while there is a reason to show the card."""
        with self._lock:
            return bool(self._reasons)

    def configure(self, *, max_age_s: float, channels: int, raw_allowed: bool) -> None:
        """Take over changed settings; for the arguments see the class."""
        with self._lock:
            self._max_age_ns = round(max_age_s * NS_PER_S)
            self._channels = channels
            self._raw_allowed = raw_allowed

    def accept(self, composite: Composite, frame: Frame) -> Composite:
        """Check that ``composite`` is a filtered ``frame``, and fit it into the guard's size.

        Args:
            composite: what the pipeline returned for ``frame``.
            frame: what the pipeline was given.

        Raises:
            ModelError: it is something else: another frame, another size, no picture, or the
                frame's own memory.
        """
        image = composite.image
        if composite.index != frame.index or composite.captured_ns != frame.captured_ns:
            raise ModelError(
                f"the pipeline answered frame {frame.index} with frame {composite.index}; "
                "the privacy card is shown instead"
            )
        if not composite.pixel_format.fits(image) or composite.size != frame.size:
            raise ModelError(
                f"the pipeline made a {image.dtype} picture of shape {image.shape} from a frame of "
                f"{frame.size[0]}x{frame.size[1]}; the privacy card is shown instead"
            )
        with self._lock:
            if np.may_share_memory(image, frame.image) and not self._raw_allowed:
                raise ModelError(
                    f"the pipeline handed frame {frame.index} on unfiltered; "
                    "the privacy card is shown instead"
                )
            self._last_index = composite.index
            self._lag_ns = self._clock.now_ns() - composite.captured_ns
            if self._raw_allowed:
                self._last_raw_index = composite.index
        return self._fit(composite)

    def filter(self, composite: Composite) -> Composite:
        """Return ``composite`` if it may be shown at this moment, else the card.

        A composite that was made while the room was allowed may not be shown once it is not.
        """
        with self._lock:
            raw = not self._raw_allowed and composite.index <= self._last_raw_index
        if raw or self.concealed or self.expired(composite.captured_ns):
            return self.card()
        return composite

    def expired(self, captured_ns: int) -> bool:
        """Return whether a picture captured at ``captured_ns`` is too old to be shown."""
        with self._lock:
            slow = self._lag_ns > self._max_age_ns
            limit_ns = _LAGS * self._lag_ns if slow else self._max_age_ns
        return self._clock.now_ns() - captured_ns > limit_ns

    def card(self, sentence: str | None = None) -> Composite:
        """Return the privacy card with ``sentence``, by default that of the first reason."""
        with self._lock:
            text = sentence or next(iter(self._reasons.values()), LATE)
            if self._drawn is None or self._drawn[:2] != (text, self._channels):
                self._drawn = (text, self._channels, self._draw(text))
            image, index = self._drawn[2], self._last_index
        return Composite(image, index, self._clock.now_ns(), private=True)

    def _draw(self, text: str) -> Image:
        card = privacy_card(self.size, text)
        if self._channels == 3:
            return card
        opaque = np.full((*card.shape[:2], 1), 255, np.uint8)
        return np.concatenate([card, opaque], axis=2)

    def _fit(self, composite: Composite) -> Composite:
        if composite.size == self.size:
            return composite
        alpha = composite.alpha
        return replace(
            composite,
            image=letterbox(composite.image, self.size),
            alpha=None if alpha is None else letterbox(alpha, self.size),
        )
