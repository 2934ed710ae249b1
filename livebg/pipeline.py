"""The pipeline: frame in, composite out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from livebg.backgrounds import open_background
from livebg.build import build_with_fallback
from livebg.clock import NS_PER_S, Clock, MonotonicClock
from livebg.closable import Closable
from livebg.compositing.backgrounds import Plate
from livebg.compositing.compositor import Compositor, compositing_kernel
from livebg.compositing.edge_colour import EDGE_HALVINGS, edge_colours
from livebg.compositing.framing import AutoFraming, busts_of, mirrored, reframed
from livebg.compositing.sheets import full_size_labels
from livebg.config.load import chosen_settings
from livebg.config.settings import Settings
from livebg.download import Progress
from livebg.errors import UsageError
from livebg.frame import BGR, Composite, Frame, FramePyramid, Image, Matte, PixelFormat, Size
from livebg.matting.matting import Matting
from livebg.matting.stage_times import StageTimes
from livebg.pixels import has_numba
from livebg.segmenters.base import Segmenter, SegmenterInfo

__all__ = ["Pipeline"]


class Pipeline(Closable):
    """Finds the matte of each frame and composes the two. Called by one thread at a time.

    Every frame is composed with its own matte: inferred for it, or carried to it. Unless ``live``,
    there is no other thread and no clock is read: the same frames give the same composites. The
    network is loaded for frames of one size: that of the first frame, unless ``size`` is given.

    Args:
        settings: all settings; without them, those of ``preset`` and ``overrides``.
        size: ``(width, height)`` of the frames; the network is then loaded at once.
        preset: name of a preset, ``balanced`` by default.
        segmenter: replaces the network that the settings name; the pipeline closes it.
        live: hold the frame rate and the processor budget, and with the latency ``low`` run the
            network in a thread of its own.
        clock: measures the stages.
        progress: told how far a download of weights is.
        overrides: settings by name, as text or value: ``background="blur:80"``.

    Raises:
        SettingsError: a setting is unknown or out of range.
        UsageError: an unknown network, class or device.
        InputError: the background cannot be read.
        ModelError: the network cannot be loaded, or its weights cannot be fetched.

    Example:
        >>> with Pipeline(background="none") as pipeline:  # doctest: +SKIP
        ...     filtered = pipeline(picture)
    """

    def __init__(
        self,
        settings: Settings | None = None,
        size: Size | None = None,
        *,
        preset: str | None = None,
        segmenter: Segmenter | None = None,
        live: bool = False,
        clock: Clock | None = None,
        progress: Progress | None = None,
        **overrides: Any,
    ) -> None:
        settings = chosen_settings(settings, preset, overrides)
        self._settings = settings
        self._segmenter = segmenter
        self._live = live
        self._clock = clock or MonotonicClock()
        self._progress = progress
        self._compositor = Compositor(open_background(settings.background))
        self._framing = AutoFraming(settings.auto_frame)
        self._times = StageTimes(self._clock)
        self._opened: Matting | None = None
        self._frames = 0
        self._pictures = 0
        self._pyramid: FramePyramid | None = None
        if size is not None:
            try:
                self._open(size)
            except BaseException:
                self.close()
                raise

    @overload
    def __call__(self, picture: Image) -> Image: ...

    @overload
    def __call__(self, picture: Frame) -> Composite: ...

    def __call__(self, picture: Image | Frame) -> Image | Composite:
        """Return the next picture or frame filtered, in the same form.

        Pictures without a time are taken as a video of ``settings.fps`` frames per second.

        Args:
            picture: ``(H, W, 3)`` uint8 BGR, not altered; or a ``Frame``.

        Returns:
            For a picture ``(H, W, 3)`` uint8 BGR, with the background ``transparent``
            ``(H, W, 4)`` BGRA with straight alpha; for a frame its composite.

        Raises:
            ModelError: the network failed.
            ValueError: the picture has another size than those before it.
        """
        if isinstance(picture, Frame):
            frame = picture
        else:
            time_ns = round(self._pictures * NS_PER_S / self._settings.fps)
            frame = Frame(picture, self._pictures, self._clock.now_ns() if self._live else time_ns)
            self._pictures += 1
        while (composite := self.process(frame)) is None:
            pass  # The network is late.
        return composite if frame is picture else composite.image

    @property
    def info(self) -> SegmenterInfo:
        """The network, and what runs it."""
        return self._matting.info

    @property
    def statistics(self) -> Mapping[str, Any]:
        """Counts and durations so far, as plain values; empty before the network is loaded.

        ``engine``, ``model``, ``input_size``; ``latency``: whether frames wait for the network;
        ``frames``; ``inferred``: inferences decided; ``reasons``: number of decisions by
        ``scheduler.Reason``; ``refused``: mattes rejected by ``validation``; ``stage_ms``: mean
        milliseconds per frame, by stage; ``stages_ms``: ``Histogram.summary_ms`` of the calls, by
        stage.
        """
        if self._opened is None:
            return {}
        info = self.info
        return {
            "model": info.model,
            "engine": info.engine,
            "input_size": list(info.input_size),
            "frames": self._frames,
            **self._matting.statistics,
            "stage_ms": self._times.per_frame_ms(self._frames),
            "stages_ms": self._times.summaries_ms(),
        }

    def clear_statistics(self) -> None:
        """Count frames, reasons and times from zero again."""
        self._frames = 0
        if self._opened is not None:
            self._opened.clear_statistics()
        self._times.clear()

    def process(
        self, frame: Frame, *, want_alpha: bool = False, pixel_format: PixelFormat = BGR
    ) -> Composite | None:
        """Return ``frame`` filtered.

        Args:
            frame: the next frame.
            want_alpha: whether the composite must carry its matte at full size.
            pixel_format: the format of the composite; see ``Compositor.compose``.

        Returns:
            None while the network, in its own thread, is late with the matte that the frame needs:
            process the same frame again, before any newer one. Never None unless ``live`` with the
            latency ``low``.

        Raises:
            ModelError: the network failed; the frame must not be shown.
            ValueError: the frame has another size than the pipeline was built for.
        """
        matte = self.matte(frame)
        if matte is None:
            return None
        if self._settings.mirror:
            frame, matte = mirrored(frame, matte)
        return self.compose(frame, matte, want_alpha=want_alpha, pixel_format=pixel_format)

    def warm_up(self, frame: Frame, inferences: int) -> None:
        """Run a recurrent network on ``frame`` several times before its matte is needed."""
        self._open(frame.size)
        self._matting.warm_up(self._pyramid_of(frame), inferences)

    def matte(self, frame: Frame) -> Matte | None:
        """Return the matte of the next frame; see ``process``."""
        self._open(frame.size)
        self._frames += 1
        matte = self._matting.matte(self._pyramid_of(frame))
        if matte is None:
            self._frames -= 1  # The same frame comes again.
        return matte

    @property
    def late_notice(self) -> str:
        """What to tell the user when ``process`` returns None, and what to do about it."""
        return self._matting.late_notice

    def compose(
        self,
        frame: Frame,
        matte: Matte,
        *,
        want_alpha: bool = False,
        pixel_format: PixelFormat = BGR,
    ) -> Composite:
        """Return ``frame`` composed with its own matte; see ``process``."""
        pyramid = self._pyramid_of(frame)
        if not self._framing.at_rest:
            pyramid, matte = self._framed(pyramid, matte)
        with self._times.timed("refine"):
            alpha = matte.alpha_over(pyramid, _eighth_of(pyramid))
            colours = edge_colours(pyramid, alpha) if self._settings.edge_colour else None
        with self._times.timed("compose"):
            return self._compositor.compose(
                pyramid,
                matte,
                alpha,
                colours=colours,
                want_alpha=want_alpha,
                pixel_format=pixel_format,
            )

    def labels(self, frame: Frame, matte: Matte) -> NDArray[np.uint8] | None:
        """Return the PASCAL VOC class of every pixel, ``(H, W)`` uint8; None without classes."""
        if matte.labels is None:
            return None
        return full_size_labels(matte.labels, matte.box, frame.size)

    def reconfigure(self, settings: Settings, plate: Plate | None = None) -> None:
        """Take over settings that need no other network, between two frames.

        Args:
            settings: the new settings.
            plate: the plate of ``settings.background``; the pipeline closes it. None: another
                background is opened here, which takes time.

        Raises:
            InputError: the new background cannot be read; the old settings stay in force.
        """
        if plate is None and settings.background != self._settings.background:
            plate = open_background(settings.background)
        if plate is not None:
            self._compositor.close()
            self._compositor = Compositor(plate)
        self._settings = settings
        if self._opened is not None:
            self._opened.configure(settings)
        self._framing.strength = settings.auto_frame

    def reset(self) -> None:
        """Forget all earlier frames: the next one is inferred afresh."""
        if self._opened is not None:
            self._opened.reset()

    def close(self) -> None:
        """Release the network and the background. Idempotent."""
        if self._opened is not None:
            self._opened.close()
        elif self._segmenter is not None:
            self._segmenter.close()
        self._compositor.close()

    @property
    def _matting(self) -> Matting:
        if self._opened is None:
            raise UsageError("the pipeline has no network yet; give it a frame or a size first")
        return self._opened

    def _open(self, size: Size) -> None:
        """Load the compositing kernel, and the network for frames of ``size``, unless done."""
        if self._opened is not None:
            return
        compositing_kernel()
        segmenter = self._segmenter
        if segmenter is None:
            segmenter, self._settings = build_with_fallback(
                self._settings, size, self._progress, live=self._live
            )
        self._opened = Matting(
            self._settings, segmenter, size, self._times, live=self._live, clock=self._clock
        )

    def _pyramid_of(self, frame: Frame) -> FramePyramid:
        """Return the pyramid of ``frame``: the last one made where it is the same frame again."""
        if self._pyramid is None or self._pyramid.frame is not frame:
            self._pyramid = _pyramid_of(frame)
        return self._pyramid

    def _framed(self, pyramid: FramePyramid, matte: Matte) -> tuple[FramePyramid, Matte]:
        """Return the part of a frame and its matte that auto-framing shows."""
        frame = pyramid.frame
        with self._times.timed("framing"):
            busts = busts_of(matte.alpha_over(pyramid, _eighth_of(pyramid)), frame.size)
            window = self._framing.update(busts, frame.size, frame.captured_ns)
            shown, matte = reframed(frame, matte, window)
        return pyramid if shown is frame else _pyramid_of(shown), matte


def _pyramid_of(frame: Frame) -> FramePyramid:
    """Return the pyramid of ``frame``, with its quarter where compiled code can compute it."""
    width, height = frame.size
    if not has_numba() or width % 4 or height % 4:
        return FramePyramid(frame)
    from livebg.pixels.reduction import quarter

    return FramePyramid(frame, quarter(frame.image))


def _eighth_of(pyramid: FramePyramid) -> Size:
    """Return an eighth of the frame's size."""
    height, width = pyramid.halved(EDGE_HALVINGS).shape[:2]
    return width, height
