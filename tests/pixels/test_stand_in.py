import threading

import numpy as np
import pytest

from livebg.compose import kernel_numpy
from livebg.compose.compositor import compositing_kernel
from livebg.pixels.stand_in import numpy_stands_in, standing_in
from livebg.temporal.flow import Carried, FlowCarrier
from tests.mattes import noise_frame, noise_matte


def test_numpy_stands_in_for_all_threads_but_the_one_that_compiles() -> None:
    elsewhere: list[bool] = []

    def look() -> None:
        elsewhere.append(numpy_stands_in())
        elsewhere.append(compositing_kernel() is kernel_numpy)

    with standing_in():
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert not numpy_stands_in()
    assert elsewhere == [True, True]
    look()
    assert not elsewhere[2]


def test_a_carrier_that_began_with_opencv_goes_on_with_compiled_code() -> None:
    pytest.importorskip("numba")
    frame = noise_frame((64, 48))
    matte = noise_matte(frame)
    made: list[FlowCarrier] = []

    def carry() -> None:
        if not made:
            made.append(FlowCarrier(frame.size))
        made[0].set_anchor(frame, matte)
        carried.append(made[0].carry(frame))
        kinds.append(type(made[0]._mover).__name__)

    carried: list[Carried] = []
    kinds: list[str] = []
    with standing_in():
        thread = threading.Thread(target=carry)
        thread.start()
        thread.join()
    carry()
    assert kinds == ["OpencvMover", "PatchMover"]
    # A picture that rests: both find that nothing has moved.
    assert np.abs(carried[0].matte.gain - carried[1].matte.gain).max() < 0.1
