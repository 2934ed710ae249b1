import pytest

from livebg.errors import UsageError
from livebg.models.nets.voc import VOC_CLASSES, class_indices, voc_palette


def test_there_are_21_classes_with_the_background_first() -> None:
    assert len(VOC_CLASSES) == 21
    assert VOC_CLASSES[0] == "background"
    assert VOC_CLASSES[15] == "person"


def test_names_become_indices_in_order_and_once() -> None:
    assert class_indices(["person", " Dog", "person"]) == (12, 15)


def test_an_unknown_class_is_refused_with_the_nearest_and_the_list() -> None:
    with pytest.raises(UsageError, match=r"'persn'.*aeroplane, .*tvmonitor.*mean 'person'"):
        class_indices(["dog", "persn"])


def test_no_class_at_all_is_refused() -> None:
    with pytest.raises(UsageError, match="no class to keep"):
        class_indices([])


def test_the_palette_is_that_of_the_development_kit() -> None:
    # Red, green and blue as the kit's documentation lists them.
    listed = {0: (0, 0, 0), 1: (128, 0, 0), 8: (64, 0, 0), 15: (192, 128, 128), 20: (0, 64, 128)}
    palette = voc_palette()
    assert palette.shape == (21, 3)
    for index, rgb in listed.items():
        assert tuple(palette[index, ::-1].tolist()) == rgb
    assert len({tuple(colour) for colour in voc_palette(256).tolist()}) == 256
    assert tuple(voc_palette(256)[255, ::-1].tolist()) == (224, 224, 192)
