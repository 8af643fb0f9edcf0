"""The example's service and the front end before it, and how Hypothesis looks for examples."""

from __future__ import annotations

import os
import tempfile

import pytest
from hypothesis import HealthCheck, settings

from tests.rest.library import Library
from tuning_emulator.rest.app import RestApp

# How long an example takes says nothing on a busy machine. CI tries the same examples every time; else each run tries
# others, and remembers those that failed.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(autouse=True, scope="session")
def keep_temporary_files(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What an emulator keeps that no test ends goes with pytest's own folders."""
    tempfile.tempdir = str(tmp_path_factory.mktemp("temporary"))


@pytest.fixture
def library() -> Library:
    """The service."""
    return Library()


@pytest.fixture
def front(library: Library) -> RestApp:
    """The front end before it."""
    return library.create_rest()
