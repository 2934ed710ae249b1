import numpy as np
import pytest

from livebg.errors import SinkError
from livebg.sink.null import NullSink
from livebg.types import Composite


def test_it_counts_and_then_refuses() -> None:
    composite = Composite(np.zeros((2, 2, 3), np.uint8), 0, 0)
    sink = NullSink()
    sink.send(composite)
    sink.send(composite)
    sink.close()
    with pytest.raises(SinkError, match="closed"):
        sink.send(composite)
    assert sink.count == 2
