"""From the settings in force to those that are wanted, without a frame lost on the way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from livebg.config.schema import SETTINGS, Settings
from livebg.errors import LivebgError, ModelError, SettingsError
from livebg.runtime.chain import LIVE_SETTINGS, Chain, added_up, same_network
from livebg.runtime.errand import Errand
from livebg.runtime.successor import Successor, close_quietly
from livebg.types import Frame, Size

__all__ = ["Succession", "as_ours"]

_log = logging.getLogger(__name__)


class Succession:
    """Owns the pipeline at work, and has its successor made ready beside it.

    What takes time is done in a thread of its own while the pipeline at work goes on: a background
    is read; another network is loaded, compiled, and shown the frames of the moment until it has
    answered one. Then it takes over between two frames. Whatever fails there is reported, and the
    old settings stay. There is one such errand at a time and the newest wish wins, so however
    often a user changes their mind, there are two pipelines at most, and one that is being closed.

    All but ``want`` and ``wanted`` belongs to the process thread.

    Args:
        settings: what is wanted first.
        build: makes a pipeline for settings and a size of frame; takes its time.
        in_force: told of settings at the moment from which frames are made with them.
        report: told why settings were refused.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        build: Callable[[Settings, Size], Chain],
        in_force: Callable[[Settings], None],
        report: Callable[[LivebgError], None],
    ) -> None:
        self.settings = settings
        """What the pipeline at work was told."""
        self.chain: Chain | None = None
        """The pipeline at work."""
        self.size: Size | None = None
        """``(width, height)`` of the frames that it takes."""
        self._build = build
        self._in_force = in_force
        self._report = report
        self._past: Mapping[str, Any] = {}
        self._lock = threading.Lock()
        self._wanted = settings
        self._making: Successor | None = None
        self._reading: _Reading | None = None
        self._retired: Errand[None] | None = None

    @property
    def wanted(self) -> Settings:
        """What was asked for last, without what was refused."""
        with self._lock:
            return self._wanted

    @property
    def statistics(self) -> dict[str, Any]:
        """``Chain.statistics`` of all pipelines that were at work; times are those of the last."""
        chain = self.chain
        return added_up(self._past, {} if chain is None else chain.statistics)

    def want(self, settings: Settings) -> None:
        """Ask for other settings; returns at once. May be called from any thread."""
        with self._lock:
            self._wanted = settings

    def establish(self, size: Size) -> Chain:
        """Build the pipeline at work for frames of ``size``, in place of any other; takes time.

        Raises:
            LivebgError: it cannot be built; the one before stays.
        """
        self._crown(self._build(self.settings, size), self.settings, size)
        assert self.chain is not None
        return self.chain

    def discard(self) -> None:
        """Close the pipeline at work, which is broken."""
        chain, past = self.chain, self.statistics
        self.chain, self._past = None, past
        if chain is not None:
            close_quietly(chain)

    def advance(self, frame: Frame) -> None:
        """Take over what is ready, and begin what is wanted; called for every frame before it."""
        if self._making is not None:
            self._making.show(frame)
            if self._making.errand.done:
                making, self._making = self._making, None
                self._succeed(making, frame.size)
        if self._reading is not None and self._reading.errand.done:
            reading, self._reading = self._reading, None
            self._take_over(reading)
        self._begin(self.wanted, frame.size)

    def close(self) -> None:
        """Close every pipeline, at work or not; waits for what cannot be interrupted."""
        if self._making is not None:
            self._making.give_up()
            self._making.errand.wait()
            with suppress(Exception):
                close_quietly(self._making.errand.outcome())
        if self._reading is not None:
            self._reading.errand.wait()
        if self._retired is not None:
            self._retired.wait()
        self.discard()

    def _begin(self, wanted: Settings, size: Size) -> None:
        """Start the errands that lead from the settings in force to ``wanted``."""
        here = self._without_successor(wanted)
        if self._reading is None and self.chain is not None and here != self.settings:
            self._reading = _Reading(self.chain, here)
            if self.settings.background == "none":
                # The room is on show: whoever wants it hidden must not wait for a slow disk.
                self._reading.errand.wait()
                self._take_over(self._reading)
                self._reading = None
        if self._making is not None:
            if self._making.size != size or not same_network(wanted, self._making.settings):
                self._making.give_up()
        elif not same_network(wanted, self.settings) and self._may_make:
            self._making = Successor(self._build, wanted, size)

    def _without_successor(self, wanted: Settings) -> Settings:
        """Return what of ``wanted`` the pipeline at work is to take over by itself.

        What is wanted together with another network comes with it, or is refused with it. What is
        wanted afterwards does not wait for it, and hiding the room never does.
        """
        if same_network(wanted, self.settings):
            return wanted
        making = self._making
        together = wanted
        if making is not None and same_network(wanted, making.settings):
            together = making.settings
        at_once = {
            name: getattr(wanted, name)
            for name in LIVE_SETTINGS
            if getattr(wanted, name) != getattr(together, name)
        }
        if self.settings.background == "none":
            at_once["background"] = wanted.background
        return replace(self.settings, **at_once)

    @property
    def _may_make(self) -> bool:
        """Whether the last pipeline has been closed: networks that hang must not pile up."""
        return self._retired is None or self._retired.done

    def _succeed(self, making: Successor, size: Size) -> None:
        """Let a new pipeline take over, unless it is not what is wanted any more."""
        wanted = self.wanted
        try:
            successor = making.errand.outcome()
        except Exception as error:
            if not making.given_up:
                self._refuse(making.settings, error)
            return
        if making.given_up or making.size != size or not same_network(wanted, making.settings):
            self._retire(successor)
            return
        try:
            if wanted != making.settings:
                successor.reconfigure(wanted)
        except Exception as error:
            self._retire(successor)
            self._refuse(wanted, error)
            return
        self._crown(successor, wanted, size)

    def _take_over(self, reading: _Reading) -> None:
        """Have the pipeline at work take over settings that it has prepared."""
        if reading.chain is not self.chain:
            return
        try:
            reading.errand.outcome()
            reading.chain.reconfigure(reading.settings)
        except Exception as error:
            self._refuse(reading.settings, error)
            return
        self.settings = reading.settings
        self._in_force(self.settings)

    def _crown(self, chain: Chain, settings: Settings, size: Size) -> None:
        old, past = self.chain, self.statistics
        self.chain, self._past = chain, past
        self.settings, self.size = settings, size
        self._in_force(settings)
        if old is not None:
            self._retire(old)

    def _retire(self, chain: Chain) -> None:
        """Close a pipeline beside: its network may still be at work."""
        if self._retired is not None:
            self._retired.wait()
        self._retired = Errand("retired", lambda stop: close_quietly(chain))

    def _refuse(self, settings: Settings, error: Exception) -> None:
        """Want no longer what ``settings`` would have changed, and say why."""
        self._report(SettingsError(f"{as_ours(error)}; the settings stay as they were"))
        with self._lock:
            kept = {
                name: getattr(self.settings, name)
                for name in SETTINGS
                if getattr(self._wanted, name) == getattr(settings, name)
            }
            self._wanted = replace(self._wanted, **kept)


class _Reading:
    """A pipeline that reads what other settings need, a background, while it is at work."""

    def __init__(self, chain: Chain, settings: Settings) -> None:
        self.chain = chain
        self.settings = settings
        self.errand = Errand("reading", lambda stop: chain.prepare(settings))


def as_ours(error: Exception) -> LivebgError:
    """Put an error that the pipeline should not have raised into a sentence for the user."""
    if isinstance(error, LivebgError):
        return error
    _log.debug("the filter failed in a way that it should not", exc_info=error)
    return ModelError(f"the filter failed: {error!r}; run with --debug for the whole story")
