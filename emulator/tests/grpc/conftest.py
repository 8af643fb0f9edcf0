"""What answers over gRPC for each test: a Gemini API, a library service, the whole emulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gemini.serving import Serving, TokenNames, running_api
from tests.grpc.patient_library import PatientLibrary, Watcher
from tests.grpc.wire import Wire, listening
from tuning_emulator.api.auth import create_authenticator
from tuning_emulator.app import Emulator, create_app
from tuning_emulator.settings import Settings


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


@pytest.fixture
def library() -> PatientLibrary:
    """The service."""
    return PatientLibrary()


@pytest.fixture
def watcher() -> Watcher:
    """Who sees the exchanges."""
    return Watcher()


@pytest.fixture
async def server(library: PatientLibrary, watcher: Watcher) -> AsyncIterator[Wire]:
    """The service at a port."""
    async with listening([library.create_api()], create_authenticator(), watcher) as one:
        yield one


@pytest.fixture
async def emulator(tmp_path: Path) -> AsyncIterator[Emulator]:
    """Both APIs, and all else that is served at the emulator's own address."""
    app = create_app(Settings(data_dir=tmp_path, trainer="scripted", storage="cloud"))
    await app.start()
    yield app
    await app.stop()
