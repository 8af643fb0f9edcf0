"""The example's service and the front end before it."""

from __future__ import annotations

import pytest

from emulator.protocol.front import FrontEnd
from tests.emulator.protocol.library import Library


@pytest.fixture
def library() -> Library:
    """The service."""
    return Library()


@pytest.fixture
def front(library: Library) -> FrontEnd:
    """The front end before it."""
    return library.create_front()
