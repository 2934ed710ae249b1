from __future__ import annotations

import pytest
from torchvision.models import get_model_weights

from livebg.download import UrlSource, WheelSource
from livebg.errors import UsageError
from livebg.models.catalog import CATALOG, class_indices, find, voc_palette


def test_names_become_indices_in_order_and_once() -> None:
    assert class_indices(["person", " Dog", "person"]) == (12, 15)


def test_an_unknown_class_is_refused_with_the_nearest_and_the_list() -> None:
    with pytest.raises(UsageError, match=r"'persn'.*aeroplane, .*tvmonitor.*mean 'person'"):
        class_indices(["dog", "persn"])


def test_the_palette_is_that_of_the_development_kit() -> None:
    # Red, green and blue as the kit's documentation lists them.
    listed = {0: (0, 0, 0), 1: (128, 0, 0), 8: (64, 0, 0), 15: (192, 128, 128), 20: (0, 64, 128)}
    palette = voc_palette()
    assert palette.shape == (21, 3)
    for index, rgb in listed.items():
        assert tuple(palette[index, ::-1].tolist()) == rgb
    assert len({tuple(colour) for colour in voc_palette(256).tolist()}) == 256
    assert tuple(voc_palette(256)[255, ::-1].tolist()) == (224, 224, 192)


@pytest.mark.parametrize("name", [name for name in CATALOG if name != "rvm"])
def test_weights_are_those_that_torchvision_releases(name: str) -> None:
    entry = CATALOG[name]
    released = get_model_weights(name)["COCO_WITH_VOC_LABELS_V1"]
    file = entry.file
    assert file.sources == (UrlSource(released.url),)
    assert list(entry.classes) == ["background", *released.meta["categories"][1:]]
    # Three decimals of a MiB are at most 525 bytes off.
    published_bytes = released.meta["_file_size"] * 2**20
    assert abs(file.size_bytes - published_bytes) < 525 < file.size_tolerance_bytes
    # As torch.hub checks it: the hex digits between the last dash and the suffix.
    assert len(file.sha256) == 8
    assert file.name.endswith(f"-{file.sha256}.pth")
    assert file.accepts(file.sha256 + "0" * 56, file.size_bytes)
    assert not file.accepts("0" * 64, file.size_bytes)
    assert not file.accepts(file.sha256 + "0" * 56, file.size_bytes // 2)


def test_rvm_is_the_default_and_has_two_sources() -> None:
    rvm = next(iter(CATALOG.values()))
    assert rvm.name == "rvm"
    assert [type(source) for source in rvm.file.sources] == [UrlSource, WheelSource]
    assert rvm.licence == "GPL-3.0"


def test_unknown_name_suggests_the_nearest_and_lists_all() -> None:
    with pytest.raises(UsageError) as caught:
        find("deeplabv3_resnet_50")
    message = str(caught.value)
    assert "no network 'deeplabv3_resnet_50'" in message
    assert "did you mean 'deeplabv3_resnet50'?" in message
    assert all(name in message for name in CATALOG)
