"""The contract fixture, and the count of what was reproduced."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator

import pytest

from contract_tests.contract import Contract
from contract_tests.exchange import Recording, list_recordings
from contract_tests.ledger import Ledger, print_count
from contract_tests.targets import NAMES

collect_ignore = ["test_discovery.py", "test_rpcs.py", "test_schema.py"]
"""Run in an environment of its own by test_published_schema.py."""

LEDGER = pytest.StashKey[Ledger]()
CONTRACT = pytest.StashKey[Contract]()
RECORDED = {one.name: one for one in list_recordings()}


@pytest.fixture(scope="session")
def recordings() -> dict[str, Recording]:
    """Every recorded exchange by name."""
    return RECORDED


@pytest.fixture(params=NAMES)
async def contract(request: pytest.FixtureRequest) -> AsyncIterator[Contract]:
    """One target; the same test runs on each."""
    one = Contract(request.param, RECORDED, request.node)
    request.node.stash[CONTRACT] = one
    yield one
    await one.close()


def pytest_configure(config: pytest.Config) -> None:
    """Opens the ledger."""
    config.stash[LEDGER] = Ledger()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Writes down what a test played on the emulator."""
    report = yield
    contract = item.stash.get(CONTRACT, None)
    if report.when == "call" and contract is not None and contract.name == "emulator":
        item.config.stash[LEDGER].write(contract.played, report.passed)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the count."""
    ledger = config.stash[LEDGER]
    if ledger.outcomes:
        terminalreporter.section("recorded exchanges, reproduced by the emulator")
        for line in print_count(ledger, RECORDED):
            terminalreporter.write_line(line)
