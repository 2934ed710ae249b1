import os
import sys
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("v4l2loopback is a module of Linux", allow_module_level=True)

from livebg.sink import loopback_claim
from livebg.sink.loopback_claim import LoopbackClaim
from tests.sink.fake_loopback import CAPTURE, OUTPUT, FakeLoopback, FakeLoopbacks


@pytest.fixture
def kernel(tmp_path: Path) -> FakeLoopbacks:
    return FakeLoopbacks(tmp_path)


def test_request_numbers_are_those_of_the_kernel() -> None:
    assert loopback_claim.STREAMON == 0x40045612
    assert loopback_claim.S_PARM == 0xC0CC5616


def test_it_declares_itself_a_writer_only_once_the_device_is_fed(kernel: FakeLoopbacks) -> None:
    device = FakeLoopback(OUTPUT)
    claim = LoopbackClaim(str(kernel.add(10, "livebg", device)), 30, kernel)
    assert device.asked == ["S_PARM"]
    claim.hold()
    assert device.asked == ["S_PARM", "STREAMON"]
    claim.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(claim.descriptor)


def test_a_device_that_forgot_that_it_can_be_fed_is_reminded(kernel: FakeLoopbacks) -> None:
    device = FakeLoopback(0)
    LoopbackClaim(str(kernel.add(10, "livebg", device)), 30, kernel).close()
    assert device.asked == ["STREAMON", "S_PARM"]


@pytest.mark.parametrize(
    ("fps", "seconds"), [(30.0, (1, 30)), (29.97002997, (1001, 30000)), (12.5, (2, 25))]
)
def test_readers_are_told_the_rate(
    kernel: FakeLoopbacks, fps: float, seconds: tuple[int, int]
) -> None:
    device = FakeLoopback(OUTPUT | CAPTURE)
    LoopbackClaim(str(kernel.add(10, "livebg", device)), fps, kernel).close()
    assert device.rate == seconds


def test_what_is_no_device_leaves_nothing_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="ioctl"):
        LoopbackClaim(str(tmp_path / "file"), 30)
    assert len(os.listdir("/proc/self/fd")) == before
