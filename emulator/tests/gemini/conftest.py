"""A running Gemini API for each test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn

from tests.gemini.serving import Serving, running_api
from tests.models import PAIRS
from tuning_emulator.server import listen


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
async def waiting() -> AsyncIterator[Serving]:
    """An API whose queue never starts: every job stays CREATING."""
    one = Serving()
    yield one
    await one.stop()


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """Base URL of an API on a socket, with the documented examples as its default data set."""
    lines = [f'{{"text_input": "{text_input}", "output": "{output}"}}' for text_input, output in PAIRS]
    file = tmp_path / "pairs.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    listener = listen("127.0.0.1", 0)
    async with running_api(default_dataset=file) as serving:
        server = uvicorn.Server(uvicorn.Config(serving.app, lifespan="off", log_config=None))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await running
