from pathlib import Path

import pytest
import torch
from torchvision.models import segmentation

from livebg.errors import UsageError, WeightsError
from livebg.models.torchvision import NETWORKS, load_classes
from livebg.models.weights import check_checkpoint
from tests.support.checkpoints import write_checkpoint

SMALL = ("deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large")


@pytest.fixture(scope="module", params=SMALL)
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name: str = request.param
    return write_checkpoint(name, tmp_path_factory.mktemp("weights") / f"{name}.pth")


def test_logits_are_torchvisions_own_with_a_checkpoint_the_test_wrote(small: Path) -> None:
    name = small.stem
    auxiliary = {"aux_loss": True} if name.startswith("deeplabv3") else {}
    reference = getattr(segmentation, name)(weights=None, weights_backbone=None, **auxiliary)
    reference.load_state_dict(torch.load(small, weights_only=True))
    rgb = torch.rand(1, 3, 48, 64)
    mean = torch.tensor((0.485, 0.456, 0.406)).view(3, 1, 1)
    deviation = torch.tensor((0.229, 0.224, 0.225)).view(3, 1, 1)
    with torch.inference_mode():
        expected = reference.eval()((rgb - mean) / deviation)["out"]
        found = load_classes(name, small)(rgb)
    assert found.shape == (1, 21, 48, 64)
    assert float(found.std()) > 0.1
    torch.testing.assert_close(found, expected)


def test_another_networks_checkpoint_is_refused(small: Path) -> None:
    other = next(name for name in SMALL if name != small.stem)
    with pytest.raises(WeightsError, match=rf"no checkpoint of {other}: .* and \d+ more; give"):
        check_checkpoint(other, small)
    with pytest.raises(WeightsError, match=f"no checkpoint of {other}"):
        load_classes(other, small)


def test_another_number_of_classes_is_refused(tmp_path: Path) -> None:
    network = segmentation.lraspp_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=2
    )
    torch.save(network.state_dict(), tmp_path / "two.pth")
    with pytest.raises(WeightsError, match=r"instead of \(21,\).*21 VOC classes"):
        check_checkpoint("lraspp_mobilenet_v3_large", tmp_path / "two.pth")


@pytest.mark.parametrize("content", [[1, 2], {"model": {"weight": torch.zeros(1)}}])
def test_what_is_no_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "list.pth")
    with pytest.raises(WeightsError, match=r"is no state dict but a (list|dict whose entry)"):
        check_checkpoint("lraspp_mobilenet_v3_large", tmp_path / "list.pth")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no file .*absent\.pth"):
        check_checkpoint("rvm", tmp_path / "absent.pth")


def test_an_unknown_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'unet'.*deeplabv3_resnet101"):
        load_classes("unet", tmp_path / "some.pth")


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_21_classes(name: str, tmp_path: Path) -> None:
    torch.save({}, tmp_path / "empty.pth")
    with pytest.raises(WeightsError, match=r"is missing.*21 VOC classes"):
        check_checkpoint(name, tmp_path / "empty.pth")
