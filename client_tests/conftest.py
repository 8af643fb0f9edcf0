"""Runs the rows that were asked for, some at a time, and keeps their result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from client_tests.matrix import ROWS
from client_tests.results import RESULTS, write_results
from client_tests.row import Row
from client_tests.running import Outcome, Stage, run_row

WORKERS = 3
"""Programs at a time: more than cores, for they often wait for an operation."""
CALLS = pytest.StashKey[dict[str, int]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--record-clients``, ``--tuned-model``."""
    parser.addoption("--record-clients", action="store_true", help=f"write what rows came to into {RESULTS.name}")
    parser.addoption("--tuned-model", metavar="NAME", help="run the rows that tune alone, and let them tune this model")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``--tuned-model``, what a client tunes really is that model."""
    model = config.getoption("--tuned-model", default=None)
    if not model:
        return
    kept = []
    for item in items:
        row = _find_parameters(item).get("row")
        if isinstance(row, Row) and row.api != "storage" and "create" in row.steps:
            settings = {**row.settings, "trainer": "lora", "base_models": [model]}
            item.callspec.params["row"] = replace(row, settings=settings)  # type: ignore[attr-defined] # as it has one
            kept.append(item)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def pytest_configure(config: pytest.Config) -> None:
    """Opens the count of calls: by row, of those that passed."""
    config.stash[CALLS] = {}


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The emulators."""
    made = Stage(tmp_path_factory.mktemp("clients"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def find_outcome(request: pytest.FixtureRequest, stage: Stage) -> Iterator[Callable[[Row], Outcome]]:
    """Waits for what came of a row. All rows that were asked for are started in their order."""
    rows = (params.get("row") for params in map(_find_parameters, request.session.items))
    wanted = {row.name: row for row in rows if isinstance(row, Row)}  # other tests have rows of other kinds
    with ThreadPoolExecutor(WORKERS) as pool:
        runs: dict[str, Future[Outcome]] = {
            row.name: pool.submit(run_row, wanted[row.name], stage) for row in ROWS if row.name in wanted
        }
        yield lambda row: runs[row.name].result()
        pool.shutdown(cancel_futures=True)


def _find_parameters(item: pytest.Item) -> dict[str, Any]:
    return getattr(getattr(item, "callspec", None), "params", {})


@pytest.fixture
def keep_calls(request: pytest.FixtureRequest) -> Callable[[Row, int], None]:
    """Notes the calls of a row that passed."""
    return lambda row, calls: request.config.stash[CALLS].__setitem__(row.name, calls)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says how many calls the clients made, and writes them down where that was asked for."""
    calls = config.stash[CALLS]
    if not calls:
        return
    terminalreporter.write_line(f"clients: {len(calls)} of {len(ROWS)} programs passed, {sum(calls.values())} calls")
    if config.getoption("--record-clients", default=False):
        write_results(calls)
        terminalreporter.write_line(f"clients: wrote {RESULTS.name}; now: make docs")
