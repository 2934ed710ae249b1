from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from livebg.device.networks import DeviceClasses, DeviceNetwork, DeviceRvm
from livebg.device.picture import DevicePicture
from livebg.errors import UsageError, WeightsError
from livebg.models.nets.torchvision_nets import load_classes
from livebg.models.nets.voc import VOC_CLASSES
from livebg.segment.openvino_rvm import OpenvinoRvm
from livebg.segment.openvino_static import OpenvinoStatic
from livebg.types import Frame
from tests.checkpoints import write_checkpoint
from tests.device.tensors import array, picture_of

INPUT = (128, 80)
LRASPP = "lraspp_mobilenet_v3_large"
F32 = torch.float32


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(LRASPP, tmp_path_factory.mktemp("weights") / f"{LRASPP}.pth")


@pytest.fixture
def rvm(rvm_weights: Path, device: torch.device) -> DeviceRvm:
    return DeviceRvm(rvm_weights, device, F32, INPUT)


def looked(
    network: DeviceNetwork, frames: Sequence[Frame], dtype: torch.dtype = F32
) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """The coarse mattes of ``frames``, looked at one by one."""
    with torch.inference_mode():
        return [
            array(network.infer([picture_of(frame, network.device, dtype)])[0].coarse)
            for frame in frames
        ]


def test_rvm_gives_the_matte_of_openvino(
    rvm: DeviceRvm, rvm_weights: Path, frames: list[Frame], tmp_path: Path
) -> None:
    with (
        OpenvinoRvm(
            rvm_weights, frames[0].size, input_size=INPUT, cache_folder=tmp_path, precision="f32"
        ) as other,
        torch.inference_mode(),
    ):
        for frame in frames:
            picture = picture_of(frame, rvm.device)
            (ours,) = rvm.infer([picture])
            theirs = other.segment(frame)
            # The host's small picture is rounded to levels: 1/255, some of it amplified.
            assert np.abs(array(ours.coarse) - theirs.coarse).mean() < 2e-3
            applied = array(ours.small_alpha(picture))
            assert np.abs(applied - theirs.small_alpha(frame)).mean() < 2e-3


def test_rvm_mattes_the_person(rvm: DeviceRvm, frames: list[Frame]) -> None:
    coarse = looked(rvm, frames)[-1]
    height, width = coarse.shape
    assert (width, height) == INPUT
    # The head is in the middle, the room in the upper corners.
    assert coarse[height // 2, width // 2] > 0.95
    assert coarse[:8, :8].max() < 0.05


def test_rvm_remembers_until_it_is_reset(rvm: DeviceRvm, frames: list[Frame]) -> None:
    first, second = looked(rvm, [frames[0], frames[0]])
    assert np.abs(second - first).max() > 1e-3
    rvm.reset()
    np.testing.assert_array_equal(looked(rvm, [frames[0]])[0], first)


def test_two_networks_do_not_share_what_they_remember(
    rvm: DeviceRvm, rvm_weights: Path, frames: list[Frame]
) -> None:
    alone = looked(rvm, [frames[0]])[0]
    other = DeviceRvm(rvm_weights, rvm.device, F32, INPUT)
    np.testing.assert_array_equal(looked(other, [frames[0]])[0], alone)


@pytest.mark.parametrize(
    ("dtype", "most"),
    # Eleven bits of mantissa, and eight; soft edges amplify some of that.
    [(torch.float16, 1e-3), (torch.bfloat16, 4e-3)],
    ids=str,
)
def test_half_precision_gives_nearly_the_same(
    rvm: DeviceRvm, rvm_weights: Path, frames: list[Frame], dtype: torch.dtype, most: float
) -> None:
    short = DeviceRvm(rvm_weights, rvm.device, dtype, INPUT)
    assert short.info.engine.startswith(f"torch {rvm.device}")
    for exact, found in zip(looked(rvm, frames[:4]), looked(short, frames[:4]), strict=True):
        assert np.abs(exact - found).mean() < most


def classes(checkpoint: Path, device: torch.device, *keep: str) -> DeviceClasses:
    return DeviceClasses(LRASPP, checkpoint, device, F32, INPUT, keep)


def test_alpha_is_the_probability_of_the_kept_classes_with_a_checkpoint_the_test_wrote(
    checkpoint: Path, frames: list[Frame], device: torch.device
) -> None:
    network = classes(checkpoint, device, "dog", "person")
    picture = picture_of(frames[0], device)
    with torch.inference_mode():
        rgb = picture.scaled(INPUT).flip(1).cpu() / 255
        logits = load_classes(LRASPP, checkpoint)(rgb)
        (planes,) = network.infer([picture])
    expected = logits.softmax(1)[:, [12, 15]].sum(1, keepdim=True)
    # Channels-last kernels sum in another order, and random weights amplify that here and there.
    assert np.abs(array(planes.coarse) - array(expected)).mean() < 2e-3
    assert planes.labels is not None
    assert (planes.labels.cpu() != logits.argmax(1)[0]).float().mean() < 0.02
    assert not planes.gain.any()


def test_pictures_together_give_what_each_gives_alone_with_a_checkpoint_the_test_wrote(
    checkpoint: Path, frames: list[Frame], device: torch.device
) -> None:
    network = classes(checkpoint, device, "person")
    alone = looked(network, frames[:3])
    pictures: list[DevicePicture] = [picture_of(frame, device) for frame in frames[:3]]
    with torch.inference_mode():
        together = network.infer(pictures)
    for one, other in zip(alone, together, strict=True):
        # Convolutions of several pictures may be done in another order.
        assert np.abs(one - array(other.coarse)).mean() < 2e-3


def test_both_engines_give_one_matte_with_a_checkpoint_the_test_wrote(
    checkpoint: Path, frames: list[Frame], device: torch.device, tmp_path: Path
) -> None:
    network = classes(checkpoint, device, "person", "dog", "background")
    # As large as what the network sees: random weights would amplify how it was made smaller.
    frame = Frame(np.ascontiguousarray(frames[0].image[::4, ::5][:80, :128]), 0, 0)
    with OpenvinoStatic(
        checkpoint,
        frame.size,
        name=LRASPP,
        keep=("person", "dog", "background"),
        input_size=INPUT,
        cache_folder=tmp_path,
        precision="f32",
    ) as other:
        assert other.info.classes == network.info.classes == VOC_CLASSES
        theirs = other.segment(frame)
    ours = looked(network, [frame])[0]
    # Different orders of summation through sixty layers.
    assert np.abs(ours - theirs.coarse).mean() < 2e-3
    assert ours.std() > 0.02


def test_an_unknown_class_is_refused(checkpoint: Path, device: torch.device) -> None:
    with pytest.raises(UsageError, match=r"'unicorn'.*aeroplane"):
        classes(checkpoint, device, "unicorn")


def test_another_networks_checkpoint_is_refused(checkpoint: Path, device: torch.device) -> None:
    with pytest.raises(WeightsError, match="no checkpoint of deeplabv3_resnet50"):
        DeviceClasses("deeplabv3_resnet50", checkpoint, device, F32, INPUT, ("person",))
