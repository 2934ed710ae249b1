"""The hot swap: other settings or another pipeline come into force between two frames."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from livebg.backgrounds import open_background
from livebg.build import settings_without_device
from livebg.compositing.backgrounds import Plate
from livebg.config.settings import NETWORK_SETTINGS, SETTINGS, Settings, same_network
from livebg.errors import DeviceLostError, LivebgError, ModelError, SettingsError, as_livebg_error
from livebg.frame import Frame, Size
from livebg.live.warmup import Build, with_first_timeout
from livebg.pipeline import Pipeline
from livebg.threads import Mailbox, Worker

__all__ = ["HotSwap"]

_log = logging.getLogger(__name__)

_POLL_S = 0.5


class HotSwap:
    """Owns the pipeline at work, and brings requested settings into force between two frames.

    What takes time is done in a background task while the pipeline at work goes on: a background
    is opened; another network is loaded, compiled, and shown the current frames in a standby
    pipeline until it has answered one. Then it is activated between two frames. Whatever fails is
    refused with a sentence, and the old settings stay. There is one standby pipeline at a time and
    the newest request wins, so that there are two pipelines at most, and one that is being closed.

    All but ``request`` and ``requested`` belongs to the process thread.

    Args:
        in_force: told of settings at the moment from which frames are made with them.
        report: told why settings were refused.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        build: Build,
        in_force: Callable[[Settings], None],
        report: Callable[[LivebgError], None],
    ) -> None:
        self.settings = settings
        """The settings in force."""
        self.pipeline: Pipeline | None = None
        """The pipeline at work."""
        self.size: Size | None = None
        """``(width, height)`` of the frames that it takes."""
        self._build = build
        self._in_force = in_force
        self._report = report
        self._past: Mapping[str, Any] = {}
        self._lock = threading.Lock()
        self._requested = settings
        self._standby: _Standby | None = None
        self._opening: _Opening | None = None
        self._retired: Worker[None] | None = None

    @property
    def requested(self) -> Settings:
        """The settings that were asked for last, without those that were refused."""
        with self._lock:
            return self._requested

    def request(self, settings: Settings) -> None:
        """Ask for other settings; returns at once. May be called from any thread."""
        with self._lock:
            self._requested = settings

    @property
    def statistics(self) -> dict[str, Any]:
        """``Pipeline.statistics`` of all pipelines at work so far: counts added, the rest new."""
        past, present = self._past, {} if self.pipeline is None else self.pipeline.statistics
        both = {**past, **present}
        for name in {"frames", "inferred", "refused"} & both.keys():
            both[name] = past.get(name, 0) + present.get(name, 0)
        if "reasons" in both:
            both["reasons"] = dict(Counter(past.get("reasons")) + Counter(present.get("reasons")))
        return both

    def establish(self, size: Size) -> Pipeline:
        """Build the pipeline at work for frames of ``size``, in place of any other; takes time.

        Raises:
            LivebgError: it cannot be built; the one before stays.
        """
        pipeline = self._build(self.settings, size)
        self._activate(pipeline, self.settings, size)
        return pipeline

    def discard(self) -> None:
        """Close the pipeline at work, which is broken."""
        pipeline, self._past = self.pipeline, self.statistics
        self.pipeline = None
        if pipeline is not None:
            _close_quietly(pipeline)

    def leave_device(self, error: DeviceLostError) -> None:
        """Discard the pipeline at work, whose device is lost, and go on with OpenVINO."""
        self._report(ModelError(f"{error}; livebg goes on with the processor"))
        self.settings = settings_without_device(self.settings)
        with self._lock:
            self._requested = settings_without_device(self._requested)
        self.discard()

    def advance(self, frame: Frame) -> None:
        """Activate what is ready and start requested changes; called before every frame."""
        if self._standby is not None:
            self._standby.frames.put(frame)
            if self._standby.task.done:
                standby, self._standby = self._standby, None
                self._finish_standby(standby, frame.size)
        if self._opening is not None and self._opening.task.done:
            self._finish_opening()
        requested = self.requested
        self._start_opening(requested)
        self._start_standby(requested, frame.size)

    def close(self) -> None:
        """Close every pipeline, at work or not; waits for what cannot be interrupted."""
        if self._standby is not None:
            self._standby.abandon()
            self._standby.task.wait()
            with suppress(Exception):
                _close_quietly(self._standby.task.outcome())
        if self._opening is not None:
            self._opening.close()
        if self._retired is not None:
            self._retired.wait()
        self.discard()

    def _start_opening(self, requested: Settings) -> None:
        """Have the pipeline at work take over what needs no other network."""
        settings = self._without_other_network(requested)
        if self._opening is not None or self.pipeline is None or settings == self.settings:
            return
        if settings.background == self.settings.background:
            self._take_over(settings)
            return
        task = Worker("background", lambda stop: open_background(settings.background)).start()
        self._opening = _Opening(self.pipeline, settings, task)
        if self.settings.background.shows_room:
            # The room is on show: a user who hides it must not wait for a slow disk.
            task.wait()
            self._finish_opening()

    def _start_standby(self, requested: Settings, size: Size) -> None:
        if self._standby is not None:
            if not self._standby.serves(requested, size):
                self._standby.abandon()
        elif not same_network(requested, self.settings) and (
            # Networks that hang while they are closed must not pile up.
            self._retired is None or self._retired.done
        ):
            self._standby = _Standby(self._build, requested, size)

    def _without_other_network(self, requested: Settings) -> Settings:
        """Return the settings that the pipeline at work takes over without another network.

        Changes that are requested together with another network come into force with it, or are
        refused with it. Later changes do not wait for it, and hiding the room never does.
        """
        if same_network(requested, self.settings):
            return requested
        together = requested
        if self._standby is not None and same_network(requested, self._standby.settings):
            together = self._standby.settings
        at_once = {
            name: getattr(requested, name)
            for name in SETTINGS.keys() - NETWORK_SETTINGS
            if getattr(requested, name) != getattr(together, name)
        }
        if self.settings.background.shows_room:
            at_once["background"] = requested.background
        return replace(self.settings, **at_once)

    def _finish_opening(self) -> None:
        assert self._opening is not None
        opening, self._opening = self._opening, None
        if opening.pipeline is not self.pipeline:
            opening.close()
            return
        try:
            plate = opening.task.outcome()
        except Exception as error:
            self._refuse(opening.settings, error)
        else:
            self._take_over(opening.settings, plate)

    def _take_over(self, settings: Settings, plate: Plate | None = None) -> None:
        assert self.pipeline is not None
        try:
            self.pipeline.reconfigure(settings, plate)
        except Exception as error:
            self._refuse(settings, error)
            return
        self.settings = settings
        self._in_force(settings)

    def _finish_standby(self, standby: _Standby, size: Size) -> None:
        """Activate a standby pipeline, unless something else has been requested since."""
        requested = self.requested
        try:
            pipeline = standby.task.outcome()
        except Exception as error:
            if not standby.abandoned:
                self._refuse(standby.settings, error)
            return
        if standby.abandoned or not standby.serves(requested, size):
            self._retire(pipeline)
            return
        try:
            if requested != standby.settings:
                pipeline.reconfigure(requested)
        except Exception as error:
            self._retire(pipeline)
            self._refuse(requested, error)
            return
        self._activate(pipeline, requested, size)

    def _activate(self, pipeline: Pipeline, settings: Settings, size: Size) -> None:
        old, self._past = self.pipeline, self.statistics
        self.pipeline, self.settings, self.size = pipeline, settings, size
        self._in_force(settings)
        if old is not None:
            self._retire(old)

    def _retire(self, pipeline: Pipeline) -> None:
        """Close a pipeline in a background task: its network may still be at work."""
        if self._retired is not None:
            self._retired.wait()
        self._retired = Worker("retired", lambda stop: _close_quietly(pipeline)).start()

    def _refuse(self, settings: Settings, error: Exception) -> None:
        """Take back what ``settings`` would have changed, and say why."""
        told = as_livebg_error(error, ModelError, "the filter failed")
        self._report(SettingsError(f"{told}; the settings stay as they were"))
        with self._lock:
            kept = {
                name: getattr(self.settings, name)
                for name in SETTINGS
                if getattr(self._requested, name) == getattr(settings, name)
            }
            self._requested = replace(self._requested, **kept)


