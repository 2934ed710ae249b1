import threading

from livebg.runtime.mailbox import Mailbox


def test_the_newest_item_wins_and_the_others_are_counted() -> None:
    box: Mailbox[int] = Mailbox()
    for item in range(5):
        box.put(item)
    assert box.get(timeout_s=0.0) == 4
    assert box.dropped == 4
    assert box.get(timeout_s=0.0) is None


def test_a_taken_item_is_no_drop() -> None:
    box: Mailbox[int] = Mailbox()
    for item in range(3):
        box.put(item)
        assert box.get(timeout_s=0.0) == item
    assert box.dropped == 0


def test_what_is_inside_can_be_taken_after_closing() -> None:
    box: Mailbox[str] = Mailbox()
    box.put("last")
    box.close()
    assert not box.finished
    assert box.get(timeout_s=0.0) == "last"
    assert box.finished


def test_a_closed_mailbox_takes_nothing() -> None:
    box: Mailbox[str] = Mailbox()
    box.close()
    box.put("late")
    assert box.get(timeout_s=0.0) is None
    assert box.dropped == 0


def test_closing_wakes_a_blocked_reader() -> None:
    box: Mailbox[str] = Mailbox()
    got: list[str | None] = []
    reader = threading.Thread(target=lambda: got.append(box.get(timeout_s=60.0)))
    reader.start()
    box.close()
    reader.join(5.0)
    assert not reader.is_alive()
    assert got == [None]


def test_putting_wakes_a_blocked_reader() -> None:
    box: Mailbox[str] = Mailbox()
    got: list[str | None] = []
    reader = threading.Thread(target=lambda: got.append(box.get(timeout_s=60.0)))
    reader.start()
    box.put("item")
    reader.join(5.0)
    assert got == ["item"]
