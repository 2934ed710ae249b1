from __future__ import annotations

import threading

import pytest

from livebg.clock import ManualClock
from livebg.threads import BackgroundTask, Backoff, BoundedQueue, Mailbox, Worker, still_running
from tests.support.fakes import GENEROUS_S


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


PATIENCE_S = 10.0


def test_items_come_in_order_and_none_is_lost() -> None:
    queue: BoundedQueue[int] = BoundedQueue(3)

    def produce() -> None:
        for number in range(500):
            assert queue.put(number)
        queue.finish()

    producer = threading.Thread(target=produce)
    producer.start()
    taken = []
    while (number := queue.get()) is not None:
        taken.append(number)
    producer.join(PATIENCE_S)
    assert taken == list(range(500))


def test_putting_waits_for_room() -> None:
    queue: BoundedQueue[int] = BoundedQueue(2)
    assert queue.put(0)
    assert queue.put(1)
    done = threading.Event()

    def put_third() -> None:
        queue.put(2)
        done.set()

    producer = threading.Thread(target=put_third)
    producer.start()
    assert not done.is_set()
    assert queue.get() == 0
    assert done.wait(PATIENCE_S)
    producer.join(PATIENCE_S)
    assert (queue.get(), queue.get()) == (1, 2)


def test_cancel_wakes_both_sides_and_throws_items_away() -> None:
    full: BoundedQueue[int] = BoundedQueue(1)
    full.put(0)
    empty: BoundedQueue[int] = BoundedQueue(1)
    results: list[object] = []
    threads = [
        threading.Thread(target=lambda: results.append(full.put(1))),
        threading.Thread(target=lambda: results.append(empty.get())),
    ]
    for thread in threads:
        thread.start()
    full.cancel()
    empty.cancel()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert sorted(map(repr, results)) == ["False", "None"]
    assert full.get() is None
    assert full.cancelled


def test_a_finished_queue_gives_what_it_holds_and_takes_nothing() -> None:
    queue: BoundedQueue[int] = BoundedQueue(2)
    queue.put(7)
    queue.finish()
    assert not queue.put(8)
    assert (queue.get(), queue.get()) == (7, None)
    assert not queue.cancelled


def test_its_thread_is_named_and_ends_when_asked() -> None:
    seen: list[str] = []

    def body(stop: threading.Event) -> None:
        seen.append(threading.current_thread().name)
        stop.wait(30.0)

    worker = Worker("capture", body)
    worker.start()
    assert worker.alive
    worker.stop()
    assert worker.join(5.0)
    assert seen == ["livebg-capture"]
    assert worker.error is None


def test_it_keeps_the_error_that_ended_it() -> None:
    error = RuntimeError("broken")

    def body(stop: threading.Event) -> None:
        raise error

    worker = Worker("process", body)
    worker.start()
    assert worker.join(5.0)
    assert worker.error is error


def test_it_says_when_it_ended_even_after_an_error() -> None:
    ended = threading.Event()

    def body(stop: threading.Event) -> None:
        raise RuntimeError("broken")

    worker = Worker("process", body, on_end=ended.set)
    worker.start()
    assert ended.wait(5.0)
    assert worker.join(5.0)


def test_joining_a_busy_worker_gives_up_in_time() -> None:
    release = threading.Event()

    def body(stop: threading.Event) -> None:
        release.wait(30.0)

    worker = Worker("hung", body)
    worker.start()
    worker.stop()
    assert not worker.join(0.01)
    release.set()
    assert worker.join(5.0)


def test_a_worker_that_was_never_started_is_done() -> None:
    assert Worker("idle", lambda stop: None).join(0.0)


def test_those_that_still_run_are_known_by_name() -> None:
    release = threading.Event()

    def body(stop: threading.Event) -> None:
        release.wait(5.0)

    busy, over = Worker("busy", body), Worker("over", lambda stop: None)
    busy.start()
    over.start()
    over.join(5.0)
    assert "busy" in still_running()
    assert "over" not in still_running()
    release.set()
    busy.join(5.0)
    assert "busy" not in still_running()


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(ManualClock())
    assert [backoff.fail() for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_it_is_ready_at_first_and_again_after_the_wait() -> None:
    clock = ManualClock()
    backoff = Backoff(clock)
    assert backoff.ready
    backoff.fail()
    clock.advance(0.49)
    assert not backoff.ready
    clock.advance(0.01)
    assert backoff.ready


def test_success_forgets_the_failures() -> None:
    backoff = Backoff(ManualClock())
    backoff.fail()
    backoff.fail()
    backoff.reset()
    assert backoff.ready
    assert backoff.fail() == 0.5


def test_it_runs_beside_and_keeps_what_came_of_it() -> None:
    release = threading.Event()

    def work(stop: threading.Event) -> str:
        release.wait(GENEROUS_S)
        return threading.current_thread().name

    task = BackgroundTask("example", work)
    assert not task.done
    release.set()
    task.wait()
    assert task.done
    assert task.outcome() == "livebg-example"


def test_what_it_raised_is_raised_to_whoever_asks() -> None:
    def work(stop: threading.Event) -> None:
        raise ValueError("broken")

    task = BackgroundTask("example", work)
    task.wait()
    with pytest.raises(ValueError, match="broken"):
        task.outcome()


def test_the_work_can_see_that_nobody_wants_it_any_more() -> None:
    task = BackgroundTask("example", lambda stop: stop.wait(GENEROUS_S))
    task.stop()
    task.wait()
    assert task.outcome() is True
