"""The encoder of Robust Video Matting: MobileNetV3-Large with a dilated last stage.

Howard et al. 2019, "Searching for MobileNetV3", arXiv 1905.02244, table 1; dilation instead of the
last stride as in DeepLabV3 (Chen et al. 2017, arXiv 1706.05587), so that the deepest features keep
1/16 of the input's size. Every batch norm is folded into the convolution before it
(``rvm_weights`` does that when a checkpoint has them).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["BLOCKS", "LAST_CHANNELS", "STEM_CHANNELS", "Block", "InvertedResidual", "MobileNetV3"]


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
