from pathlib import Path

import numpy as np
import pytest
import torch

from livebg.errors import ModelError, UsageError, WeightsError
from livebg.models.nets.torchvision_nets import load_classes
from livebg.segment.torch_classes import TorchClasses
from livebg.types import Frame
from tests.checkpoints import write_checkpoint

NAME = "lraspp_mobilenet_v3_large"
SIZE = (64, 48)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(NAME, tmp_path_factory.mktemp("weights") / f"{NAME}.pth")


@pytest.fixture(scope="module")
def frame() -> Frame:
    pixels = np.random.default_rng(2).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    return Frame(pixels, index=0, captured_ns=0)


def opened(checkpoint: Path, *keep: str) -> TorchClasses:
    return TorchClasses(NAME, checkpoint, SIZE, keep=keep, input_size=SIZE)


def test_alpha_is_the_probability_of_the_kept_classes_with_a_checkpoint_the_test_wrote(
    checkpoint: Path, frame: Frame
) -> None:
    rgb = np.ascontiguousarray(frame.image[..., ::-1].transpose(2, 0, 1)[None])
    with torch.inference_mode():
        logits = load_classes(NAME, checkpoint)(torch.from_numpy(rgb).float() / 255)[0]
    expected = logits.softmax(0)[[12, 15]].sum(0).numpy()
    with opened(checkpoint, "dog", "person") as segmenter:
        matte = segmenter.segment(frame)
    # Channels-last kernels sum in another order, and random weights amplify that.
    np.testing.assert_allclose(matte.coarse, expected, rtol=0, atol=2e-3)
    assert not matte.gain.any()
    assert matte.labels is not None
    assert (matte.labels != logits.argmax(0).numpy()).mean() < 0.01


def test_all_classes_together_are_certain_with_a_checkpoint_the_test_wrote(
    checkpoint: Path, frame: Frame
) -> None:
    with opened(checkpoint, "person") as segmenter:
        every_class = segmenter.info.classes
    with opened(checkpoint, *every_class) as segmenter:
        assert segmenter.segment(frame).coarse.min() > 0.999


def test_an_unknown_class_is_refused(checkpoint: Path) -> None:
    with pytest.raises(UsageError, match=r"'unicorn'.*aeroplane"):
        opened(checkpoint, "unicorn")


def test_another_networks_checkpoint_is_refused(checkpoint: Path) -> None:
    with pytest.raises(WeightsError, match="no checkpoint of deeplabv3_resnet50"):
        TorchClasses("deeplabv3_resnet50", checkpoint, SIZE, keep=("person",), input_size=SIZE)


def test_values_that_are_no_numbers_are_an_error(
    checkpoint: Path, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "livebg.segment.torch_classes.upload",
        lambda image, device, dtype: torch.full((1, 3, *image.shape[:2]), torch.nan),
    )
    with (
        opened(checkpoint, "person") as segmenter,
        pytest.raises(ModelError, match="not numbers for frame 0"),
    ):
        segmenter.segment(frame)
