"""The chain on a torch device by the side of the chain on the host, on a real clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from livebg.clock import ManualClock
from livebg.config.schema import Settings
from livebg.device.chain import DeviceChain
from livebg.device.coefficients import Planes
from livebg.device.networks import DeviceNetwork
from livebg.device.picture import DevicePicture
from livebg.errors import InputError, ModelError, UsageError
from livebg.models.weights import add_weights
from livebg.runtime.backdrop import open_backdrop
from livebg.runtime.build import build_pipeline
from livebg.runtime.device_pipeline import DevicePipeline
from livebg.runtime.filter_chain import FilterChain
from livebg.segment.base import SegmenterInfo
from livebg.types import Composite, Frame
from tests.checkpoints import write_checkpoint
from tests.clips import write_clip
from tests.mattes import disc
from tests.runtime.test_plausibility import texture

LRASPP = "lraspp_mobilenet_v3_large"
SETTINGS = Settings(
    matte_size=(256, 144), every=1, crop=False, precision="f32", background="color:#00b140"
)
COUNT = 4
SIZE = (320, 180)

Filter = Callable[..., list[Composite]]


@pytest.fixture(scope="module")
def frames(talking_head_frames: list[Frame]) -> list[Frame]:
    return talking_head_frames


def filtered(
    settings: Settings, frames: list[Frame], *, want_alpha: bool = True
) -> list[Composite]:
    with build_pipeline(settings, frames[0].size) as pipeline:
        return [pipeline.process(frame, want_alpha=want_alpha) for frame in frames]


def alpha_difference(one: Composite, other: Composite) -> float:
    assert one.alpha is not None
    assert other.alpha is not None
    return float(cv2.absdiff(one.alpha, other.alpha).mean() / 255)


@pytest.fixture(scope="module")
def host(rvm_weights: Path, frames: list[Frame]) -> list[Composite]:
    return filtered(replace(SETTINGS, device="cpu"), frames[:COUNT])


@pytest.mark.parametrize(("precision", "most"), [("f32", 2e-3), ("bf16", 1e-2), ("f16", 1e-2)])
def test_every_arithmetic_gives_the_hosts_matte(
    host: list[Composite], frames: list[Frame], precision: str, most: float
) -> None:
    """The tolerances are those that every engine has to keep, as a mean over a frame."""
    settings = replace(SETTINGS, device="torch:cpu", precision=precision)
    for theirs, ours in zip(host, filtered(settings, frames[:COUNT]), strict=True):
        assert alpha_difference(ours, theirs) <= most
        # A colour is off by what alpha is off, times what the two colours are apart.
        assert cv2.absdiff(ours.image, theirs.image).mean() < 0.5 + 255 * most
        assert (ours.index, ours.captured_ns) == (theirs.index, theirs.captured_ns)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("film") / "film.mp4", count=20)


@pytest.mark.parametrize(
    "changes",
    [
        {"background": "blur"},
        {"background": "gray"},
        {"background": "none"},
        {"background": "FILM"},
        {"mirror": True},
        {"edge_colour": False},
        {"background": "blur:100", "mirror": True},
    ],
    ids=str,
)
def test_every_picture_is_the_hosts(
    rvm_weights: Path, frames: list[Frame], film: Path, changes: dict[str, object]
) -> None:
    wanted = {key: str(film) if value == "FILM" else value for key, value in changes.items()}
    settings = replace(SETTINGS, **wanted)  # type: ignore[arg-type]
    theirs = filtered(replace(settings, device="cpu"), frames[:COUNT], want_alpha=False)
    ours = filtered(replace(settings, device="torch:cpu"), frames[:COUNT], want_alpha=False)
    for one, other in zip(ours, theirs, strict=True):
        difference = cv2.absdiff(one.image, other.image)
        # Roundings to levels, which the host does after every step.
        assert difference.mean() < 0.7
        assert np.quantile(difference, 0.999) <= 8


def test_a_cutout_is_the_hosts(rvm_weights: Path, frames: list[Frame]) -> None:
    settings = replace(SETTINGS, background="transparent")
    theirs = filtered(replace(settings, device="cpu"), frames[:2])
    ours = filtered(replace(settings, device="torch:cpu"), frames[:2])
    for one, other in zip(ours, theirs, strict=True):
        seen = [c.image[..., :3] * (c.image[..., 3:] / 255) for c in (one, other)]
        assert np.abs(seen[0] - seen[1]).mean() < 0.5
        assert not one.image[one.image[..., 3] == 0].any()


def far_away(frame: Frame) -> Frame:
    """The clip's person from twice as far away, in a grey room."""
    image = np.full_like(frame.image, 120)
    image[180:, 60:380] = cv2.resize(frame.image, SIZE, interpolation=cv2.INTER_AREA)
    return Frame(image, frame.index, 5 * frame.captured_ns)


