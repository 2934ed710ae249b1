from livebg.bench.parity import ClipParity, Engine, mean_parity
from livebg.bench.parity_report import parity_lines
from tests.bench.results import rows

F32, F16, INT8 = (
    Engine("torch:cpu", "f32"),
    Engine("cuda", "f16"),
    Engine("cpu", "int8"),
)


def test_a_limit_is_kept_where_the_worst_clip_keeps_it() -> None:
    near, far = (
        [
            ClipParity(F32, clip, off, 2 * off),
            ClipParity(F16, clip, off, 3 * off),
            ClipParity(INT8, clip, 4 * off, 5 * off),
        ]
        for clip, off in (("near", 0.001), ("far", 0.003))
    )
    shown = "\n".join(parity_lines(mean_parity([near, far])))
    assert rows(shown, "Parity: mattes beside those of cpu in f32") == [
        ["device", "precision", "every frame", "worst", "carried", "worst", "limit", "kept"],
        ["torch:cpu", "f32", "2.00", "3.00", "4.00", "6.00", "2", "no"],
        ["cuda", "f16", "2.00", "3.00", "6.00", "9.00", "10", "yes"],
        ["cpu", "int8", "8.00", "12.00", "10.00", "15.00", "", ""],
    ]
