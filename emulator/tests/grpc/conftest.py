"""A Gemini API behind a gRPC server for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.gemini.serving import Serving, TokenNames, running_api
from tests.grpc.wire import Wire, listening


@pytest.fixture
async def serving() -> AsyncIterator[Serving]:
    """An API whose jobs end at once."""
    async with running_api() as one:
        yield one


@pytest.fixture
async def slow() -> AsyncIterator[Serving]:
    """An API whose jobs take a step each 50 ms."""
    async with running_api(scripted_step_s=0.05) as one:
        yield one


@pytest.fixture
async def wire(serving: Serving) -> AsyncIterator[Wire]:
    """A gRPC client of ``serving``."""
    async with listening([serving.api], TokenNames()) as one:
        yield one