class _Standby:
    """A pipeline that is built, and shown the current frames until it has answered one."""

    def __init__(self, build: Build, settings: Settings, size: Size) -> None:
        self.settings = settings
        self.size = size
        self.abandoned = False
        self.frames: Mailbox[Frame] = Mailbox()
        self.task = Worker("standby", partial(self._make, build)).start()

    def serves(self, settings: Settings, size: Size) -> bool:
        return self.size == size and same_network(settings, self.settings)

    def abandon(self) -> None:
        """Let the task end as soon as it can; returns at once."""
        self.abandoned = True
        self.task.stop()
        self.frames.close()

    def _make(self, build: Build, stop: threading.Event) -> Pipeline:
        pipeline = build(with_first_timeout(self.settings), self.size)
        try:
            late: Frame | None = None
            while not stop.is_set():
                frame = late or self.frames.get(_POLL_S)
                if frame is None or frame.size != self.size:
                    continue
                if pipeline.process(frame) is not None:
                    pipeline.clear_statistics()
                    break
                late = frame
            pipeline.reconfigure(self.settings)
        except BaseException:
            _close_quietly(pipeline)
            raise
        return pipeline


class _Opening(NamedTuple):
    """The background of other settings, opened while ``pipeline`` is at work."""

    pipeline: Pipeline
    settings: Settings
    task: Worker[Plate]

    def close(self) -> None:
        self.task.wait()
        with suppress(Exception):
            self.task.outcome().close()


def _close_quietly(pipeline: Pipeline) -> None:
    try:
        pipeline.close()
    except Exception:
        _log.debug("a pipeline cannot be closed", exc_info=True)
