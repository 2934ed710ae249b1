import io
from types import SimpleNamespace
from typing import Any, cast

import pytest

from livebg.cli.live_line import LiveLine
from livebg.cli.outputs import Outputs
from livebg.cli.run import _explain_on_demand
from livebg.clock import ManualClock


@pytest.mark.parametrize(
    ("can_rest", "outputs", "said"),
    [
        (True, Outputs(virtual_camera=True), ""),
        (False, Outputs(virtual_camera=True), "the camera stays on"),
        (True, Outputs(virtual_camera=True, window=True), "every other output shows a card"),
    ],
)
def test_what_on_demand_means_is_said_where_it_may_surprise(
    can_rest: bool, outputs: Outputs, said: str
) -> None:
    stream = io.StringIO()
    session = cast(Any, SimpleNamespace(can_rest=can_rest))
    _explain_on_demand(session, outputs, LiveLine(ManualClock(), stream))
    assert bool(stream.getvalue()) == bool(said)
    assert said in stream.getvalue()
