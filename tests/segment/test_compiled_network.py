import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livebg.models.rvm_graph import load_cut_graph
from livebg.segment.compiled_network import compiled_network
from livebg.segment.openvino_engine import openvino_core
from livebg.types import Image, Size

SIZE: Size = (64, 48)
PICTURE: Image = np.random.default_rng(7).integers(0, 256, (1, 48, 64, 3), np.uint8)


class Bench:
    def __init__(self, weights: Path, folder: Path) -> None:
        self.weights = weights
        self.folder = folder
        self.read = 0

    def open(
        self, *, precision: str = "f32", threads: int = 1, variant: str = ""
    ) -> tuple[Any, Any]:
        return compiled_network(
            self._graph,
            weights=self.weights,
            input_size=SIZE,
            device="CPU",
            precision=precision,
            threads=threads,
            cache_folder=self.folder,
            variant=variant,
        )

    def _graph(self) -> Any:
        self.read += 1
        return load_cut_graph(openvino_core(), self.weights, SIZE)

    @property
    def blobs(self) -> list[Path]:
        return list(self.folder.glob("*.blob"))


@pytest.fixture
def bench(rvm_weights: Path, tmp_path: Path) -> Bench:
    return Bench(rvm_weights, tmp_path / "cache")


def gain(opened: tuple[Any, Any]) -> Any:
    request = opened[0].create_infer_request()
    request.infer({"src": PICTURE})
    return np.array(request.get_tensor("gain").data)


def test_what_was_compiled_once_is_loaded_and_computes_the_same(bench: Bench) -> None:
    compiled = gain(bench.open())
    loaded = gain(bench.open())
    assert bench.read == 1
    assert np.array_equal(compiled, loaded)


@pytest.mark.parametrize("change", [{"threads": 2}, {"variant": "int8"}])
def test_other_options_are_another_network(bench: Bench, change: dict[str, Any]) -> None:
    bench.open()
    bench.open(**change)
    assert bench.read == 2
    assert len(bench.blobs) == 2


def test_other_weights_are_another_network(bench: Bench, tmp_path: Path) -> None:
    bench.open()
    copy = tmp_path / bench.weights.name
    copy.write_bytes(bench.weights.read_bytes())
    bench.weights = copy
    bench.open()
    assert bench.read == 2


@pytest.mark.parametrize("stamped", [True, False], ids=["older stamp", "no stamp"])
def test_a_file_that_was_cut_short_is_made_again(bench: Bench, stamped: bool) -> None:
    expected = gain(bench.open())
    (blob,) = bench.blobs
    os.truncate(blob, 1000)
    if not stamped:
        blob.with_name(f"{blob.name}.stamp").unlink()
    assert np.array_equal(gain(bench.open()), expected)
    assert bench.read == 2
    assert blob.stat().st_size > 1000
    bench.open()
    assert bench.read == 2


def test_a_folder_that_cannot_be_written_only_costs_time(bench: Bench) -> None:
    bench.folder.write_text("a file, not a folder")
    bench.open()
    bench.open()
    assert bench.read == 2
