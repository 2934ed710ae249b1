from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livebg.cli.main import main
from livebg.compositing.sheets import full_size_labels
from livebg.config.settings import Settings
from livebg.frame import Box, Composite, Frame, Image, Matte, Size
from livebg.models.catalog import VOC_CLASSES, voc_palette
from livebg.sources.video import VideoFile

PERSON = VOC_CLASSES.index("person")
DOG = VOC_CLASSES.index("dog")


def read(path: Path) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return np.asarray(image, np.uint8)


def has_colour(image: Image, class_index: int) -> bool:
    return bool((image == voc_palette()[class_index]).all(axis=-1).any())


@pytest.fixture(scope="session")
def portrait(
    talking_head_clip: Path, rvm_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A picture of a real person, with the weights that it takes to find them."""
    path = tmp_path_factory.mktemp("portrait") / "portrait.png"
    with VideoFile(talking_head_clip) as video:
        cv2.imwrite(str(path), video.read().image)
    return path


def test_the_person_stays_and_the_room_goes(portrait: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    assert main(["image", str(portrait), "-o", str(out), "--background", "color:#00ff00"]) == 0
    before, after = read(portrait), read(out)
    assert after.shape == before.shape
    height, width = before.shape[:2]
    # The top corners of the first frame show the room, and the person's face is in the middle.
    assert (after[: height // 10, : width // 10] == (0, 255, 0)).all()
    face = np.s_[height // 3 : height // 2, width * 4 // 9 : width * 5 // 9]
    assert np.abs(after[face].astype(int) - before[face]).mean() < 2


def test_a_transparent_picture_has_alpha(portrait: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    assert main(["image", str(portrait), "-o", str(out), "--background", "transparent"]) == 0
    alpha = read(out)[..., 3]
    assert alpha[0, 0] == 0
    assert alpha[alpha.shape[0] // 2, alpha.shape[1] // 2] == 255


def test_compare_shows_before_and_after(portrait: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    words = ["image", str(portrait), "--compare", "--background"]
    assert main([*words, "transparent", "-o", str(tmp_path / "out.jpg")]) == 0
    assert main([*words, "white", "-o", str(out)]) == 0
    before, row = read(portrait), read(out)
    height, width = before.shape[:2]
    np.testing.assert_array_equal(row[-height:, :width], before)
    assert (row[-height:, -width:][0, 0] == 255).all()


def test_the_class_map_of_a_matting_network_is_person_and_background(
    portrait: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.png"
    assert main(["image", str(portrait), "-o", str(out), "--segmap"]) == 0
    height, width = read(portrait).shape[:2]
    drawn = read(out)[:height]
    assert drawn.shape[1] == width
    assert (drawn[height // 2, width // 2] == voc_palette()[PERSON]).all()
    assert (drawn[0, 0] == voc_palette()[0]).all()
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) == 2


def test_all_three_stand_side_by_side(portrait: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    assert main(["image", str(portrait), "-o", str(out), "--segmap", "--compare"]) == 0
    height, width = read(portrait).shape[:2]
    row = read(out)
    assert row.shape[0] > height
    assert row.shape[1] >= 3 * width
    assert has_colour(row[:, width : 2 * width], PERSON)


class PersonAndDog:
    """A pipeline whose network has classes: a person on the left, a dog on the right."""

    def __init__(self, settings: Settings, size: Size, **options: object) -> None:
        pass

    def __enter__(self) -> "PersonAndDog":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def matte(self, frame: Frame) -> Matte:
        labels = np.array([[PERSON, 0, DOG]], np.uint8)
        plain = (labels == PERSON).astype(np.float32)
        box = Box.whole(frame.size)
        return Matte(np.zeros_like(plain), plain, plain, box, 0, 0, labels=labels)

    def warm_up(self, frame: Frame, inferences: int) -> None:
        pass

    def labels(self, frame: Frame, matte: Matte) -> NDArray[np.uint8] | None:
        assert matte.labels is not None
        return full_size_labels(matte.labels, matte.box, frame.size)

    def compose(self, frame: Frame, matte: Matte, *, want_alpha: bool = False) -> Composite:
        return Composite(frame.image, frame.index, frame.captured_ns)


@pytest.mark.parametrize(
    ("size", "words", "seen"),
    [
        ((640, 360), ["--model", "lraspp_mobilenet_v3_large"], (640, 360)),
        ((4000, 2250), ["--model", "deeplabv3_resnet101"], (1920, 1080)),
        ((640, 360), ["--model", "deeplabv3_resnet101", "--matte-size", "512x288"], (512, 288)),
        ((640, 360), [], (320, 192)),
    ],
)
def test_a_network_with_classes_sees_the_picture_as_it_is(
    size: Size, words: list[str], seen: Size, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Settings] = []

    def build(settings: Settings, size: Size, **options: object) -> PersonAndDog:
        asked.append(settings)
        return PersonAndDog(settings, size)

    monkeypatch.setattr("livebg.still.Pipeline", build)
    source, out = tmp_path / "in.png", tmp_path / "out.png"
    cv2.imwrite(str(source), np.full((*size[::-1], 3), 77, np.uint8))
    assert main(["image", str(source), "-o", str(out), "--preset", "balanced", *words]) == 0
    assert asked[0].matte_size == seen


def test_the_class_map_of_a_network_with_classes_shows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livebg.still.Pipeline", PersonAndDog)
    source, out = tmp_path / "in.png", tmp_path / "out.png"
    cv2.imwrite(str(source), np.full((90, 300, 3), 77, np.uint8))
    assert main(["image", str(source), "-o", str(out), "--segmap"]) == 0
    drawn = read(out)
    assert (drawn[45, 20] == voc_palette()[PERSON]).all()
    assert (drawn[45, 150] == voc_palette()[0]).all()
    assert (drawn[45, 280] == voc_palette()[DOG]).all()
    assert drawn.shape[0] > 90  # the legend


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("missing.png -o o.png", "missing.png"),
        ("notes.png -o o.png", "notes.png"),
        ("in.png -o in.png", "is what IN reads"),
        ("in.png -o o.xyz", "'.xyz'"),
        ("in.png -o no/o.png", "does not exist"),
        ("in.png -o o.jpg --background transparent", "JPEG pictures cannot be transparent"),
        ("in.png -o o.png --background misssing.jpg", "misssing.jpg"),
        ("in.png -o o.png --model rmv", "rvm"),
        ("in.png -o o.png --keep=", "keep cannot be ''"),
        ("in.png", "required: -o/--output"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(
    words: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("in.png", np.zeros((48, 64, 3), np.uint8))
    Path("notes.png").write_text("not a picture")
    assert main(["image", *words.split()]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.err.startswith("livebg: ")
    assert shown.err.count("\n") == 1
    assert shown.out == ""
    assert not list(tmp_path.glob("o.*"))


def test_a_picture_of_24_megapixels_works(portrait: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "in.jpg", tmp_path / "out.jpg"
    cv2.imwrite(str(source), cv2.resize(read(portrait), (6000, 4000)))
    assert main(["image", str(source), "-o", str(out), "--background", "white"]) == 0
    assert read(out).shape == (4000, 6000, 3)
