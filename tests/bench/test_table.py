from livebg.bench.table import Table, ms_text, share_text


def test_words_are_aligned_to_the_left_and_numbers_to_the_right() -> None:
    table = Table(("what", "ms"), [("fast", "4.00"), ("slower", "100.0")], words=1)
    assert list(table.lines()) == [
        "| what   |    ms |",
        "| ------ | ----: |",
        "| fast   |  4.00 |",
        "| slower | 100.0 |",
    ]


def test_small_times_have_more_digits() -> None:
    assert [ms_text(ms) for ms in (0.254, 9.994, 10.04)] == ["0.25", "9.99", "10.0"]


def test_a_share_is_in_per_cent() -> None:
    assert share_text(0.125) == "12 %"
