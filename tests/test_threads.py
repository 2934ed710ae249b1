from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from livebg.clock import ManualClock
from livebg.threads import BackgroundTask, Backoff, BoundedQueue, Mailbox, Worker, still_running
from tests.support.fakes import GENEROUS_S


def in_thread(call: Callable[[], Any]) -> Callable[[], Any]:
    """Run ``call`` in a thread; what is returned waits for its result."""
    task = BackgroundTask("test", lambda stop: call())

    def result() -> Any:
        task.wait()
        return task.outcome()

    return result


def test_the_newest_item_wins_and_the_others_are_counted() -> None:
    box: Mailbox[int] = Mailbox()
    for item in range(5):
        box.put(item)
    assert box.get(timeout_s=0.0) == 4
    assert box.dropped == 4
    assert box.get(timeout_s=0.0) is None
    box.put(5)
    assert box.get(timeout_s=0.0) == 5
    assert box.dropped == 4


def test_the_item_of_a_closed_mailbox_can_be_taken() -> None:
    box: Mailbox[str] = Mailbox()
    box.put("last")
    box.close()
    assert not box.finished
    assert box.get(timeout_s=0.0) == "last"
    assert box.finished
    box.put("late")
    assert box.get(timeout_s=0.0) is None
    assert box.dropped == 0


@pytest.mark.parametrize("item", [None, "item"])
def test_closing_and_putting_wake_a_blocked_reader(item: str | None) -> None:
    box: Mailbox[str] = Mailbox()
    got = in_thread(lambda: box.get(timeout_s=60.0))
    if item is None:
        box.close()
    else:
        box.put(item)
    assert got() == item


def test_items_come_in_order_and_none_is_lost() -> None:
    queue: BoundedQueue[int] = BoundedQueue(3)

    def produce() -> None:
        for number in range(500):
            assert queue.put(number)
        queue.finish()

    produced = in_thread(produce)
    taken = []
    while (number := queue.get()) is not None:
        taken.append(number)
    produced()
    assert taken == list(range(500))


def test_putting_waits_for_room() -> None:
    queue: BoundedQueue[int] = BoundedQueue(2)
    assert queue.put(0)
    assert queue.put(1)
    done = threading.Event()
    put = in_thread(lambda: (queue.put(2), done.set()))
    assert not done.is_set()
    assert queue.get() == 0
    put()
    assert (queue.get(), queue.get()) == (1, 2)


def test_cancel_wakes_both_sides_and_discards_items() -> None:
    full: BoundedQueue[int] = BoundedQueue(1)
    full.put(0)
    empty: BoundedQueue[int] = BoundedQueue(1)
    put, got = in_thread(lambda: full.put(1)), in_thread(empty.get)
    full.cancel()
    empty.cancel()
    assert put() is False
    assert got() is None
    assert full.get() is None
    assert full.cancelled


def test_a_finished_queue_gives_what_it_holds_and_accepts_nothing() -> None:
    queue: BoundedQueue[int] = BoundedQueue(2)
    queue.put(7)
    queue.finish()
    assert not queue.put(8)
    assert (queue.get(), queue.get()) == (7, None)
    assert not queue.cancelled


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """What the bodies of hung workers wait for."""
    event = threading.Event()
    yield event
    event.set()


def waiting_for(event: threading.Event) -> Callable[[threading.Event], None]:
    """A worker's body that does not look at its stop flag."""

    def body(stop: threading.Event) -> None:
        event.wait(GENEROUS_S)

    return body


def test_a_worker_has_a_name_and_ends_when_asked() -> None:
    seen: list[str] = []

    def body(stop: threading.Event) -> None:
        seen.append(threading.current_thread().name)
        stop.wait(GENEROUS_S)

    worker = Worker("capture", body)
    worker.start()
    assert worker.alive
    worker.stop()
    assert worker.join(GENEROUS_S)
    assert seen == ["livebg-capture"]
    assert worker.error is None


def test_a_worker_keeps_the_error_that_ended_it_and_tells_of_its_end() -> None:
    error, ended = RuntimeError("broken"), threading.Event()

    def body(stop: threading.Event) -> None:
        raise error

    worker = Worker("process", body, on_end=ended.set)
    worker.start()
    assert ended.wait(GENEROUS_S)
    assert worker.join(GENEROUS_S)
    assert worker.error is error


def test_joining_a_busy_worker_gives_up_in_time(release: threading.Event) -> None:
    worker = Worker("hung", waiting_for(release))
    assert worker.join(0.0), "it was never started"
    worker.start()
    worker.stop()
    assert not worker.join(0.01)
    release.set()
    assert worker.join(GENEROUS_S)


def test_running_workers_are_known_by_name(release: threading.Event) -> None:
    busy = Worker("busy", waiting_for(release))
    over = Worker("over", lambda stop: None)
    busy.start()
    over.start()
    over.join(GENEROUS_S)
    assert "busy" in still_running()
    assert "over" not in still_running()
    release.set()
    busy.join(GENEROUS_S)
    assert "busy" not in still_running()


def test_a_task_keeps_what_its_work_returned(release: threading.Event) -> None:
    def work(stop: threading.Event) -> str:
        release.wait(GENEROUS_S)
        return threading.current_thread().name

    task = BackgroundTask("example", work)
    assert not task.done
    release.set()
    task.wait()
    assert task.done
    assert task.outcome() == "livebg-example"


def test_a_task_raises_what_its_work_raised() -> None:
    task = BackgroundTask("example", lambda stop: 1 / 0)
    task.wait()
    with pytest.raises(ZeroDivisionError):
        task.outcome()


def test_the_work_is_told_that_its_outcome_is_not_needed() -> None:
    task = BackgroundTask("example", lambda stop: stop.wait(GENEROUS_S))
    task.stop()
    task.wait()
    assert task.outcome() is True


def test_waits_double_up_to_the_longest_until_a_success() -> None:
    backoff = Backoff(ManualClock())
    assert [backoff.fail() for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.ready
    assert backoff.fail() == 0.5


def test_a_backoff_is_ready_at_first_and_again_after_the_wait() -> None:
    clock = ManualClock()
    backoff = Backoff(clock)
    assert backoff.ready
    backoff.fail()
    clock.advance(0.49)
    assert not backoff.ready
    clock.advance(0.01)
    assert backoff.ready
