"""The process thread's job: filter frames, and never let one out that is not filtered."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Protocol

from livebg.clock import Clock
from livebg.config.schema import Settings
from livebg.errors import LivebgError, ModelError
from livebg.runtime.capture import Captured
from livebg.runtime.guard import PrivacyGuard
from livebg.runtime.mailbox import Mailbox
from livebg.runtime.recovery import Backoff
from livebg.runtime.stats import Statistics
from livebg.types import Composite, Frame, Size

__all__ = ["LIVE_SETTINGS", "Chain", "Processing"]

_log = logging.getLogger(__name__)

LIVE_SETTINGS = frozenset(
    {
        "auto_frame",
        "background",
        "camera",
        "cpu_budget",
        "edge_colour",
        "every",
        "fps",
        "max_age",
        "max_matte_age_s",
        "max_residual",
        "mirror",
        "size",
        "smoothing_s",
    }
)
"""Settings that change between two frames; any other needs another network."""

_STARTING = "livebg is starting"
_CHANGING = "Changing the filter"
_FAILED = "The filter has failed: trying again"
_REBUILD_AFTER = 5
_PATIENCE_S = 0.1


class Chain(Protocol):
    """What the process thread needs of ``livebg.runtime.pipeline.Pipeline``."""

    @property
    def statistics(self) -> Mapping[str, Any]:
        """What the mask scheduler and the stages did."""

    def process(self, frame: Frame, *, want_alpha: bool = False) -> Composite:
        """Return the filtered ``frame``."""

    def reconfigure(self, settings: Settings) -> None:
        """Take over settings that need no other network."""

    def reset(self) -> None:
        """Forget all earlier frames."""

    def close(self) -> None:
        """Release what it holds."""


class Processing:
    """Owns the pipeline: builds it behind the privacy card, feeds it, rebuilds it when it must.

    Args:
        settings: what the pipeline is built from first.
        build: makes a pipeline for settings and a size of frame; takes its time.
        frames: where frames come from.
        publish: takes each filtered frame.
        guard: shows the card while there is no pipeline or it fails.
        statistics: counts and times.
        clock: what times it.
        report: told of failures; once for a run of them.
        want_alpha: whether composites must carry their matte.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        build: Callable[[Settings, Size], Chain],
        frames: Mailbox[Captured],
        publish: Callable[[Composite], None],
        guard: PrivacyGuard,
        statistics: Statistics,
        clock: Clock,
        report: Callable[[LivebgError], None],
        want_alpha: bool = False,
    ) -> None:
        self.settings = settings
        """What is in force; changes between two frames."""
        self.wanted = settings
        """What was asked for last, unless it was refused."""
        self.ready = threading.Event()
        """Set once there is a first pipeline."""
        self._build = build
        self._frames = frames
        self._publish = publish
        self._guard = guard
        self._statistics = statistics
        self._clock = clock
        self._report = report
        self._want_alpha = want_alpha
        self._changes: Mailbox[Settings] = Mailbox()
        self._chain: Chain | None = None
        self._built_for: Size | None = None
        self._run = 0
        self._failures = 0
        self._backoff = Backoff(clock)
        guard.conceal("filter", _STARTING)

    def change(self, settings: Settings) -> None:
        """Ask for ``settings`` from the next frame on. May be called from any thread."""
        self.wanted = settings
        self._changes.put(settings)

    def scheduler_statistics(self) -> dict[str, Any]:
        """Return what the mask scheduler says of itself; empty before there is a pipeline."""
        chain = self._chain
        return {} if chain is None else dict(chain.statistics)

    def run(self, stop: threading.Event, size: Size) -> None:
        """Build a pipeline, then filter frames until ``stop`` is set or there will be no more.

        Args:
            stop: ends it.
            size: ``(width, height)`` that the first frame is expected to have.

        Raises:
            LivebgError: the first pipeline could not be built.
        """
        try:
            self._replace_chain(self.settings, size)
            self.ready.set()
            while not stop.is_set() and not self._frames.finished:
                captured = self._frames.get(_PATIENCE_S)
                if captured is not None:
                    self.handle(captured)
        finally:
            if self._chain is not None:
                self._chain.close()

    def handle(self, captured: Captured) -> None:
        """Filter one frame and publish it; on any failure the card is shown instead."""
        changed = self._changes.get(0.0)
        if changed is not None:
            self._take_over(changed, captured.frame.size)
        chain = self._ready_chain(captured)
        if chain is None:
            return
        begin_ns = self._clock.now_ns()
        self._statistics.took("wait", captured.frame.captured_ns, begin_ns)
        try:
            composite = chain.process(captured.frame, want_alpha=self._want_alpha)
            composite = self._guard.admit(composite, captured.frame)
        except Exception as error:
            # Whatever it is, the room must not be shown and the session must go on.
            self._fail(chain, error)
            return
        self._statistics.took("process", begin_ns, self._clock.now_ns())
        self._statistics.made()
        self._failures = 0
        self._backoff.reset()
        self._guard.reveal("filter")
        self._publish(composite)

    def _ready_chain(self, captured: Captured) -> Chain | None:
        """Return a pipeline for this frame, or None while there can be none."""
        size = captured.frame.size
        if self._chain is None or self._built_for != size:
            if not self._backoff.ready:
                return None
            self._guard.conceal("filter", _CHANGING)
            try:
                self._replace_chain(self.settings, size)
            except Exception as error:
                self._backoff.fail()
                self._report(_as_ours(error))
                return None
        elif captured.run != self._run:
            self._chain.reset()
        self._run = captured.run
        return self._chain

    def _replace_chain(self, settings: Settings, size: Size) -> None:
        chain = self._build(settings, size)
        old, self._chain = self._chain, chain
        self._built_for = size
        self._failures = 0
        self._expect(settings)
        if old is not None:
            with contextlib.suppress(LivebgError):
                old.close()

    def _take_over(self, settings: Settings, size: Size) -> None:
        """Swap the settings in, or keep the old ones when the new ones do not work."""
        try:
            if self._chain is not None and _same_network(settings, self.settings):
                self._chain.reconfigure(settings)
                self._expect(settings)
            elif self._chain is not None:
                self._guard.conceal("filter", _CHANGING)
                self._replace_chain(settings, size)
        except Exception as error:
            self._report(_as_ours(error))
            if self.wanted is settings:
                self.wanted = self.settings
            return
        self.settings = settings

    def _expect(self, settings: Settings) -> None:
        self._guard.expect(
            max_age_s=settings.max_matte_age_s,
            channels=4 if settings.background == "transparent" else 3,
            raw_allowed=settings.background == "none",
        )

    def _fail(self, chain: Chain, error: Exception) -> None:
        self._guard.conceal("filter", _FAILED)
        self._statistics.failed()
        self._failures += 1
        if self._failures == 1:
            self._report(_as_ours(error))
        try:
            chain.reset()
            broken = self._failures >= _REBUILD_AFTER
        except Exception:
            _log.debug("the pipeline cannot be reset", exc_info=True)
            broken = True
        if broken:
            self._discard(chain)

    def _discard(self, chain: Chain) -> None:
        """Give the pipeline up; the next frame after the back-off builds another."""
        self._chain = None
        self._backoff.fail()
        try:
            chain.close()
        except Exception:
            _log.debug("the pipeline cannot be closed", exc_info=True)


def _as_ours(error: Exception) -> LivebgError:
    """Put an error that the pipeline should not have raised into a sentence for the user."""
    if isinstance(error, LivebgError):
        return error
    _log.debug("the filter failed in a way that it should not", exc_info=error)
    return ModelError(f"the filter failed: {error!r}; run with --debug for the whole story")


def _same_network(new: Settings, old: Settings) -> bool:
    names = {item.name for item in fields(Settings)} - LIVE_SETTINGS
    return all(getattr(new, name) == getattr(old, name) for name in names)
