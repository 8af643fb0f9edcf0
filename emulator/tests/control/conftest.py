"""Servers for the tests of the control API: one process for all, each test a project of it; or one in this process."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.control.exchanges import Controlled
from tests.control.running import ServerState, open_world
from tests.server_process import running_server

_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def server_url(process: None) -> Iterator[str]:
    with running_server("--trainer", "scripted") as running:
        yield running.url


@pytest.fixture
def controlled(server_url: str) -> Iterator[Controlled]:
    made = Controlled(server_url, f"test-{next(_numbers)}")
    with made.http:
        yield made
        made.http.delete("/emulator/v1/faults", params={"project": made.project})


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerState]:
    """An emulator in this process; beside its directory is room for others."""
    (tmp_path / "one").mkdir()
    async with open_world(tmp_path / "one") as opened:
        yield opened
