from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from livebg.clock import ManualClock
from livebg.threads import Backoff, BoundedQueue, Mailbox, Worker, still_running
from tests.support.fakes import GENEROUS_S


def test_the_newest_item_wins_and_the_others_are_counted() -> None:
    box: Mailbox[int] = Mailbox()
    for item in range(5):
        box.put(item)
    assert box.get(timeout_s=0.0) == 4
    assert box.dropped == 4
    assert box.get(timeout_s=0.0) is None


def test_a_closed_mailbox_gives_what_it_holds_and_takes_nothing() -> None:
    box: Mailbox[str] = Mailbox()
    box.put("last")
    box.close()
    box.put("late")
    assert not box.finished
    assert box.get(timeout_s=0.0) == "last"
    assert box.get(timeout_s=0.0) is None
    assert box.finished
    assert box.dropped == 0


@pytest.mark.parametrize(
    ("wake", "item"), [(lambda box: box.close(), None), (lambda box: box.put("item"), "item")]
)
def test_a_blocked_reader_is_woken(wake: Callable[[Mailbox[str]], None], item: str | None) -> None:
    box: Mailbox[str] = Mailbox()
    reader = Worker("reader", lambda stop: box.get(timeout_s=60.0)).start()
    wake(box)
    assert reader.join(GENEROUS_S)
    assert reader.outcome() == item


def test_items_come_in_order_and_none_is_lost() -> None:
    queue: BoundedQueue[int] = BoundedQueue(3)

    def produce(stop: threading.Event) -> None:
        for number in range(500):
            assert queue.put(number)
        queue.close()

    producer = Worker("producer", produce).start()
    taken = []
    while (number := queue.get()) is not None:
        taken.append(number)
    producer.outcome()
    assert taken == list(range(500))


def test_putting_waits_for_room() -> None:
    queue: BoundedQueue[int] = BoundedQueue(2)
    assert queue.put(0)
    assert queue.put(1)
    producer = Worker("producer", lambda stop: queue.put(2)).start()
    assert not producer.join(0.0)
    assert queue.get() == 0
    assert producer.outcome()
    assert (queue.get(), queue.get()) == (1, 2)


def test_cancel_wakes_both_sides_and_drops_the_items() -> None:
    full: BoundedQueue[int] = BoundedQueue(1)
    full.put(0)
    empty: BoundedQueue[int] = BoundedQueue(1)
    putting = Worker("putting", lambda stop: full.put(1)).start()
    getting = Worker("getting", lambda stop: empty.get()).start()
    full.cancel()
    empty.cancel()
    assert putting.outcome() is False
    assert getting.outcome() is None
    assert full.get() is None
    assert full.cancelled


def test_a_closed_queue_gives_what_it_holds_and_takes_nothing() -> None:
    queue: BoundedQueue[int] = BoundedQueue(2)
    queue.put(7)
    queue.close()
    assert not queue.put(8)
    assert (queue.get(), queue.get()) == (7, None)
    assert not queue.cancelled


def test_a_worker_has_a_named_thread_and_ends_when_asked() -> None:
    def body(stop: threading.Event) -> str:
        assert stop.wait(GENEROUS_S)
        return threading.current_thread().name

    worker = Worker("capture", body).start()
    assert not worker.done
    assert "capture" in still_running()
    worker.stop()
    assert worker.outcome() == "livebg-capture"
    assert worker.done
    assert worker.error is None
    assert "capture" not in still_running()


def test_a_worker_raises_the_error_that_ended_it_and_says_when_it_ended() -> None:
    ended = threading.Event()

    def body(stop: threading.Event) -> None:
        raise ValueError("broken")

    worker = Worker("process", body, on_end=ended.set).start()
    assert ended.wait(GENEROUS_S)
    with pytest.raises(ValueError, match="broken") as raised:
        worker.outcome()
    assert worker.error is raised.value


def test_joining_a_busy_worker_gives_up_in_time() -> None:
    release = threading.Event()
    worker = Worker("hung", lambda stop: release.wait(GENEROUS_S)).start()
    worker.stop()
    assert not worker.join(0.01)
    release.set()
    assert worker.outcome()


def test_a_worker_that_was_never_started_is_done() -> None:
    assert Worker("idle", lambda stop: None).join(0.0)


def test_waits_double_up_to_the_longest_and_success_forgets_the_failures() -> None:
    backoff = Backoff(ManualClock())
    assert [backoff.fail() for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.ready
    assert backoff.fail() == 0.5


def test_it_is_ready_at_first_and_again_after_the_wait() -> None:
    clock = ManualClock()
    backoff = Backoff(clock)
    assert backoff.ready
    backoff.fail()
    clock.advance(0.49)
    assert not backoff.ready
    clock.advance(0.01)
    assert backoff.ready
