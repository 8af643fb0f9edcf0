"""One server for the tests of the control API; each test is a project of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.control.exchanges import Controlled
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
