"""What the tests of requests over REST share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.control.running import ServerState, open_world


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerState]:
    """An emulator in this process, for the requests of a client."""
    async with open_world(tmp_path) as opened:
        yield opened
