"""Robust Video Matting: a recurrent network that mattes people.

Lin, Yang, Saleemi, Sengupta 2021, "Robust High-Resolution Video Matting with Temporal Guidance",
arXiv 2108.11515, in the MobileNetV3-Large variant, written from the paper and from the released
ONNX graph. Batch norm is folded into the convolutions. The encoder is torchvision's, of Howard et
al. 2019, "Searching for MobileNetV3", arXiv 1905.02244, with dilation instead of the last stride as
in DeepLabV3 (Chen et al. 2017, arXiv 1706.05587): the deepest features keep 1/16 of the input's
size.

The network sees a small picture. Its refiner, a deep guided filter (Wu et al. 2018,
arXiv 1803.05619), predicts for each small pixel a gain A and an offset b, so that at full size
``alpha = A * grey + b``. livebg stops there: the coefficients pass through its stages.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livebg.frame import Size
from livebg.models.rvm_graph import state_shapes
from livebg.models.torchvision import Normalise

__all__ = [
    "ALPHA_PLANE",
    "Coefficients",
    "MobileNetV3",
    "RobustVideoMatting",
    "State",
    "initial_state",
]

State = tuple[Tensor, Tensor, Tensor, Tensor]
"""The recurrent state at 1/2, 1/4, 1/8 and 1/16 of the network's size, ``(N, C, h, w)`` each."""

ALPHA_PLANE = 3
"""Index of alpha among the four planes of ``Coefficients.gain`` and ``offset``."""

_TAPS = (1, 3, 6)
"""Layers of the encoder whose features at 1/2, 1/4 and 1/8 are used."""

_LAST_CHANNELS = 960
_DEEP_CHANNELS = 128
_DECODED_CHANNELS = (80, 40, 32)  # at 1/8, 1/4 and 1/2
_OUTPUT_CHANNELS = 16


class Coefficients(NamedTuple):
    """The network's output for one picture, at the network's size.

    Attributes:
        gain: ``(N, 4, h, w)``; planes 0..2 for red, green, blue, plane ``ALPHA_PLANE`` for alpha.
        offset: ``(N, 4, h, w)``, likewise.
        coarse: ``(N, 1, h, w)`` in 0..1: alpha at this size, before refinement.
        state: the recurrent state for the next picture.

    With both upsampled bilinearly to the size of the full picture:
    ``alpha = clip(gain[3] * grey + offset[3])`` where grey is the mean of the three channels, and
    ``foreground[c] = clip(picture[c] + gain[c] * picture[c] + offset[c])``.
    """

    gain: Tensor
    offset: Tensor
    coarse: Tensor
    state: State


