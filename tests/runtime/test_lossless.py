import threading

from livebg.runtime.lossless import LosslessQueue

PATIENCE_S = 10.0


def test_items_come_in_order_and_none_is_lost() -> None:
    queue: LosslessQueue[int] = LosslessQueue(3)

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
    queue: LosslessQueue[int] = LosslessQueue(2)
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
    full: LosslessQueue[int] = LosslessQueue(1)
    full.put(0)
    empty: LosslessQueue[int] = LosslessQueue(1)
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
    queue: LosslessQueue[int] = LosslessQueue(2)
    queue.put(7)
    queue.finish()
    assert not queue.put(8)
    assert (queue.get(), queue.get()) == (7, None)
    assert not queue.cancelled
