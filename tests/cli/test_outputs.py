import argparse

import pytest

from livebg.cli.outputs import Outputs, add_output_options, outputs_from
from livebg.errors import UsageError


def outputs(*words: str) -> Outputs:
    parser = argparse.ArgumentParser()
    add_output_options(parser)
    return outputs_from(parser.parse_args(words))


@pytest.mark.parametrize(
    ("words", "on_demand"),
    [
        (["--virtual-camera"], True),
        (["--virtual-camera", "/dev/video9"], True),
        (["--virtual-camera", "--no-on-demand"], False),
        (["--virtual-camera", "--record", "out.mp4"], False),
        (["--virtual-camera", "--null"], False),
        (["--virtual-camera", "--null", "--on-demand"], True),
        (["--null"], False),
    ],
)
def test_only_a_virtual_camera_alone_runs_on_demand_unasked(
    words: list[str], on_demand: bool
) -> None:
    assert outputs(*words).on_demand is on_demand


def test_on_demand_without_a_virtual_camera_is_refused() -> None:
    with pytest.raises(UsageError, match="--on-demand needs --virtual-camera"):
        outputs("--null", "--on-demand")
