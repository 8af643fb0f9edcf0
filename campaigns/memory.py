"""Too little memory for the lora trainer: allocations that fail, and processes that are killed again and again."""

from __future__ import annotations

import os
import resource
import signal
import time
from typing import Any

import psutil  # type: ignore[import-untyped]

from campaigns import CampaignError
from campaigns.connection import Connection
from campaigns.walker import make_model
from tuning_emulator.jobs.trainer import ATTEMPTS
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import RunningEmulator, start_emulator

EPOCHS = 30
END_S = 600.0
"""How long one job may take: a bound against hanging, not a claim about speed."""

SPARE_BYTES = 1 << 20
ROWS, LONG_TEXT = 32, "one two three " * 60


def starve_trainers(rounds: int) -> int:
    """Each round: a job without memory, one that is killed too often, one that is let live. Answers how many jobs.

    Raises:
        CampaignError: one ends otherwise than it has to.
    """
    with start_emulator(trainer="lora") as running:
        _tune(running, "SUCCEEDED")  # and the worker is there
        for _ in range(rounds):
            _tune_without_memory(running)
            _tune_and_kill(running)
            _tune(running, "SUCCEEDED")
    return 3 * rounds + 1


def _create(running: RunningEmulator, body: dict[str, Any]) -> str:
    ask = Connection(running.url)
    told = ask("POST", "/v1beta/tunedModels", body, {"x-goog-api-key": "key"}).json
    ask.close()
    return str(told["metadata"]["tunedModel"])


def make_large_model() -> dict[str, Any]:
    """The body of a job whose one step needs far more than what a worker may have left over."""
    body = make_model("large", 1)
    rows = [{"textInput": LONG_TEXT, "output": LONG_TEXT}] * ROWS
    body["tuningTask"] = {"hyperparameters": {"epochCount": 1, "batchSize": ROWS}}
    body["tuningTask"]["trainingData"] = {"examples": {"examples": rows}}
    return body


def _tune(running: RunningEmulator, state: str, name: str = "") -> dict[str, Any]:
    name = name or _create(running, make_model("memory", EPOCHS))
    job: dict[str, Any] = Control(running.url, timeout_s=120).jobs.wait(name, END_S)
    if job["state"] != state:
        raise CampaignError(f"a job has ended as {job['state']}, not {state}: {job['error']!r}")
    return job


def _tune_without_memory(running: RunningEmulator) -> None:
    """The job's process, a copy of the worker, has what the worker has, and nearly no more."""
    worker = _find_worker(running)
    before = resource.prlimit(worker.pid, resource.RLIMIT_AS)
    resource.prlimit(worker.pid, resource.RLIMIT_AS, (worker.memory_info().vms + SPARE_BYTES, before[1]))
    try:
        _check(_tune(running, "FAILED", _create(running, make_large_model())))
    finally:
        resource.prlimit(worker.pid, resource.RLIMIT_AS, before)


def _tune_and_kill(running: RunningEmulator) -> None:
    """As a kernel without memory does, each time that the job is resumed."""
    worker, killed, limit = _find_worker(running), set[int](), time.monotonic() + END_S
    psutil.wait_procs(worker.children(), END_S)  # the job before may not have left yet
    name = _create(running, make_model("memory", EPOCHS))
    while len(killed) < ATTEMPTS:
        for child in worker.children():
            if child.pid not in killed and child.status() != psutil.STATUS_ZOMBIE:
                os.kill(child.pid, signal.SIGKILL)
                killed.add(child.pid)
        if time.monotonic() > limit:
            raise CampaignError(f"a job that was killed {len(killed)} times was not resumed within {END_S:.0f} s")
        time.sleep(0.005)
    _check(_tune(running, "FAILED", name))


def _check(job: dict[str, Any]) -> None:
    error = job["error"]
    if not error.startswith("tuning-emulator: ") or "memory" not in error or "jobs-per-project" not in error:
        raise CampaignError(f"a job without memory has ended with {error!r}")


def _find_worker(running: RunningEmulator) -> psutil.Process:
    (worker,) = psutil.Process(running.pid).children()
    return worker
