"""A running Gemini API for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.emulator.gemini.serving import Serving


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
    one = Serving(tmp_path, step_s=0.05)
    await one.queue.start()
    yield one
    await one.queue.stop()
    one.store.close()


@pytest.fixture
async def waiting(tmp_path: Path) -> AsyncIterator[Serving]:
    """An API whose queue never starts: every job stays CREATING."""
    one = Serving(tmp_path)
    yield one
    one.store.close()
