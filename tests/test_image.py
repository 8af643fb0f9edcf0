"""The image that the Dockerfile describes is built and run without an engine, as `make images` does."""

from __future__ import annotations

import pytest

from scripts.image_run import ImageError
from scripts.images import Report, find_obstacle, make

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(process: None) -> Report:
    """Of the image without torch. buildah and a registry are needed, which is said where they are missing."""
    if obstacle := find_obstacle():
        pytest.skip(f"{obstacle}; `make images` installs what is missing")
    try:
        return make("server")
    except ImageError as error:
        if error.unreached:
            pytest.skip(str(error))
        raise


def test_the_image_serves_and_tunes_as_nobody_special(report: Report) -> None:
    """It answers on the port that it exposes, is healthy by its own check, and ends a job."""
    seen = report.seen
    assert (seen.check, seen.trainer, seen.state, seen.answer) == (0, "scripted", "ACTIVE", "8")
    assert seen.uid == 10001


def test_the_image_stops_when_told(report: Report) -> None:
    """SIGTERM, as `docker stop` sends it, is enough, well before its ten seconds."""
    assert report.seen.stopped == 0


def test_the_image_is_read_only(report: Report) -> None:
    """It ran with a root that cannot be written to; it owns nothing of what it runs, and finds it compiled."""
    assert (report.seen.owned, report.seen.uncompiled) == ([], [])


def test_the_image_without_torch_is_light(report: Report) -> None:
    """What it adds to the official Python image."""
    assert report.own_bytes < 150_000_000
