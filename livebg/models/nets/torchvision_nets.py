"""torchvision's segmentation networks: DeepLabV3 and LR-ASPP, with the 21 classes of PASCAL VOC.

DeepLabV3: Chen et al. 2017, arXiv 1706.05587. LR-ASPP: Howard et al. 2019, arXiv 1905.02244.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from livebg.errors import UsageError, WeightsError
from livebg.models.nets.state_dict import read_state_dict
from livebg.models.nets.voc import VOC_CLASSES

__all__ = ["NETWORKS", "ClassLogits", "check_state_dict", "load_classes", "outline"]

NETWORKS = (
    "deeplabv3_resnet101",
    "deeplabv3_resnet50",
    "deeplabv3_mobilenet_v3_large",
    "lraspp_mobilenet_v3_large",
)
"""Catalogue names, which are torchvision's own."""

_AUXILIARY = "aux_classifier."
_SHOWN = 3


class ClassLogits(nn.Module):
    """One of the networks, from RGB in 0..1 to the logits of its classes."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        # ImageNet's statistics, as torchvision's own presets for these weights have them.
        mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).view(3, 1, 1))
        self.network = network

    def forward(self, rgb: Tensor) -> Tensor:
        """Map ``(N, 3, H, W)`` in 0..1 to ``(N, 21, H, W)`` logits."""
        logits: Tensor = self.network((rgb - self.mean) / self.deviation)["out"]
        return logits


def load_classes(name: str, path: Path) -> ClassLogits:
    """Return a network with the weights of a checkpoint, on the CPU in float32, evaluating.

    Nothing is downloaded. The auxiliary classifier, which only training needs, is dropped.

    Args:
        name: one of ``NETWORKS``.
        path: torchvision's checkpoint of that network.

    Raises:
        UsageError: there is no such network.
        WeightsError: the file is not that network's checkpoint.
    """
    build = _builder(name)
    state = read_state_dict(path, name)
    check_state_dict(name, path, state)
    main = {key: value for key, value in state.items() if not key.startswith(_AUXILIARY)}
    network = build(False)
    network.load_state_dict(main)
    return ClassLogits(network).eval().requires_grad_(False)


def check_state_dict(name: str, path: Path, state: Mapping[str, Tensor]) -> None:
    """Refuse tensors that are not those of a network.

    Args:
        name: one of ``NETWORKS``.
        path: where they were read from, for the message.
        state: the tensors by name, with or without the auxiliary classifier's.

    Raises:
        WeightsError: a tensor is missing, is left over, or has another shape.
    """
    expected = outline(name, auxiliary=any(key.startswith(_AUXILIARY) for key in state))
    found = {key: tuple(value.shape) for key, value in state.items()}
    differences = [
        *(f"{key} is missing" for key in expected.keys() - found.keys()),
        *(f"{key} is left over" for key in found.keys() - expected.keys()),
        *(
            f"{key} is {found[key]} instead of {expected[key]}"
            for key in expected.keys() & found.keys()
            if found[key] != expected[key]
        ),
    ]
    if differences:
        shown = ", ".join(sorted(differences)[:_SHOWN])
        more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        raise WeightsError(
            f"{path} is no checkpoint of {name}: {shown}{more}; "
            f"give torchvision's file for {name} with its {len(VOC_CLASSES)} VOC classes"
        )


def outline(name: str, *, auxiliary: bool) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor in a network's checkpoint, without making any.

    Args:
        name: one of ``NETWORKS``.
        auxiliary: whether the checkpoint has the auxiliary classifier.

    Raises:
        UsageError: there is no such network.
    """
    build = _builder(name)
    with torch.device("meta"):
        network = build(auxiliary and name.startswith("deeplabv3"))
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


def _builder(name: str) -> Callable[[bool], nn.Module]:
    if name not in NETWORKS:
        raise UsageError(f"no torchvision network is named {name!r}; choose {', '.join(NETWORKS)}")
    from torchvision.models import segmentation

    def build(auxiliary: bool) -> nn.Module:
        options: dict[str, Any] = {"aux_loss": True} if auxiliary else {}
        network: nn.Module = getattr(segmentation, name)(
            weights=None, weights_backbone=None, num_classes=len(VOC_CLASSES), **options
        )
        return network

    return build
