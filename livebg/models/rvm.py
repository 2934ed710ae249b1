"""Whether a file is the checkpoint of a network, before it enters the cache.

Robust Video Matting: a recurrent network that mattes people.

Lin, Yang, Saleemi, Sengupta 2021, "Robust High-Resolution Video Matting with Temporal Guidance",
arXiv 2108.11515, in the MobileNetV3-Large variant, written from the paper and from the released
ONNX graph. Batch norm is folded into the convolutions.

The network looks at a small picture. Its refiner, a deep guided filter (Wu et al. 2018,
arXiv 1803.05619), predicts for each small pixel a gain A and an offset b, so that at full size
``alpha = A * grey + b``. ``RobustVideoMatting.coefficients`` stops there: the coefficients are what
livebg carries through its stages. ``RobustVideoMatting.forward`` goes on to the full-size matte and
foreground as the release does.

Robust Video Matting's released weights, read into ``RobustVideoMatting``.

Two files of the release (v1.0.0) hold the same weights:

- ``rvm_mobilenetv3_fp32.onnx``: batch norm is folded already and most initialisers are numbered,
  so they are taken in the order in which the graph's convolutions run, which is the order in which
  ``RobustVideoMatting`` registers its own.
- ``rvm_mobilenetv3.pth``: named convolutions and batch norms, folded here (Jacob et al. 2018,
  arXiv 1712.05877, eq. 14).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livebg.errors import InputError, UsageError, WeightsError
from livebg.frame import Size
from livebg.models.onnx import read_onnx
from livebg.models.rvm_graph import state_shapes
from livebg.models.torchvision import (
    BLOCKS,
    LAST_CHANNELS,
    STEM_CHANNELS,
    MobileNetV3,
    read_state_dict,
)

__all__ = [
    "ALPHA_PLANE",
    "Coefficients",
    "Matting",
    "ReleasedConvolution",
    "RobustVideoMatting",
    "State",
    "check_checkpoint",
    "initial_state",
    "load_rvm",
    "released_layout",
]


def check_checkpoint(name: str, path: Path) -> None:
    """Refuse a file that is not the weights of a network.

    Args:
        name: catalogue name: ``rvm`` (its ``.onnx`` or ``.pth``) or one of torchvision's.
        path: the file; it is only read.

    Raises:
        UsageError: there is no such network.
        WeightsError: the file is missing, unreadable, or holds something else.
    """
    if not path.is_file():
        raise WeightsError(f"there is no file {path} to take the weights of {name} from")
    if name == "rvm":
        load_rvm(path)
        return
    from livebg.models.torchvision import NETWORKS, check_state_dict

    if name not in NETWORKS:
        raise UsageError(
            f"no network with weights of its own is named {name!r}; "
            f"choose rvm, {', '.join(NETWORKS)}"
        )
    from livebg.models.torchvision import read_state_dict

    check_state_dict(name, path, read_state_dict(path, name))


State = tuple[Tensor, Tensor, Tensor, Tensor]
"""The recurrent state at 1/2, 1/4, 1/8 and 1/16 of the network's size, ``(N, C, h, w)`` each."""

ALPHA_PLANE = 3
"""Index of alpha among the four planes of ``Coefficients.gain`` and ``offset``."""

_DEEP_CHANNELS = 128
_DECODED_CHANNELS = (80, 40, 32)  # at 1/8, 1/4 and 1/2
_OUTPUT_CHANNELS = 16


