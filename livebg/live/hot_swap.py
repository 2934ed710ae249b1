"""What the live session needs of a pipeline, and which settings it can change in one.

A pipeline that has been through a picture already when its first frame comes.

A pipeline in the standby, beside the one at work.

From the settings in force to those that are wanted, without a frame lost on the way.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from livebg.backgrounds import open_background
from livebg.compositing.backgrounds import Plate
from livebg.config.settings import NETWORK_SETTINGS, SETTINGS, Settings, same_network
from livebg.errors import LivebgError, ModelError, SettingsError
from livebg.frame import BGR, Composite, Frame, PixelFormat, Size
from livebg.live.jit_warmup import load_kernels
from livebg.pipeline import Pipeline
from livebg.threads import BackgroundTask, Mailbox

__all__ = [
    "Chain",
    "HotSwap",
    "StandbyPipeline",
    "as_ours",
    "build_live",
    "build_warmed_up",
    "close_quietly",
    "merged_statistics",
    "patient",
]

_log = logging.getLogger(__name__)


_AT_FIRST_S = 10.0
_COUNTS = frozenset({"frames", "inferred", "refused"})


class Chain(Protocol):
    """What a live session needs of ``livebg.pipeline.Pipeline``."""

    @property
    def statistics(self) -> Mapping[str, Any]:
        """What the mask scheduler and the stages did."""

    def clear_statistics(self) -> None:
        """Count from zero again."""

    def process(
        self, frame: Frame, *, want_alpha: bool = False, pixel_format: PixelFormat = BGR
    ) -> Composite | None:
        """Return the filtered ``frame``, or None while the network is late with it."""

    @property
    def late_notice(self) -> str:
        """What to tell the user when ``process`` returns None."""

    def reconfigure(self, settings: Settings, plate: Plate | None = None) -> None:
        """Take over settings that need no other network."""

    def reset(self) -> None:
        """Forget all earlier frames."""

    def close(self) -> None:
        """Release what it holds."""


def patient(settings: Settings) -> Settings:
    """Return ``settings`` with which a network may take its time, as it does at first."""
    return replace(settings, max_matte_age_s=_AT_FIRST_S)


def merged_statistics(past: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """Return the statistics of two pipelines, one after the other: counts added, the rest new.

    Example:
        >>> merged_statistics({"frames": 3, "reasons": {"age": 1}}, {"frames": 4, "model": "rvm"})
        {'frames': 7, 'reasons': {'age': 1}, 'model': 'rvm'}
    """
    both = {**past, **present}
    for name in _COUNTS & both.keys():
        both[name] = past.get(name, 0) + present.get(name, 0)
    if "reasons" in both:
        both["reasons"] = dict(Counter(past.get("reasons")) + Counter(present.get("reasons")))
    return both


def build_warmed_up(settings: Settings, size: Size, *, live: bool = False) -> Pipeline:
    """Build a pipeline and let every stage load and compile what it needs on a black picture.

    The first frame otherwise takes some tenths of a second, and a live session would drop the
    next ten. A network that is not done with the picture after many seconds is left to it: the
    session has to say so, and has to end when the user wants.

    Args:
        settings: what is wanted.
        size: ``(width, height)`` of the frames, in pixels.
        live: as for ``Pipeline``.

    Raises:
        LivebgError: as ``Pipeline``, or the network fails.
    """
    kernels = BackgroundTask("kernels", lambda stop: load_kernels())
    try:
        pipeline = Pipeline(patient(settings), size, live=live)
    finally:
        # Always: a program that ends while it compiles would crash.
        kernels.wait()
    try:
        kernels.outcome()
        pipeline.process(Frame(np.zeros((size[1], size[0], 3), np.uint8), 0, 0))
        pipeline.reconfigure(settings)
        pipeline.reset()
        pipeline.clear_statistics()
    except BaseException:
        pipeline.close()
        raise
    return pipeline


def build_live(settings: Settings, size: Size) -> Pipeline:
    """Build what a live session on a camera runs; see ``build_warmed_up``."""
    return build_warmed_up(settings, size, live=True)


_POLL_S = 0.5


class StandbyPipeline:
    """Builds a pipeline in a thread of its own, and shows it the frames of the moment.

    It is ready once it has answered one of them, so that nobody waits for its first matte when it
    takes over.

    Args:
        build: makes a pipeline for settings and a size of frame.
        settings: what it is made for.
        size: ``(width, height)`` of the frames.
    """

    def __init__(
        self, build: Callable[[Settings, Size], Chain], settings: Settings, size: Size
    ) -> None:
        self.settings = settings
        self.size = size
        self.given_up = False
        """Whether nobody wants it any more."""
        self._build = build
        self._frames: Mailbox[Frame] = Mailbox()
        self.task: BackgroundTask[Chain] = BackgroundTask("successor", self._make)
        """Its outcome is the pipeline; whoever takes it closes it."""

    def show(self, frame: Frame) -> None:
        """Leave the newest frame for it; returns at once."""
        self._frames.put(frame)

    def give_up(self) -> None:
        """Say that nobody wants it any more; returns at once, the task ends when it can."""
        self.given_up = True
        self.task.stop()
        self._frames.close()

    def _make(self, stop: threading.Event) -> Chain:
        chain = self._build(patient(self.settings), self.size)
        try:
            self._warm_up(chain, stop)
            chain.reconfigure(self.settings)
        except BaseException:
            close_quietly(chain)
            raise
        return chain

    def _warm_up(self, chain: Chain, stop: threading.Event) -> None:
        late: Frame | None = None
        while not stop.is_set():
            frame = late or self._frames.get(_POLL_S)
            if frame is None or frame.size != self.size:
                continue
            if chain.process(frame) is None:
                late = frame
                continue
            chain.clear_statistics()
            return


def close_quietly(chain: Chain) -> None:
    """Close a pipeline that nobody needs any more, whatever it says to that."""
    try:
        chain.close()
    except Exception:
        _log.debug("a pipeline cannot be closed", exc_info=True)


class HotSwap:
    """Owns the pipeline at work, and has its successor made ready beside it.

    What takes time is done in a thread of its own while the pipeline at work goes on: a background
    is read; another network is loaded, compiled, and shown the frames of the moment until it has
    answered one. Then it takes over between two frames. Whatever fails there is reported, and the
    old settings stay. There is one such task at a time and the newest wish wins, so however
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
        self._standby: StandbyPipeline | None = None
        self._reading: _Reading | None = None
        self._retired: BackgroundTask[None] | None = None

    @property
    def wanted(self) -> Settings:
        """What was asked for last, without what was refused."""
        with self._lock:
            return self._wanted

    @property
    def statistics(self) -> dict[str, Any]:
        """``Chain.statistics`` of all pipelines that were at work; times are those of the last."""
        chain = self.chain
        return merged_statistics(self._past, {} if chain is None else chain.statistics)

    def want(self, settings: Settings) -> None:
        """Ask for other settings; returns at once. May be called from any thread."""
        with self._lock:
            self._wanted = settings

    def establish(self, size: Size) -> Chain:
        """Build the pipeline at work for frames of ``size``, in place of any other; takes time.

        Raises:
            LivebgError: it cannot be built; the one before stays.
        """
        self._activate(self._build(self.settings, size), self.settings, size)
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
        if self._standby is not None:
            self._standby.show(frame)
            if self._standby.task.done:
                standby, self._standby = self._standby, None
                self._finish_standby(standby, frame.size)
        if self._reading is not None and self._reading.task.done:
            reading, self._reading = self._reading, None
            self._take_over(reading)
        self._begin(self.wanted, frame.size)

    def close(self) -> None:
        """Close every pipeline, at work or not; waits for what cannot be interrupted."""
        if self._standby is not None:
            self._standby.give_up()
            self._standby.task.wait()
            with suppress(Exception):
                close_quietly(self._standby.task.outcome())
        if self._reading is not None:
            self._reading.close()
        if self._retired is not None:
            self._retired.wait()
        self.discard()

    def _begin(self, wanted: Settings, size: Size) -> None:
        """Start the tasks that lead from the settings in force to ``wanted``."""
        here = self._without_successor(wanted)
        if self._reading is None and self.chain is not None and here != self.settings:
            changed = here.background != self.settings.background
            self._reading = _Reading(self.chain, here, changed)
            if self.settings.background.shows_room:
                # The room is on show: whoever wants it hidden must not wait for a slow disk.
                self._reading.task.wait()
                self._take_over(self._reading)
                self._reading = None
        if self._standby is not None:
            if self._standby.size != size or not same_network(wanted, self._standby.settings):
                self._standby.give_up()
        elif not same_network(wanted, self.settings) and self._may_make:
            self._standby = StandbyPipeline(self._build, wanted, size)

    def _without_successor(self, wanted: Settings) -> Settings:
        """Return what of ``wanted`` the pipeline at work is to take over by itself.

        What is wanted together with another network comes with it, or is refused with it. What is
        wanted afterwards does not wait for it, and hiding the room never does.
        """
        if same_network(wanted, self.settings):
            return wanted
        standby = self._standby
        together = wanted
        if standby is not None and same_network(wanted, standby.settings):
            together = standby.settings
        at_once = {
            name: getattr(wanted, name)
            for name in SETTINGS
            if name not in NETWORK_SETTINGS and getattr(wanted, name) != getattr(together, name)
        }
        if self.settings.background.shows_room:
            at_once["background"] = wanted.background
        return replace(self.settings, **at_once)

    @property
    def _may_make(self) -> bool:
        """Whether the last pipeline has been closed: networks that hang must not pile up."""
        return self._retired is None or self._retired.done

    def _finish_standby(self, standby: StandbyPipeline, size: Size) -> None:
        """Let a new pipeline take over, unless it is not what is wanted any more."""
        wanted = self.wanted
        try:
            successor = standby.task.outcome()
        except Exception as error:
            if not standby.given_up:
                self._refuse(standby.settings, error)
            return
        if standby.given_up or standby.size != size or not same_network(wanted, standby.settings):
            self._retire(successor)
            return
        try:
            if wanted != standby.settings:
                successor.reconfigure(wanted)
        except Exception as error:
            self._retire(successor)
            self._refuse(wanted, error)
            return
        self._activate(successor, wanted, size)

    def _take_over(self, reading: _Reading) -> None:
        """Have the pipeline at work take over settings that it has prepared."""
        if reading.chain is not self.chain:
            reading.close()
            return
        try:
            reading.chain.reconfigure(reading.settings, reading.task.outcome())
        except Exception as error:
            self._refuse(reading.settings, error)
            return
        self.settings = reading.settings
        self._in_force(self.settings)

    def _activate(self, chain: Chain, settings: Settings, size: Size) -> None:
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
        self._retired = BackgroundTask("retired", lambda stop: close_quietly(chain))

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
    """The background of other settings, opened while the pipeline is at work."""

    def __init__(self, chain: Chain, settings: Settings, changed: bool) -> None:
        self.chain = chain
        self.settings = settings
        self.task: BackgroundTask[Plate | None] = BackgroundTask(
            "background", lambda stop: open_background(settings.background) if changed else None
        )

    def close(self) -> None:
        """Close what was opened and is not used."""
        self.task.wait()
        with suppress(Exception):
            plate = self.task.outcome()
            if plate is not None:
                plate.close()


def as_ours(error: Exception) -> LivebgError:
    """Put an error that the pipeline should not have raised into a sentence for the user."""
    if isinstance(error, LivebgError):
        return error
    _log.debug("the filter failed in a way that it should not", exc_info=error)
    return ModelError(f"the filter failed: {error!r}; run with --debug for the whole story")
