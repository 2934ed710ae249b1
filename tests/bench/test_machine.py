import os

from livebg import __version__
from livebg.bench.machine import describe_machine


def test_the_machine_has_a_processor_and_versions() -> None:
    machine = describe_machine()
    assert machine.processor
    assert 1 <= machine.cores <= (os.cpu_count() or 1)
    assert "FP32" in machine.capabilities
    assert machine.precision == ("bf16" if "BF16" in machine.capabilities else "f32")
    assert machine.versions["livebg"] == __version__
    assert {"Python", "OpenCV", "openvino", "numpy"} <= machine.versions.keys()
