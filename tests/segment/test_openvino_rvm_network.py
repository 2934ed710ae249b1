from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from livebg.errors import ModelError
from livebg.segment.openvino_engine import openvino_core
from livebg.segment.openvino_rvm_network import OpenvinoRvmNetwork
from livebg.source.video import VideoFile
from livebg.types import Box, Frame, Image, Matte, Size
from tests.mattes import frame_of, full_alpha, noise_frame

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
