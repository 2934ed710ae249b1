"""livebg on a real kernel, between a webcam and apps, with both versions of v4l2loopback."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.system.footage import shows_poster
from tests.system.studio import VERSIONS, VIRTUAL_CAMERA, WEBCAM, Studio
from tests.system.vm.machine import Job

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module", params=VERSIONS)
def loopback(request: pytest.FixtureRequest, studio: Studio) -> Iterator[str]:
    """The version of v4l2loopback; the webcam plays the footage."""
    studio.load_loopback(request.param)
    studio.feed_webcam()
    yield request.param
    studio.machine.stop_jobs()
    studio.machine.run("rmmod v4l2loopback")


@pytest.fixture(scope="module")
def livebg(studio: Studio, loopback: str) -> Job:
    """livebg between the two cameras; it runs through all tests of a version."""
    return studio.start_livebg()


def test_an_app_sees_the_person_before_the_new_background(studio: Studio, livebg: Job) -> None:
    with studio.read() as app:
        app.wait_until_live(10)
    assert not any(map(shows_poster, app.pictures()))


def test_the_webcam_is_open_only_while_an_app_reads(studio: Studio, livebg: Job) -> None:
    studio.wait_until_free(WEBCAM, timeout_s=60)
    with studio.read() as app:
        app.wait_until_live()
        assert any("python" in name for name in studio.users(WEBCAM))
    assert not any(map(shows_poster, app.pictures()))
    studio.wait_until_free(WEBCAM, timeout_s=60)


def test_a_program_may_look_at_the_camera_again_and_again(studio: Studio, livebg: Job) -> None:
    studio.machine.run(
        f"for time in $(seq 20); do v4l2-ctl -d {VIRTUAL_CAMERA} --all --list-formats-ext; done",
        timeout_s=120,
    )
    studio.machine.run(
        "for time in $(seq 5); do"
        f" v4l2-ctl -d {VIRTUAL_CAMERA} --stream-mmap --stream-count=2; done",
        timeout_s=120,
    )
    studio.wait_until_free(WEBCAM, timeout_s=60)
    with studio.read() as app:
        app.wait_until_live(3)
    assert not any(map(shows_poster, app.pictures()))
    studio.wait_until_free(WEBCAM, timeout_s=60)


@pytest.mark.parametrize("loopback", ["0.15"], indirect=True)
def test_chromium_shows_the_camera_on_a_page(studio: Studio, livebg: Job) -> None:
    with studio.browse() as app:
        app.wait_until_live(5)
    assert not any(map(shows_poster, app.pictures()))


def test_it_works_again_after_it_was_killed(studio: Studio, livebg: Job) -> None:
    with studio.read() as app:
        app.wait_until_live()
        livebg.stop(signal.SIGKILL)
        again = studio.start_livebg()
    with studio.read() as another:
        another.wait_until_live(3)
    assert not any(map(shows_poster, app.pictures() + another.pictures()))
    assert again.stop() == 0