def initial_state(
    size: Size, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> State:
    """Return the state before the first picture of ``(width, height)``: zeros."""
    zeros = [torch.zeros(shape, device=device, dtype=dtype) for shape in state_shapes(size)]
    return zeros[0], zeros[1], zeros[2], zeros[3]


class RobustVideoMatting(nn.Module):
    """The whole network; its convolutions are registered in the order in which they run."""

    def __init__(self) -> None:
        super().__init__()
        eighth, quarter, half = _DECODED_CHANNELS
        self.backbone = MobileNetV3()
        self.aspp = LiteAspp(_LAST_CHANNELS, _DEEP_CHANNELS)
        self.deep_gru = ConvGru(_DEEP_CHANNELS // 2)
        self.decode_8 = Decoder(_DEEP_CHANNELS, 40, eighth)
        self.decode_4 = Decoder(eighth, 24, quarter)
        self.decode_2 = Decoder(quarter, 16, half)
        self.output = nn.Sequential(
            nn.Conv2d(half + 3, _OUTPUT_CHANNELS, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(_OUTPUT_CHANNELS, _OUTPUT_CHANNELS, 3, padding=1),
            nn.ReLU(),
        )
        self.project = nn.Conv2d(_OUTPUT_CHANNELS, 4, 1)
        # The guided filter's window: a box when training began, but trained along with the rest.
        self.window = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
        self.refiner = nn.Sequential(
            nn.Conv2d(8 + _OUTPUT_CHANNELS, 16, 1),
            nn.ReLU(),
            nn.Conv2d(16, 16, 1),
            nn.ReLU(),
            nn.Conv2d(16, 4, 1),
        )

    def coefficients(self, rgb: Tensor, state: State) -> Coefficients:
        """Run the network up to the refiner's coefficients.

        Args:
            rgb: ``(N, 3, h, w)`` in 0..1, in the type of the weights.
            state: of the previous picture, or ``initial_state``. Not altered.
        """
        hidden, next_state = self._decode(rgb, state)
        coarse = self.project(hidden)
        gain, offset = self._refine(rgb, coarse, hidden)
        return Coefficients(gain, offset, coarse[:, ALPHA_PLANE:].clamp(0, 1), next_state)

    def _decode(self, rgb: Tensor, state: State) -> tuple[Tensor, State]:
        half, quarter, eighth, deepest = self.backbone(rgb)
        rgb_2 = F.avg_pool2d(rgb, 2, ceil_mode=True, count_include_pad=False)
        rgb_4 = F.avg_pool2d(rgb_2, 2, ceil_mode=True, count_include_pad=False)
        rgb_8 = F.avg_pool2d(rgb_4, 2, ceil_mode=True, count_include_pad=False)
        x, state_16 = _remember(self.deep_gru, self.aspp(deepest), state[3])
        x, state_8 = self.decode_8(x, eighth, rgb_8, state[2])
        x, state_4 = self.decode_4(x, quarter, rgb_4, state[1])
        x, state_2 = self.decode_2(x, half, rgb_2, state[0])
        hidden = self.output(torch.cat((_doubled(x, rgb), rgb), 1))
        return hidden, (state_2, state_4, state_8, state_16)

    def _refine(self, rgb: Tensor, coarse: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Fit the linear model; He et al. 2013, eq. 5 and 6, with window and division learned."""
        guide = torch.cat((rgb, rgb.mean(1, keepdim=True)), 1)
        guide_mean, coarse_mean = self.window(guide), self.window(coarse)
        covariance = self.window(guide * coarse) - guide_mean * coarse_mean
        variance = self.window(guide * guide) - guide_mean * guide_mean
        gain: Tensor = self.refiner(torch.cat((covariance, variance, hidden), 1))
        return gain, coarse_mean - gain * guide_mean


def _remember(gru: ConvGru, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Pass the second half of the channels through ``gru``; return all of them and the state."""
    passed, remembered = x.chunk(2, 1)
    next_state: Tensor = gru(remembered, state)
    return torch.cat((passed, next_state), 1), next_state


def _doubled(x: Tensor, like: Tensor) -> Tensor:
    """Return ``x`` at twice its size, cut to the height and width of ``like``."""
    doubled = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
    return doubled[:, :, : like.shape[2], : like.shape[3]]


class LiteAspp(nn.Module):
    """Lite R-ASPP: features weighed by a global descriptor (Howard et al. 2019, figure 10)."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.features = nn.Conv2d(channels, out, 1)
        self.weights = nn.Conv2d(channels, out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, channels, h, w)`` to ``(N, out, h, w)``."""
        weights = torch.sigmoid(self.weights(F.adaptive_avg_pool2d(x, 1)))
        return F.relu(self.features(x)) * weights


class ConvGru(nn.Module):
    """A convolutional gated recurrent unit on half of the channels (equation 1 of the paper)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1)
        self.candidate = nn.Conv2d(2 * channels, channels, 3, padding=1)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        """Return the next state, ``(N, C, h, w)`` as ``x`` and ``state``; both stay as they are."""
        reset, update = torch.sigmoid(self.gates(torch.cat((x, state), 1))).chunk(2, 1)
        candidate = torch.tanh(self.candidate(torch.cat((x, reset * state), 1)))
        return (1 - update) * state + update * candidate


class Decoder(nn.Module):
    """One level: merge the level below, the encoder's features and the picture, then remember."""

    def __init__(self, below: int, skip: int, out: int) -> None:
        super().__init__()
        self.merge = nn.Conv2d(below + skip + 3, out, 3, padding=1)
        self.gru = ConvGru(out // 2)

    def forward(
        self, below: Tensor, skip: Tensor, picture: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return this level's features, ``(N, out, h, w)``, and its next state."""
        x = F.relu(self.merge(torch.cat((_doubled(below, picture), skip, picture), 1)))
        return _remember(self.gru, x, state)


class MobileNetV3(nn.Module):
    """Features at 1/2, 1/4, 1/8 and 1/16 of a picture's size."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import mobilenet_v3_large
        from torchvision.ops import Conv2dNormActivation

        self.normalise = Normalise()
        self.features = mobilenet_v3_large(weights=None, dilated=True).features
        for layer in list(self.features.modules()):
            if isinstance(layer, Conv2dNormActivation):
                convolution = layer[0]
                convolution.bias = nn.Parameter(torch.zeros(convolution.out_channels))
                layer[1] = nn.Identity()

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Map RGB in 0..1 to 16, 24, 40 and 960 channels; their sizes are rounded up."""
        x = self.normalise(rgb)
        found = []
        for layer in self.features:
            x = layer(x)
            found.append(x)
        half, quarter, eighth = (found[index] for index in _TAPS)
        return half, quarter, eighth, x
