from livebg.runtime.memory import peak_memory_mib


def test_peak_memory_is_plausible() -> None:
    peak = peak_memory_mib()
    assert peak is None or 10 < peak < 100_000