class Coefficients(NamedTuple):
    """What the network says of one picture, at the network's size.

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


class Matting(NamedTuple):
    """What the released network returns.

    Attributes:
        foreground: ``(N, 3, H, W)`` RGB in 0..1.
        alpha: ``(N, 1, H, W)`` in 0..1.
        state: the recurrent state for the next picture.
    """

    foreground: Tensor
    alpha: Tensor
    state: State


def initial_state(
    size: Size,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> State:
    """Return the state of a network that has seen nothing yet.

    Args:
        size: ``(width, height)`` of the picture that the network sees.
        device: where the tensors are made.
        dtype: their type.
    """
    zeros = [torch.zeros(shape, device=device, dtype=dtype) for shape in state_shapes(size)]
    return zeros[0], zeros[1], zeros[2], zeros[3]


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


class RobustVideoMatting(nn.Module):
    """The whole network; its convolutions are registered in the order in which they run."""

    def __init__(self) -> None:
        super().__init__()
        eighth, quarter, half = _DECODED_CHANNELS
        self.backbone = MobileNetV3()
        self.aspp = LiteAspp(LAST_CHANNELS, _DEEP_CHANNELS)
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
            state: what the previous picture left, or ``initial_state``; a tensor of shape
                ``(1, 1, 1, 1)`` stands for a state of equal values. Not altered.
        """
        hidden, next_state = self._decode(rgb, state)
        coarse = self.project(hidden)
        gain, offset = self._refine(rgb, coarse, hidden)
        return Coefficients(gain, offset, coarse[:, ALPHA_PLANE:].clamp(0, 1), next_state)

    def forward(self, rgb: Tensor, state: State, downsample_ratio: float) -> Matting:
        """Run the network as released: shrink, matte, refine to full size.

        Like the released ONNX file, and unlike the released torch code, it refines at a ratio of
        1 too.

        Args:
            rgb: ``(N, 3, H, W)`` in 0..1, in the type of the weights.
            state: as for ``coefficients``, for a picture of the reduced size.
            downsample_ratio: size that the network sees, as a share of the picture's.
        """
        small = F.interpolate(
            rgb,
            scale_factor=downsample_ratio,
            mode="bilinear",
            align_corners=False,
            recompute_scale_factor=False,
        )
        found = self.coefficients(small, state)
        full = rgb.shape[2:]
        gain = F.interpolate(found.gain, full, mode="bilinear", align_corners=False)
        offset = F.interpolate(found.offset, full, mode="bilinear", align_corners=False)
        refined = gain * _with_grey(rgb) + offset
        foreground = (refined[:, :ALPHA_PLANE] + rgb).clamp(0, 1)
        return Matting(foreground, refined[:, ALPHA_PLANE:].clamp(0, 1), found.state)

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
        guide = _with_grey(rgb)
        guide_mean, coarse_mean = self.window(guide), self.window(coarse)
        covariance = self.window(guide * coarse) - guide_mean * coarse_mean
        variance = self.window(guide * guide) - guide_mean * guide_mean
        gain: Tensor = self.refiner(torch.cat((covariance, variance, hidden), 1))
        return gain, coarse_mean - gain * guide_mean


