"""A running Vertex AI for each test, and one Cloud Storage for all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.vertex.serving import (
    PREFERENCES,
    REQUESTS,
    TRAINING,
    VALIDATION,
    Serving,
    format_examples,
    format_preferences,
    format_requests,
)
from tuning_emulator.storage.objects import HttpObjectStore
from tuning_emulator.testing.storage_server import StorageServer


@pytest.fixture(scope="session")
def storage_url() -> Iterator[str]:
    """Cloud Storage with a training, a validation and a preference dataset, and requests."""
    with StorageServer() as server:
        objects = HttpObjectStore(server.base_url)
        objects.write(TRAINING, format_examples(range(1, 16)))
        objects.write(VALIDATION, format_examples(range(20, 25)))
        objects.write(PREFERENCES, format_preferences(range(1, 9)))
        objects.write(REQUESTS, format_requests(range(1, 4)))
        yield server.base_url


@pytest.fixture
async def serving(storage_url: str) -> AsyncIterator[Serving]:
    """An API whose jobs end at once."""
    one = Serving(storage_url)
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def slow(storage_url: str) -> AsyncIterator[Serving]:
    """An API whose jobs take a step each 50 ms."""
    one = Serving(storage_url, scripted_step_s=0.05)
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def waiting(storage_url: str) -> AsyncIterator[Serving]:
    """An API whose queue never starts: every job stays PENDING."""
    one = Serving(storage_url)
    yield one
    await one.stop()
