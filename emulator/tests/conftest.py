"""The example's service and the front end before it."""

from __future__ import annotations

import pytest

from tests.rest.library import Library
from tuning_emulator.rest.app import RestApp


@pytest.fixture
def library() -> Library:
    """The service."""
    return Library()


@pytest.fixture
def front(library: Library) -> RestApp:
    """The front end before it."""
    return library.create_rest()