def test_auto_framing_shows_nearly_the_hosts_window(rvm_weights: Path, frames: list[Frame]) -> None:
    settings = replace(SETTINGS, auto_frame=100)
    frames = [far_away(frame) for frame in frames]
    theirs = filtered(replace(settings, device="cpu"), frames)
    ours = filtered(replace(settings, device="torch:cpu"), frames)
    whole = filtered(replace(SETTINGS, device="cpu"), frames[-1:])
    # One frame late, so the window of the frame before fits better than the frame's own.
    assert cv2.absdiff(ours[-1].image, theirs[-1].image).mean() < 8
    assert cv2.absdiff(whole[0].image, theirs[-1].image).mean() > 8


@pytest.fixture
def own_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path / "cache"))
    add_weights(LRASPP, write_checkpoint(LRASPP, tmp_path / "checkpoint.pth"))


@pytest.mark.usefixtures("own_weights")
def test_frames_looked_at_together_are_those_looked_at_alone_with_a_checkpoint_the_test_wrote(
    frames: list[Frame],
) -> None:
    settings = replace(SETTINGS, model=LRASPP, device="torch:cpu")
    alone = filtered(settings, frames)
    with build_pipeline(settings, frames[0].size) as pipeline:
        together = list(pipeline.filtered(iter(frames), want_alpha=True))
        assert pipeline.statistics["frames"] == pipeline.statistics["inferred"] == len(frames)
    assert [c.index for c in together] == [f.index for f in frames]
    for one, other in zip(alone, together, strict=True):
        # Convolutions of several pictures may be done in another order.
        assert alpha_difference(one, other) < 2e-3


class Painted(DeviceNetwork):
    """A network that answers what a test says, on the CPU."""

    def __init__(self, *, recurrent: bool = True) -> None:
        super().__init__(torch.device("cpu"), torch.float32, (64, 36))
        self.alpha = torch.from_numpy(disc((64, 36), (0.9, 0.5), 0.3, 0.1))
        self.seen: list[int] = []
        self.resets = 0
        self._recurrent = recurrent

    @property
    def info(self) -> SegmenterInfo:
        return SegmenterInfo("painted", "torch cpu f32", self.input_size, self._recurrent)

    def infer(self, pictures: list[DevicePicture]) -> list[Planes]:  # type: ignore[override]
        self.seen += [picture.index for picture in pictures]
        plain = self.alpha[None, None].clone()
        return [Planes(torch.zeros_like(plain), plain, plain) for _ in pictures]

    def reset(self) -> None:
        self.resets += 1

    def look_unrecorded(self) -> None:
        raise NotImplementedError


def pipeline_of(
    network: DeviceNetwork, *, looks_always: bool = False, **changes: object
) -> DevicePipeline:
    settings = replace(SETTINGS, **changes)  # type: ignore[arg-type]
    clock = ManualClock()
    chain = DeviceChain(network, SIZE, open_backdrop(settings.background), clock)
    return DevicePipeline(settings, chain, open_backdrop, clock, looks_always=looks_always)


def scene(seed: int, index: int) -> Frame:
    return Frame(texture(seed, SIZE), index, index * 33_000_000)


def still(index: int) -> Frame:
    return scene(1, index)


def test_a_matte_is_carried_between_inferences() -> None:
    network = Painted()
    with pipeline_of(network, every=3) as pipeline:
        composites = [pipeline.process(still(n), want_alpha=True) for n in range(7)]
        statistics = pipeline.statistics
    assert network.seen == [0, 3, 6]
    assert statistics["reasons"] == {"first": 1, "carried": 4, "every": 2}
    for composite in composites:
        assert alpha_difference(composite, composites[0]) < 5e-3


