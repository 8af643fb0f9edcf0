"""What all tests share; marks say what a test costs. Without torch those of the trainer are not collected."""

from __future__ import annotations

import gc
import importlib.util
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch reads it when it is imported: the tests share small machines

# Half a second each in a process that has imported everything, every few dozen tests: full collections are made rarer.
gc.set_threshold(10_000, 10, 100)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell gives background jobs no Ctrl-C, and the programs that the tests interrupt would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["trainer/tests/*"]

ROOT = Path(__file__).parent
PROCESS = "process"
IMPLIED = ("lora", "wheel", "clients")
FOLDERS = ("client_tests", "examples")
"""Marks and folders of tests that start processes by what they are."""

_STARTS = frozenset(("subprocess.Popen", "os.fork", "os.posix_spawn"))
_running: list[pytest.Item] = []


@pytest.fixture(scope="session")
def process() -> None:
    """Asked for by fixtures that start a process: every test that uses one of them is marked ``process``."""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama directory, shared and never written to."""
    from tests.models import write_llama

    return write_llama(tmp_path_factory.mktemp("models") / "tiny")


def pytest_collection_finish() -> None:
    """What was imported stays: no collection need look at it."""
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Once; pytest and the interpreter do it half a dozen times at the end, and now find nothing to look at."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Marks what starts processes, by the fixtures that it uses and by what it is."""
    for item in items:
        if (
            PROCESS in getattr(item, "fixturenames", ())
            or item.path.relative_to(ROOT).parts[0] in FOLDERS
            or any(item.get_closest_marker(name) for name in IMPLIED)
        ):
            item.add_marker(PROCESS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    """Notes which test runs."""
    _running[:] = [item]
    try:
        return (yield)
    finally:
        _running.clear()


def _refuse_unmarked(event: str, _: tuple[object, ...]) -> None:
    """Fails a test that starts a process and does not say so: `make quick` promises that there is none."""
    if event in _STARTS and _running and _running[0].get_closest_marker(PROCESS) is None:
        pytest.fail(f"{event} in a test that is not marked `{PROCESS}`, and uses no fixture that asks for `{PROCESS}`")


sys.addaudithook(_refuse_unmarked)
