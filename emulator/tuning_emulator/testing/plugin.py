"""The pytest plugin: ``tuning_emulator`` in a test's arguments is a running emulator.

One server a test session (a worker, under pytest-xdist) starts with the first test that asks for it. Each test gets a
project and an API key of its own, so tests see nothing of each other, in whatever order or number they run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # nothing of the emulator is loaded by test runs that do not use it
    from tuning_emulator.testing.fixtures import TestEmulator
    from tuning_emulator.testing.in_process import InProcess
    from tuning_emulator.testing.process import RunningEmulator

MARKER = "tuning_emulator(pace=None, scenario=None): how fast jobs of this test go, and what is there when it begins"
_ENTRIES = 20
_KEY = pytest.StashKey["TestEmulator"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """How the emulator is run."""
    group = parser.getgroup("tuning-emulator")
    group.addoption("--tuning-emulator-url", metavar="URL", help="use the emulator that runs there; start none")
    parser.addini("tuning_emulator", "settings of the emulator, `name = value` lines", type="linelist")


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker known."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture(scope="session")
def tuning_emulator_server(pytestconfig: pytest.Config) -> Iterator[RunningEmulator]:
    """The server of this session; ``tuning_emulator`` is what tests want."""
    from tuning_emulator.testing.fixtures import use_emulator
    from tuning_emulator.testing.process import start_emulator

    url = pytestconfig.getoption("--tuning-emulator-url")
    if url:
        yield use_emulator(url)
        return
    with start_emulator(**read_settings(pytestconfig.getini("tuning_emulator"))) as running:
        yield running


@pytest.fixture
def tuning_emulator(
    tuning_emulator_server: RunningEmulator,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[TestEmulator]:
    """An emulator that looks empty to this test, with the environment set so that SDKs find it."""
    from tuning_emulator.testing.fixtures import make_test_emulator, prepare

    directory = tmp_path_factory.mktemp("tuning-emulator", numbered=True)
    made = make_test_emulator(tuning_emulator_server, request.node.name, directory)
    for name, value in made.environment.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    marker = request.node.get_closest_marker("tuning_emulator")
    if marker is not None:
        prepare(made, **marker.kwargs)
    request.node.stash[_KEY] = made
    yield made
    made.clean()


@pytest.fixture
def tuning_emulator_in_process(request: pytest.FixtureRequest) -> Iterator[InProcess]:
    """An emulator inside this process, for httpx clients; needs the ``testing`` extra."""
    from tuning_emulator.testing.fixtures import prepare
    from tuning_emulator.testing.in_process import in_process

    marker = request.node.get_closest_marker("tuning_emulator")
    with in_process() as running:
        if marker is not None:
            prepare(running.control, **marker.kwargs)
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds what the emulator was asked to the report of a failing test."""
    report = yield
    made = item.stash.get(_KEY, None)
    if report.when == "call" and report.failed and made is not None:
        report.sections.append(("tuning-emulator journal", made.format_journal(_ENTRIES)))
    return report


def read_settings(lines: list[str]) -> dict[str, str]:
    """``name = value`` lines as settings.

    Raises:
        pytest.UsageError: a line is something else.
    """
    settings = {}
    for line in lines:
        match = re.fullmatch(r"\s*(\w+)\s*=\s*(.*?)\s*", line)
        if match is None:
            raise pytest.UsageError(f"tuning_emulator: {json.dumps(line)} is not `name = value`")
        settings[match[1]] = match[2]
    return settings
