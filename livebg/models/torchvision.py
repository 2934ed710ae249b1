"""Reading a checkpoint's tensors without running anything that it contains.

The encoder of Robust Video Matting: MobileNetV3-Large with a dilated last stage.

Howard et al. 2019, "Searching for MobileNetV3", arXiv 1905.02244, table 1; dilation instead of the
last stride as in DeepLabV3 (Chen et al. 2017, arXiv 1706.05587), so that the deepest features keep
1/16 of the input's size. Every batch norm is folded into the convolution before it
(``rvm_weights`` does that when a checkpoint has them).

torchvision's segmentation networks: DeepLabV3 and LR-ASPP, with the 21 classes of PASCAL VOC.

DeepLabV3: Chen et al. 2017, arXiv 1706.05587. LR-ASPP: Howard et al. 2019, arXiv 1905.02244.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livebg.errors import UsageError, WeightsError
from livebg.models.catalog import VOC_CLASSES

__all__ = [
    "BLOCKS",
    "LAST_CHANNELS",
    "NETWORKS",
    "STEM_CHANNELS",
    "Block",
    "ClassLogits",
    "InvertedResidual",
    "MobileNetV3",
    "check_state_dict",
    "load_classes",
    "outline",
    "read_state_dict",
]


def read_state_dict(path: Path, name: str) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by their names, on the CPU.

    Only tensors are unpickled (``weights_only=True``); a file that holds anything else is refused.

    Args:
        path: what ``torch.save`` wrote from a state dict.
        name: the network that it should be for, for messages.

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
            f"{path} is no state dict but {_describe(state)}; save model.state_dict() for {name}"
        )
    return state


def _describe(content: object) -> str:
    if isinstance(content, dict):
        odd = next(key for key, value in content.items() if not isinstance(value, Tensor))
        return f"a dict whose entry {odd!r} is no tensor"
    return f"a {type(content).__name__}"


class Block(NamedTuple):
    """One row of the paper's table 1.

    Attributes:
        kernel: side of the depthwise kernel.
        expanded: channels between the two pointwise convolutions.
        out: channels of the block's result.
        attention: whether it has a squeeze-and-excitation branch.
        hard_swish: hard swish where True, ReLU elsewhere.
        stride: of the depthwise convolution.
        dilation: of the depthwise convolution.
    """

    kernel: int
    expanded: int
    out: int
    attention: bool
    hard_swish: bool
    stride: int = 1
    dilation: int = 1


STEM_CHANNELS = 16
LAST_CHANNELS = 960

BLOCKS = (
    Block(3, 16, 16, False, False),
    Block(3, 64, 24, False, False, stride=2),
    Block(3, 72, 24, False, False),
    Block(5, 72, 40, True, False, stride=2),
    Block(5, 120, 40, True, False),
    Block(5, 120, 40, True, False),
    Block(3, 240, 80, False, True, stride=2),
    Block(3, 200, 80, False, True),
    Block(3, 184, 80, False, True),
    Block(3, 184, 80, False, True),
    Block(3, 480, 112, True, True),
    Block(3, 672, 112, True, True),
    Block(5, 672, 160, True, True, dilation=2),
    Block(5, 960, 160, True, True, dilation=2),
    Block(5, 960, 160, True, True, dilation=2),
)
"""The blocks in order; the features at 1/2, 1/4 and 1/8 are those of blocks 0, 2 and 5."""

_TAPS = (0, 2, 5)


def squeezed_channels(channels: int) -> int:
    """Return the width of an attention branch: a quarter of ``channels``, a multiple of 8.

    Example:
        >>> squeezed_channels(72), squeezed_channels(120), squeezed_channels(672)
        (24, 32, 168)
    """
    quarter = channels // 4
    rounded = max(8, (quarter + 4) // 8 * 8)
    # A width may not lose more than a tenth to the rounding (Sandler et al. 2018, MobileNetV2).
    return rounded + 8 if rounded < 0.9 * quarter else rounded


class SqueezeExcitation(nn.Module):
    """Weighs channels by their global means (section 5.3 of the paper)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = squeezed_channels(channels)
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x``, ``(N, C, H, W)``, with each channel scaled by a weight in 0..1."""
        means = F.adaptive_avg_pool2d(x, 1)
        return x * F.hardsigmoid(self.excite(F.relu(self.squeeze(means))))


class InvertedResidual(nn.Module):
    """Expand, filter each channel by itself, weigh, project; added to the input if it fits."""

    def __init__(self, channels: int, block: Block) -> None:
        super().__init__()
        expanded = block.expanded
        self.activation = nn.Hardswish() if block.hard_swish else nn.ReLU()
        self.expand = nn.Conv2d(channels, expanded, 1) if expanded != channels else None
        self.depthwise = nn.Conv2d(
            expanded,
            expanded,
            block.kernel,
            stride=block.stride,
            padding=block.kernel // 2 * block.dilation,
            dilation=block.dilation,
            groups=expanded,
        )
        self.attention = SqueezeExcitation(expanded) if block.attention else None
        self.project = nn.Conv2d(expanded, block.out, 1)
        self.residual = block.stride == 1 and channels == block.out

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to ``(N, out, ceil(H / stride), ceil(W / stride))``."""
        y = x if self.expand is None else self.activation(self.expand(x))
        y = self.activation(self.depthwise(y))
        if self.attention is not None:
            y = self.attention(y)
        projected: Tensor = self.project(y)
        return x + projected if self.residual else projected


class MobileNetV3(nn.Module):
    """Features at 1/2, 1/4, 1/8 and 1/16 of a picture's size."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        # ImageNet's statistics of RGB in 0..1, the ones the encoder was trained with.
        mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation).view(3, 1, 1), persistent=False)
        self.stem = nn.Conv2d(3, STEM_CHANNELS, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList()
        channels = STEM_CHANNELS
        for block in BLOCKS:
            self.blocks.append(InvertedResidual(channels, block))
            channels = block.out
        self.last = nn.Conv2d(channels, LAST_CHANNELS, 1)

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the features of a picture.

        Args:
            rgb: ``(N, 3, H, W)`` floating point in 0..1.

        Returns:
            16, 24, 40 and 960 channels at 1/2, 1/4, 1/8 and 1/16 of the size, rounded up.
        """
        x = F.hardswish(self.stem((rgb - self.mean) / self.deviation))
        taps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in _TAPS:
                taps.append(x)
        return taps[0], taps[1], taps[2], F.hardswish(self.last(x))


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
    """Return the shape of every tensor in a network's checkpoint, without standby any.

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
