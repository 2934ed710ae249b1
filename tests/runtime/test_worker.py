import threading

from livebg.runtime.worker import Worker, still_running


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
