"""torchvision's segmentation networks: DeepLabV3 and LR-ASPP, with the 21 classes of PASCAL VOC.

DeepLabV3: Chen et al. 2017, arXiv 1706.05587. LR-ASPP: Howard et al. 2019, arXiv 1905.02244.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from livebg.errors import UsageError, WeightsError
from livebg.models.catalog import VOC_CLASSES

__all__ = [
    "NETWORKS",
    "ClassLogits",
    "Normalise",
    "check_state_dict",
    "load_classes",
    "read_state_dict",
]

NETWORKS = (
    "deeplabv3_resnet101",
    "deeplabv3_resnet50",
    "deeplabv3_mobilenet_v3_large",
    "lraspp_mobilenet_v3_large",
)
"""Catalogue names, which are torchvision's own."""

_AUXILIARY = "aux_classifier."
_SHOWN = 3


class Normalise(nn.Module):
    """Standardises RGB in 0..1 by ImageNet's statistics, as networks trained on it expect."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).view(3, 1, 1))

    def forward(self, rgb: Tensor) -> Tensor:
        """Map ``(N, 3, H, W)`` in 0..1 to the same shape."""
        return (rgb - self.mean) / self.deviation


class ClassLogits(nn.Module):
    """One of the networks, from RGB in 0..1 to the logits of its classes."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.network = network

    def forward(self, rgb: Tensor) -> Tensor:
        """Map ``(N, 3, H, W)`` in 0..1 to ``(N, 21, H, W)`` logits."""
        logits: Tensor = self.network(self.normalise(rgb))["out"]
        return logits


def load_classes(name: str, path: Path) -> ClassLogits:
    """Return a network with the weights of a checkpoint, on the CPU in float32, evaluating.

    Nothing is downloaded. The auxiliary classifier, which only training needs, is dropped.

    Raises:
        UsageError: there is no such network.
        WeightsError: the file is not that network's checkpoint.
    """
    network = _build(name, auxiliary=False)
    state = read_state_dict(path, name)
    check_state_dict(name, path, state)
    main = {key: value for key, value in state.items() if not key.startswith(_AUXILIARY)}
    network.load_state_dict(main)
    return ClassLogits(network).eval().requires_grad_(False)


def check_state_dict(name: str, path: Path, state: Mapping[str, Tensor]) -> None:
    """Refuse tensors that are not those of a network, with or without an auxiliary classifier.

    Raises:
        UsageError: there is no such network.
        WeightsError: a tensor is missing, is left over, or has another shape.
    """
    with torch.device("meta"):
        network = _build(name, auxiliary=any(key.startswith(_AUXILIARY) for key in state))
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
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


def _build(name: str, *, auxiliary: bool) -> nn.Module:
    """Return a network without weights; DeepLabV3 with the auxiliary classifier on request."""
    if name not in NETWORKS:
        raise UsageError(f"no torchvision network is named {name!r}; choose {', '.join(NETWORKS)}")
    from torchvision.models import segmentation

    options: dict[str, Any] = {"num_classes": len(VOC_CLASSES)}
    if auxiliary and name.startswith("deeplabv3"):
        options["aux_loss"] = True
    network: nn.Module = getattr(segmentation, name)(weights=None, weights_backbone=None, **options)
    return network


def read_state_dict(path: Path, name: str) -> dict[str, Tensor]:
    """Return the tensors of a PyTorch checkpoint by their names, on the CPU.

    Only tensors are unpickled (``weights_only=True``); a file that holds anything else is refused.

    Raises:
        WeightsError: the file cannot be read, or is no state dict.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle also ends in IndexError, KeyError, AssertionError
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise WeightsError(
            f"{path} cannot be read as a checkpoint of {name}: {reason[0]}; "
            "it must hold a plain state dict written by torch.save"
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(value, Tensor) for value in state.values()
    ):
        raise WeightsError(
            f"{path} is no state dict but {_described(state)}; save model.state_dict() for {name}"
        )
    return state


def _described(content: object) -> str:
    if isinstance(content, dict):
        odd = next(key for key, value in content.items() if not isinstance(value, Tensor))
        return f"a dict whose entry {odd!r} is no tensor"
    return f"a {type(content).__name__}"
