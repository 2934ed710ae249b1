"""Robust Video Matting on OpenVINO."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from livebg.segment.openvino_engine import computes_int8, describe_engine, resolve_precision
from livebg.segment.openvino_rvm_network import OpenvinoRvmNetwork
from livebg.segment.rvm import RvmSegmenter
from livebg.types import Size

__all__ = ["OpenvinoRvm"]


class OpenvinoRvm(RvmSegmenter):
    """RVM on OpenVINO; see ``RvmSegmenter``.

    Args:
        weights: the released ``rvm_mobilenetv3_fp32.onnx``.
        frame_size: ``(width, height)`` of the frames.
        input_size: ``(width, height)`` that the network sees; multiples of 16.
        cache_folder: where OpenVINO keeps compiled networks.
        device: an OpenVINO device name.
        precision: ``auto``, ``f32``, ``bf16``, ``f16`` or ``int8``. ``int8`` computes most
            convolutions in whole numbers and the rest in f32; ``auto`` does so too where the
            weights are ``released``, with the rest in bf16 where the processor has it.
        released: whether the weights are the released ones, whose ranges are known.
        threads: processor threads.
        crop: look where the person is; the matte then covers only that box.
        live: as for ``RvmSegmenter``.

    Raises:
        ModelError: the file is not RVM, or cannot be compiled.
        UsageError: there is no such device, or it lacks that arithmetic.
    """

    def __init__(
        self,
        weights: Path,
        frame_size: Size,
        *,
        input_size: Size,
        cache_folder: Path,
        device: str = "CPU",
        precision: str = "auto",
        released: bool = True,
        threads: int = 1,
        crop: bool = False,
        live: bool = False,
    ) -> None:
        int8 = precision == "int8" or (precision == "auto" and released and computes_int8(device))
        precision = resolve_precision(device, precision)
        make_network = partial(
            OpenvinoRvmNetwork,
            weights,
            cache_folder=cache_folder,
            device=device,
            precision=precision,
            threads=threads,
            int8=int8,
        )
        engine = describe_engine(device, f"int8+{precision}" if int8 else precision)
        super().__init__(engine, frame_size, input_size, make_network, crop=crop, live=live)
