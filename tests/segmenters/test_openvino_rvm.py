from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from livebg.errors import ModelError, UsageError
from livebg.frame import Box, FloatImage, Frame, Image, Matte, Size
from livebg.models.openvino_ir import import_openvino
from livebg.segmenters.openvino import openvino_core, resolve_precision
from livebg.segmenters.openvino_rvm import OpenvinoRvm, OpenvinoRvmNetwork
from livebg.segmenters.rvm import RvmNetwork
from livebg.sources.video import VideoFile
from tests.support.mattes import frame_of, full_alpha, noise_frame

INPUT: Size = (96, 64)


def open_network(weights: Path, cache: Path, input_size: Size = INPUT) -> OpenvinoRvmNetwork:
    return OpenvinoRvmNetwork(
        weights, input_size, cache_folder=cache, device="CPU", precision="f32", threads=1
    )


def halves_exactly(image: Image) -> Image:
    """Change ``image`` so that every two by two pixels have a whole mean: rounding changes none."""
    changed = image.astype(np.int16)
    blocks = changed.reshape(image.shape[0] // 2, 2, image.shape[1] // 2, 2, 3)
    excess = blocks.sum(axis=(1, 3)) % 4
    largest = blocks.max(axis=(1, 3))
    for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
        take = np.where(blocks[:, y, :, x] == largest, excess, 0)
        blocks[:, y, :, x] -= take
        excess -= take
    return changed.astype(np.uint8)


def matte_of(network: OpenvinoRvmNetwork, frame: Frame) -> Matte:
    planes = network.infer(frame.scaled(network.input_size))
    return Matte(*planes, Box.whole(frame.size), frame.index, frame.captured_ns)


def test_the_coefficients_at_full_size_are_the_released_graphs_own_matte(
    rvm_weights: Path, talking_head_clip: Path, tmp_path: Path
) -> None:
    """At downsample_ratio 0.5 of a picture that halves exactly, both see the same pixels."""
    released = openvino_core().compile_model(
        str(rvm_weights), "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    )
    ratio = np.array([0.5], np.float32)
    state = [np.zeros((1, 1, 1, 1), np.float32)] * 4
    network = open_network(rvm_weights, tmp_path, (256, 144))
    with VideoFile(talking_head_clip) as video:
        for frame in islice(video, 3):
            part = frame_of(halves_exactly(frame.image[:288, 64:576]), frame.index)
            planes = part.image[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255
            expected = released([planes, *state, ratio])
            state = [expected[name].copy() for name in ("r1o", "r2o", "r3o", "r4o")]
            found = full_alpha(matte_of(network, part), part)
            # Single precision in another order: 1e-5 in coefficients of size 1, which a gain of
            # about 5 and three recurrent frames multiply.
            assert np.abs(found - expected["pha"][0, 0]).max() <= 1e-3
            assert 0.1 < found.mean() < 0.9
            for ours, theirs in zip(network.state, state, strict=True):
                np.testing.assert_allclose(ours, theirs[0], atol=1e-3)


def test_what_was_seen_before_counts_until_it_is_forgotten(
    rvm_weights: Path, tmp_path: Path
) -> None:
    network = open_network(rvm_weights, tmp_path)
    first, second = (noise_frame(INPUT, seed).image for seed in (1, 2))
    alone = network.infer(first)
    after = network.infer(second)
    network.forget()
    assert all((plane == 0).all() for plane in network.state)
    assert np.abs(network.infer(second)[2] - after[2]).max() > 1e-3
    network.forget()
    assert np.array_equal(network.infer(first)[2], alone[2])
    assert np.array_equal(network.infer(second)[2], after[2])


def test_a_closed_network_says_so(rvm_weights: Path, tmp_path: Path) -> None:
    network = open_network(rvm_weights, tmp_path)
    network.close()
    network.close()
    with pytest.raises(ModelError, match="rvm was closed"):
        network.infer(noise_frame(INPUT).image)


FRAMES = 12
OPENVINO_RVM_INPUT: Size = (128, 80)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("openvino")


@pytest.fixture(scope="module")
def frames(talking_head_clip: Path) -> list[Frame]:
    with VideoFile(talking_head_clip) as video:
        return list(islice(video, FRAMES))


def open_rvm(
    weights: Path,
    cache: Path,
    frame_size: Size = (640, 360),
    input_size: Size = OPENVINO_RVM_INPUT,
    precision: str = "f32",
    crop: bool = False,
    live: bool = False,
) -> OpenvinoRvm:
    return OpenvinoRvm(
        weights,
        frame_size,
        input_size=input_size,
        cache_folder=cache,
        precision=precision,
        crop=crop,
        live=live,
    )


@pytest.fixture
def segmenter(rvm_weights: Path, cache: Path) -> Iterator[OpenvinoRvm]:
    with open_rvm(rvm_weights, cache) as segmenter:
        yield segmenter


def test_it_mattes_the_person(segmenter: OpenvinoRvm, frames: list[Frame]) -> None:
    for frame in frames:
        matte = segmenter.segment(frame)
    height, width = matte.coarse.shape
    assert (width, height) == OPENVINO_RVM_INPUT
    assert matte.box == Box.whole(frame.size)
    # The head is in the middle, the room in the upper corners.
    assert matte.coarse[height // 2, width // 2] > 0.95
    assert matte.coarse[:8, :8].max() < 0.05
    assert matte.coarse[:8, -8:].max() < 0.05


def alphas(segmenter: OpenvinoRvm, frames: list[Frame]) -> list[FloatImage]:
    return [segmenter.segment(frame).small_alpha(frame) for frame in frames]


def test_what_was_seen_before_counts_until_reset(
    segmenter: OpenvinoRvm, frames: list[Frame]
) -> None:
    first, second = alphas(segmenter, frames[:2])
    segmenter.reset()
    (fresh,) = alphas(segmenter, frames[1:2])
    assert np.abs(second - fresh).max() > 1e-3
    segmenter.reset()
    again, after = alphas(segmenter, frames[:2])
    assert np.array_equal(again, first)
    assert np.array_equal(after, second)


def test_two_do_not_share_what_they_remember(
    segmenter: OpenvinoRvm, rvm_weights: Path, cache: Path, frames: list[Frame]
) -> None:
    alone = alphas(segmenter, frames[:4])
    segmenter.reset()
    with open_rvm(rvm_weights, cache) as other:
        turned = [frame_of(frame.image[:, ::-1], frame.index) for frame in frames]
        for frame, noise, expected in zip(frames[:4], turned, alone, strict=False):
            assert np.array_equal(alphas(segmenter, [frame])[0], expected)
            other.segment(noise)


@pytest.mark.parametrize("plane", [0, 1])
def test_values_that_are_no_numbers_are_an_error_and_are_forgotten(
    segmenter: OpenvinoRvm, frames: list[Frame], monkeypatch: pytest.MonkeyPatch, plane: int
) -> None:
    (good,) = alphas(segmenter, frames[:1])
    really_infer = OpenvinoRvmNetwork.infer

    def infer(
        network: OpenvinoRvmNetwork, picture: Image
    ) -> tuple[FloatImage, FloatImage, FloatImage]:
        planes = really_infer(network, picture)
        planes[plane][3, 4] = np.nan
        return planes

    with monkeypatch.context() as patch:
        patch.setattr(OpenvinoRvmNetwork, "infer", infer)
        with pytest.raises(ModelError, match=r"rvm returned values that are not numbers for .* 1"):
            segmenter.segment(frames[1])
    assert np.array_equal(alphas(segmenter, frames[:1])[0], good)


def test_a_frame_of_another_size_is_refused(segmenter: OpenvinoRvm) -> None:
    with pytest.raises(ValueError, match=r"frame 6 is 360x640, .* built for 640x360"):
        segmenter.segment(noise_frame((360, 640), index=6))


@pytest.mark.parametrize(
    ("frame_size", "input_size"),
    [((90, 160), (80, 144)), ((33, 21), (96, 64)), ((64, 64), OPENVINO_RVM_INPUT)],
)
def test_frames_of_any_shape_are_taken(
    rvm_weights: Path, cache: Path, frame_size: Size, input_size: Size
) -> None:
    with open_rvm(rvm_weights, cache, frame_size, input_size) as segmenter:
        matte = segmenter.segment(noise_frame(frame_size))
        assert matte.size == input_size
        assert matte.box == Box.whole(frame_size)


def test_bfloat16_is_nearly_the_same(
    segmenter: OpenvinoRvm, rvm_weights: Path, cache: Path, frames: list[Frame]
) -> None:
    if "BF16" not in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this processor computes bf16 only by emulation, which livebg refuses")
    with open_rvm(rvm_weights, cache, precision="bf16") as short:
        assert short.info.engine == "openvino CPU bf16"
        for exact, found in zip(alphas(segmenter, frames), alphas(short, frames), strict=True):
            # Eight bits of mantissa, 1/256 of a value, some of it amplified at soft edges.
            assert np.abs(found - exact).mean() <= 1e-2


def test_whole_numbers_are_nearly_the_same(
    segmenter: OpenvinoRvm, rvm_weights: Path, cache: Path, frames: list[Frame]
) -> None:
    with open_rvm(rvm_weights, cache, precision="int8") as rounded:
        assert rounded.info.engine == "openvino CPU int8+f32"
        for exact, found in zip(alphas(segmenter, frames), alphas(rounded, frames), strict=True):
            # Measured: 3e-4, no more than bf16 differs; one limit that is half as high as it should
            # be makes it 4e-3.
            assert np.abs(found - exact).mean() <= 1e-3


@pytest.mark.parametrize(("released", "engine"), [(True, "int8+"), (False, "")])
def test_only_the_released_weights_are_rounded_unasked(
    rvm_weights: Path, cache: Path, released: bool, engine: str
) -> None:
    with OpenvinoRvm(
        rvm_weights, (64, 64), input_size=OPENVINO_RVM_INPUT, cache_folder=cache, released=released
    ) as found:
        assert found.info.engine == f"openvino CPU {engine}{resolve_precision('CPU', 'auto')}"


def test_what_openvino_raises_is_translated(
    segmenter: OpenvinoRvm, frames: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(request: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(import_openvino().InferRequest, "infer", fail)
    with pytest.raises(ModelError, match="OpenVINO failed while it ran rvm: out of memory"):
        segmenter.segment(frames[0])


def test_an_absent_device_is_refused(rvm_weights: Path, cache: Path) -> None:
    with pytest.raises(UsageError, match=r"no device TOASTER on this machine, only .*CPU"):
        OpenvinoRvm(
            rvm_weights,
            (64, 64),
            input_size=OPENVINO_RVM_INPUT,
            cache_folder=cache,
            device="TOASTER",
        )


WIDE: Size = (960, 528)


@pytest.fixture(scope="module")
def small_person(frames: list[Frame]) -> list[Frame]:
    """The clip at half its size, in the lower right of a plain wall."""
    wall = np.full((WIDE[1], WIDE[0], 3), frames[0].image[5, 5], np.uint8)
    placed = []
    for frame in frames:
        image = wall.copy()
        image[-180:, 560:880] = frame.halved(1)
        placed.append(frame_of(image, frame.index))
    return placed


def test_a_crop_sees_the_person_closer_and_all_of_it(
    rvm_weights: Path, cache: Path, small_person: list[Frame]
) -> None:
    found: dict[str, NDArray[np.float64]] = {}
    boxes: dict[str, list[Box]] = {}
    for name, size, crop in [
        ("reference", (384, 208), False),
        ("whole", OPENVINO_RVM_INPUT, False),
        ("crop", OPENVINO_RVM_INPUT, True),
    ]:
        with open_rvm(rvm_weights, cache, WIDE, size, crop=crop) as segmenter:
            mattes = [segmenter.segment(frame) for frame in small_person]
        found[name] = full_alpha(mattes[-1], small_person[-1])
        boxes[name] = [matte.box for matte in mattes]
    assert set(boxes["whole"]) == {Box.whole(WIDE)}
    assert boxes["crop"][0] == Box.whole(WIDE)
    box = boxes["crop"][-1]
    assert box.width * box.height < 0.5 * WIDE[0] * WIDE[1]
    reference = found["reference"]
    errors = {name: np.abs(alpha - reference).mean() for name, alpha in found.items()}
    assert errors["crop"] < errors["whole"]
    beside = reference.copy()
    beside[int(box.top) : int(box.bottom), int(box.left) : int(box.right)] = 0
    assert beside.sum() < 0.01 * reference.sum()


def test_reset_looks_at_the_whole_frame_again(
    rvm_weights: Path, cache: Path, small_person: list[Frame]
) -> None:
    with open_rvm(rvm_weights, cache, WIDE, crop=True) as segmenter:
        first = [segmenter.segment(frame) for frame in small_person]
        assert first[-1].box != Box.whole(WIDE)
        segmenter.reset()
        for frame, before in zip(small_person[:4], first, strict=False):
            matte = segmenter.segment(frame)
            assert matte.box == before.box
            assert np.array_equal(matte.gain, before.gain)


def test_live_it_looks_at_the_whole_frame_until_a_crops_network_is_there(
    rvm_weights: Path, cache: Path, small_person: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    with open_rvm(rvm_weights, cache, WIDE, crop=True, live=True) as segmenter:
        make = segmenter._make_network

        def make_later(size: Size) -> RvmNetwork:
            assert release.wait(20)
            return make(size)

        monkeypatch.setattr(segmenter, "_make_network", make_later)
        before = [segmenter.segment(frame) for frame in small_person]
        assert {matte.box for matte in before} == {Box.whole(WIDE)}
        release.set()
        boxes: list[Box] = []
        while not boxes or boxes[-1] == Box.whole(WIDE):
            boxes += [segmenter.segment(frame).box for frame in small_person]
        assert boxes[-1].width * boxes[-1].height < 0.5 * WIDE[0] * WIDE[1]


def test_live_a_network_that_cannot_be_made_is_an_error(
    rvm_weights: Path, cache: Path, small_person: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(size: Size) -> RvmNetwork:
        raise ModelError("no memory left")

    with open_rvm(rvm_weights, cache, WIDE, crop=True, live=True) as segmenter:
        monkeypatch.setattr(segmenter, "_make_network", fail)
        with pytest.raises(ModelError, match="no memory left"):
            while True:
                for frame in small_person:
                    segmenter.segment(frame)
