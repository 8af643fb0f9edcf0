"""A Gemini API behind a gRPC server for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from emulator.run.scripted import ScriptedTrainer
from tests.emulator.gemini.serving import Serving, TokenNames
from tests.emulator.grpc.wire import Wire, listening


@pytest.fixture
async def serving(tmp_path: Path) -> AsyncIterator[Serving]:
    """An API whose jobs end at once."""
    one = Serving(tmp_path)
    await one.queue.start()
    yield one
    await one.queue.stop()
    one.store.close()


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[Serving]:
    """An API whose jobs take a step each 50 ms."""
    one = Serving(tmp_path, trainer=ScriptedTrainer(0.05))
    await one.queue.start()
    yield one
    await one.queue.stop()
    one.store.close()


@pytest.fixture
async def wire(serving: Serving) -> AsyncIterator[Wire]:
    """A gRPC client of ``serving``."""
    async with listening([serving.api], TokenNames()) as one:
        yield one