def _remember(gru: ConvGru, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Pass the second half of the channels through ``gru``; return all of them and the state."""
    passed, remembered = x.chunk(2, 1)
    next_state: Tensor = gru(remembered, state.expand_as(remembered))
    return torch.cat((passed, next_state), 1), next_state


def _doubled(x: Tensor, like: Tensor) -> Tensor:
    """Return ``x`` at twice its size, cut to the height and width of ``like``."""
    doubled = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
    return doubled[:, :, : like.shape[2], : like.shape[3]]


def _with_grey(rgb: Tensor) -> Tensor:
    return torch.cat((rgb, rgb.mean(1, keepdim=True)), 1)


_BACKBONE_EPSILON = 1e-3
_EPSILON = 1e-5


class ReleasedConvolution(NamedTuple):
    """Where the ``.pth`` keeps one convolution.

    Attributes:
        name: prefix of its ``weight`` (and ``bias``).
        norm: prefix of the batch norm that follows it, or None.
        epsilon: what that batch norm adds to the variance.
    """

    name: str
    norm: str | None = None
    epsilon: float = _EPSILON


def load_rvm(path: Path) -> RobustVideoMatting:
    """Return the network with the weights of a released file, on the CPU in float32, evaluating.

    Args:
        path: the release's ``.onnx`` or ``.pth``.

    Raises:
        WeightsError: the file is not one of these.
    """
    read = _folded_from_onnx if path.suffix.lower() == ".onnx" else _folded_from_checkpoint
    model = RobustVideoMatting()
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    found = list(read(path))
    if len(found) != len(convolutions):
        raise _not_rvm(path, f"{len(found)} convolutions instead of {len(convolutions)}")
    with torch.no_grad():
        for number, (module, (weight, bias)) in enumerate(zip(convolutions, found, strict=True)):
            _fill(module, weight, bias, path, number)
    return model.eval().requires_grad_(False)


def released_layout() -> list[ReleasedConvolution]:
    """Return the ``.pth`` file's convolutions in the order in which they run."""
    return [*_backbone_layout(), *_head_layout()]


def _backbone_layout() -> Iterator[ReleasedConvolution]:
    def normed(prefix: str) -> ReleasedConvolution:
        return ReleasedConvolution(f"{prefix}.0", f"{prefix}.1", _BACKBONE_EPSILON)

    yield normed("backbone.features.0")
    channels = STEM_CHANNELS
    for index, block in enumerate(BLOCKS, start=1):
        prefix, part = f"backbone.features.{index}.block", 0
        for present in (block.expanded != channels, True):
            if present:
                yield normed(f"{prefix}.{part}")
                part += 1
        if block.attention:
            yield ReleasedConvolution(f"{prefix}.{part}.fc1")
            yield ReleasedConvolution(f"{prefix}.{part}.fc2")
            part += 1
        yield normed(f"{prefix}.{part}")
        channels = block.out
    yield normed(f"backbone.features.{len(BLOCKS) + 1}")


def _head_layout() -> Iterator[ReleasedConvolution]:
    yield ReleasedConvolution("aspp.aspp1.0", "aspp.aspp1.1")
    yield ReleasedConvolution("aspp.aspp2.1")
    for level in (4, 3, 2, 1):
        prefix = f"decoder.decode{level}"
        if level < 4:
            yield ReleasedConvolution(f"{prefix}.conv.0", f"{prefix}.conv.1")
        yield ReleasedConvolution(f"{prefix}.gru.ih.0")
        yield ReleasedConvolution(f"{prefix}.gru.hh.0")
    yield ReleasedConvolution("decoder.decode0.conv.0", "decoder.decode0.conv.1")
    yield ReleasedConvolution("decoder.decode0.conv.3", "decoder.decode0.conv.4")
    yield ReleasedConvolution("project_mat.conv")
    yield ReleasedConvolution("refiner.box_filter")
    yield ReleasedConvolution("refiner.conv.0", "refiner.conv.1")
    yield ReleasedConvolution("refiner.conv.3", "refiner.conv.4")
    yield ReleasedConvolution("refiner.conv.6")


def _folded_from_checkpoint(path: Path) -> Iterator[tuple[Tensor, Tensor | None]]:
    state = read_state_dict(path, "rvm")
    for convolution in released_layout():
        try:
            yield _fold(state, convolution)
        except KeyError as error:
            raise _not_rvm(path, f"no tensor {error.args[0]}") from error
        except RuntimeError as error:
            raise _not_rvm(path, f"{convolution.norm} does not fit {convolution.name}") from error


def _fold(
    state: Mapping[str, Tensor], convolution: ReleasedConvolution
) -> tuple[Tensor, Tensor | None]:
    """Return weight and bias of a convolution with its batch norm folded in."""
    weight, bias = state[f"{convolution.name}.weight"], state.get(f"{convolution.name}.bias")
    if convolution.norm is None:
        return weight, bias
    mean, variance, scale, shift = (
        state[f"{convolution.norm}.{part}"].double()
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    factor = scale / torch.sqrt(variance + convolution.epsilon)
    folded_bias = shift - mean * factor if bias is None else shift + (bias - mean) * factor
    folded_weight = weight.double() * factor.view(-1, 1, 1, 1)
    return folded_weight.float(), folded_bias.float()


def _folded_from_onnx(path: Path) -> Iterator[tuple[Tensor, Tensor | None]]:
    from onnx import numpy_helper

    try:
        graph = read_onnx(path).graph
    except InputError as error:
        raise WeightsError(str(error)) from error
    initialisers: dict[str, Any] = {tensor.name: tensor for tensor in graph.initializer}
    read: set[str] = set()
    for node in graph.node:
        # The refiner runs its window filter four times.
        if node.op_type != "Conv" or node.input[1] in read:
            continue
        read.add(node.input[1])
        missing = [name for name in node.input[1:] if name not in initialisers]
        if missing:
            raise _not_rvm(path, f"no initialiser {missing[0]}")
        tensors = [
            torch.from_numpy(numpy_helper.to_array(initialisers[name]).copy())
            for name in node.input[1:]
        ]
        yield tensors[0], tensors[1] if len(tensors) == 2 else None


def _fill(module: nn.Conv2d, weight: Tensor, bias: Tensor | None, path: Path, number: int) -> None:
    if module.weight.shape != weight.shape or (module.bias is None) != (bias is None):
        raise _not_rvm(
            path,
            f"convolution {number} is {tuple(weight.shape)} instead of "
            f"{tuple(module.weight.shape)}",
        )
    module.weight.copy_(weight)
    if module.bias is not None and bias is not None:
        module.bias.copy_(bias)


def _not_rvm(path: Path, reason: str) -> WeightsError:
    return WeightsError(
        f"{path} is not Robust Video Matting with MobileNetV3 ({reason}); "
        "take rvm_mobilenetv3.pth or rvm_mobilenetv3_fp32.onnx of its release v1.0.0"
    )