def test_a_carried_matte_that_looks_wrong_is_never_shown() -> None:
    network = Painted()
    with pipeline_of(network, every=30) as pipeline:
        pipeline.process(still(0))
        network.alpha = torch.zeros_like(network.alpha)
        composite = pipeline.process(scene(2, 1), want_alpha=True)
    assert network.seen == [0, 1]
    assert composite.alpha is not None
    assert not composite.alpha.any()


def test_the_network_runs_when_the_last_carried_matte_looked_doubtful() -> None:
    network = Painted()
    with pipeline_of(network, every="auto", max_residual=0.0) as pipeline:
        for n in range(8):
            pipeline.process(scene(n // 6, n))
    assert network.seen[:4] == [0, 1, 2, 3]


def test_where_the_network_is_cheap_auto_means_every_frame_also_after_a_change() -> None:
    network = Painted()
    with pipeline_of(network, looks_always=True, every="auto") as pipeline:
        for n in range(8):
            pipeline.process(still(n))
        pipeline.reconfigure(replace(SETTINGS, every="auto", smoothing_s=0.2))
        for n in range(8, 16):
            pipeline.process(still(n))
    assert network.seen == list(range(16))


def test_values_that_are_no_numbers_are_an_error_and_are_forgotten() -> None:
    network = Painted()
    with pipeline_of(network) as pipeline:
        good = pipeline.process(still(0))
        right, network.alpha = network.alpha, torch.full_like(network.alpha, torch.nan)
        with pytest.raises(ModelError, match="frame 1 with values that are no alpha matte"):
            pipeline.process(still(1))
        assert network.resets == 1
        network.alpha = right
        np.testing.assert_array_equal(pipeline.process(still(2)).image, good.image)


def test_a_network_that_claims_everything_shows_nobody(caplog: pytest.LogCaptureFixture) -> None:
    network = Painted()
    network.alpha = torch.ones_like(network.alpha)
    with pipeline_of(network) as pipeline:
        for n in range(3):
            composite = pipeline.process(still(n), want_alpha=True)
            assert composite.alpha is not None
            assert not composite.alpha.any()
        assert pipeline.statistics["refused"] == 3
    assert [r.getMessage()[:24] for r in caplog.records] == ["the network takes 100 % "]


def test_a_background_changes_between_two_frames(tmp_path: Path) -> None:
    with pipeline_of(Painted()) as pipeline:
        pipeline.process(still(0))
        changed = replace(SETTINGS, background="color:#0000ff")
        pipeline.prepare(changed)
        pipeline.reconfigure(changed)
        assert pipeline.process(still(1)).image[0, 0].tolist() == [255, 0, 0]
        with pytest.raises((UsageError, InputError)):
            pipeline.reconfigure(replace(SETTINGS, background=str(tmp_path / "none.png")))
        assert pipeline.process(still(2)).image[0, 0].tolist() == [255, 0, 0]


def test_a_frame_of_another_size_is_refused() -> None:
    with pipeline_of(Painted()) as pipeline, pytest.raises(ValueError, match="200x100"):
        pipeline.process(Frame(texture(1, (200, 100)), 0, 0))


def test_a_matte_of_another_frame_is_refused() -> None:
    with pipeline_of(Painted()) as pipeline:
        matte = pipeline.matte(still(0))
        with pytest.raises(ValueError, match="matte of frame 0 is not frame 1's"):
            pipeline.compose(still(1), matte)


def test_frames_in_flight_come_out_in_order_and_none_is_lost() -> None:
    with pipeline_of(Painted(recurrent=False), smoothing_s=0.0) as pipeline:
        indices = [c.index for c in pipeline.filtered(still(n) for n in range(21))]
    assert indices == list(range(21))


def test_it_is_what_every_pipeline_is() -> None:
    with pipeline_of(Painted()) as pipeline:
        chain: FilterChain = pipeline
        chain.study(still(0), 2)
        assert chain.labels(still(0), chain.matte(still(0))) is None
        chain.clear_statistics()
        assert chain.statistics["frames"] == 0
        assert chain.info.model == "painted"
