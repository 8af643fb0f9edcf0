"""The pytest plugin: ``tuning_emulator`` in a test's arguments is a running emulator.

One server a test session (a worker, under pytest-xdist) starts with the first test that asks for it. Each test gets a
project and an API key of its own, so tests see nothing of each other, in whatever order or number they run. Requests to
other projects are told of, and what they made is cleaned away too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # nothing of the emulator is loaded by test runs that do not use it
    from tuning_emulator.testing.fixtures import Servers, TestEmulator
    from tuning_emulator.testing.in_process import InProcess
    from tuning_emulator.testing.isolation import Neighbours
    from tuning_emulator.testing.marker import Options
    from tuning_emulator.testing.process import RunningEmulator
    from tuning_emulator.testing.snapshot import Snapshot

NAME = "tuning_emulator"
MARKER = (
    f"{NAME}(pace=…, scenario=…, faults=…, as_of=…, base_models=…, trainer=…): what the emulator is like when this "
    "test begins"
)
_ENTRIES = 20
_EMULATOR = pytest.StashKey["TestEmulator"]()
_NEIGHBOURS = pytest.StashKey["Neighbours"]()
_READ = pytest.StashKey[bool]()


class TuningEmulatorWarning(pytest.PytestWarning):
    """Something about a test's use of the emulator is not as it was meant."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """How the emulator is run."""
    group = parser.getgroup("tuning-emulator")
    group.addoption("--tuning-emulator-url", metavar="URL", help="use the emulator that runs there; start none")
    parser.addini(
        NAME, "settings of the emulator, `name = value` lines; trainer is scripted unless set", type="linelist"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker known."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture(scope="session")
def tuning_emulator_settings(pytestconfig: pytest.Config) -> dict[str, Any]:
    """The emulator's settings, those of the ini file; a conftest.py may have a fixture of that name that adds some."""
    return dict(read_settings(pytestconfig.getini(NAME)))


@pytest.fixture(scope="session")
def tuning_emulator_servers(pytestconfig: pytest.Config, tuning_emulator_settings: dict[str, Any]) -> Iterator[Servers]:
    """The servers of this session, each started when it is wanted; ``tuning_emulator`` is what tests want."""
    from tuning_emulator.settings import check_names
    from tuning_emulator.testing.fixtures import Servers

    try:
        check_names(tuning_emulator_settings)
    except TypeError as error:
        raise pytest.UsageError(f"settings of tuning_emulator: {error}") from error
    with Servers(tuning_emulator_settings, pytestconfig.getoption("--tuning-emulator-url") or "") as servers:
        yield servers


@pytest.fixture(scope="session")
def tuning_emulator_server(tuning_emulator_servers: Servers) -> RunningEmulator:
    """The server of this session, for fixtures of a wider scope than a test."""
    return tuning_emulator_servers.find()


@pytest.fixture
def tuning_emulator(
    tuning_emulator_servers: Servers,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[TestEmulator]:
    """An emulator that looks empty to this test, with the environment set so that SDKs find it."""
    from tuning_emulator.testing.fixtures import make_test_emulator, prepare

    item = request.node
    with _usage_errors(item):
        options = _read_options(item)
        running = tuning_emulator_servers.find(options.choose_trainer())
    made = make_test_emulator(running, item.name, tmp_path_factory.mktemp("tuning-emulator", numbered=True))
    _set_environment(made, monkeypatch)
    neighbours = tuning_emulator_servers.find_neighbours(running)
    if neighbours is not None:
        neighbours.begin()
        item.stash[_NEIGHBOURS] = neighbours
    item.stash[_EMULATOR] = made
    try:
        with _usage_errors(item):
            prepare(made, options, shared=tuning_emulator_servers.shared)
        yield made
    finally:
        made.clean()
        if options.base_models is not None and not tuning_emulator_servers.shared:
            made.base_models.clear()
        if neighbours is not None:
            _clean_elsewhere(item, made, neighbours)


@pytest.fixture
def tuning_emulator_snapshot(
    tuning_emulator: TestEmulator,
    tuning_emulator_servers: Servers,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Snapshot]:
    """Saves what the emulator holds to a file, and loads such a file for the rest of a test."""
    from tuning_emulator.testing.snapshot import Snapshot

    def enter(project: str) -> None:
        tuning_emulator.enter(project)
        _set_environment(tuning_emulator, monkeypatch)

    directory = tmp_path_factory.mktemp("tuning-emulator", numbered=True)
    snapshot = Snapshot(tuning_emulator, enter, directory, shared=tuning_emulator_servers.shared)
    try:
        yield snapshot
    finally:
        snapshot.put_back()


@pytest.fixture
def tuning_emulator_in_process(request: pytest.FixtureRequest) -> Iterator[InProcess]:
    """An emulator inside this process, for httpx clients; needs the ``testing`` extra."""
    from tuning_emulator.testing.fixtures import DEFAULT_TRAINER, prepare
    from tuning_emulator.testing.in_process import in_process

    with _usage_errors(request.node):
        options = _read_options(request.node)
    with in_process(trainer=options.choose_trainer() or DEFAULT_TRAINER) as running:
        with _usage_errors(request.node):
            prepare(running.control, options)
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds what the emulator was asked to the report of a failing test, and what was asked of other projects to any.

    A mistake in a marker is told in a line: nothing in a traceback helps with it.
    """
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, pytest.UsageError) and item.stash.get(_READ, False):
        report.longrepr = str(call.excinfo.value)
    made = item.stash.get(_EMULATOR, None)
    if report.when == "call" and made is not None:
        if report.failed:
            report.sections.append(("tuning-emulator journal", made.format_journal(_ENTRIES)))
        neighbours = item.stash.get(_NEIGHBOURS, None)
        if neighbours is not None and (said := neighbours.report(made.projects)):
            report.sections.append(("tuning-emulator: requests to other projects", said))
    return report


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Says so where a test's own marker did nothing, because no fixture has read it."""
    if not item.stash.get(_READ, False) and any(one.name == NAME for one in item.own_markers):
        item.warn(
            TuningEmulatorWarning(
                f"@pytest.mark.{NAME} does nothing here: the test uses none of the fixtures tuning_emulator and "
                "tuning_emulator_in_process"
            )
        )


def _read_options(item: pytest.Item) -> Options:
    """What the markers of a test ask for, those of its class and module too."""
    from tuning_emulator.testing.marker import read_options

    item.stash[_READ] = True
    return read_options([(one.args, one.kwargs) for one in reversed(list(item.iter_markers(NAME)))])


@contextmanager
def _usage_errors(item: pytest.Item) -> Iterator[None]:
    """A wrong marker is a mistake of whoever wrote the test, and says which test."""
    from tuning_emulator.testing.marker import MarkerError

    try:
        yield
    except MarkerError as error:
        raise pytest.UsageError(f"@pytest.mark.{NAME} of {item.nodeid}: {error}") from None


def _set_environment(made: TestEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in made.environment.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)


def _clean_elsewhere(item: pytest.Item, made: TestEmulator, neighbours: Neighbours) -> None:
    found = neighbours.find(made.projects)
    neighbours.clean(found)
    neighbours.end()
    if found:
        item.warn(
            TuningEmulatorWarning(
                f"{item.nodeid} asked other projects than its own, {made.project}; clients get theirs from "
                "tuning_emulator.project and .api_key, or from the variables that it sets\n"
                + neighbours.describe(found)
            )
        )


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
