"""Many clients for a long time: no error, every job ends, and memory stays flat.

Clients create jobs evenly over the whole time, wait for them, read, list, ask and delete; most over REST with
keep-alive, some over gRPC. What is stored lies in a data directory: memory is to depend on neither jobs nor requests.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.processes import read_stat
from campaigns import CampaignError
from campaigns.load_client import Client, GrpcClient, RestClient
from campaigns.walker import DATASET_BUCKET, LINES
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import RunningEmulator, start_emulator

PROJECTS = 16
GRPC_ONE_IN = 16
LONGEST_THOUGHT_S = 1.0
"""Between two requests of a client."""

GROWTH = 1.05
"""How much more memory the server may use at its end than after the warm-up."""

WARM_SHARE = 0.35
"""Of the time: until then caches, the journal and the database's pages fill."""

SHORTEST_FLAT_S = 120.0
"""Shorter runs say nothing about memory."""

SAMPLE_S = 1.0


@dataclass
class Found:
    """What has been measured. ``memory_mib``: (time since the start, proportional set size) of the server."""

    latencies_s: list[float] = field(default_factory=list)
    memory_mib: list[tuple[float, float]] = field(default_factory=list)
    elapsed_s: float = 0.0
    server_cpu_s: float = 0.0
    jobs: int = 0
    deleted: int = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much."""
    parser.add_argument("--clients", type=int, default=256)
    parser.add_argument("--jobs", type=int, default=10_000, help="in total, evenly over the time")
    parser.add_argument("--minutes", type=float, default=10.0, help="unless --for is shorter")


def run(options: argparse.Namespace) -> str:
    """See ``campaigns``."""
    duration_s = min(options.minutes * 60, options.for_s or float("inf"))
    jobs = max(options.clients, round(options.jobs * duration_s / (options.minutes * 60)))
    allow_open_files(4 * options.clients + 100)
    with tempfile.TemporaryDirectory(prefix="campaign-load-") as name:
        folder = Path(name)
        (folder / "numbers").mkdir()
        (folder / "numbers" / "train.jsonl").write_text(LINES, "utf-8")
        settings = {"jobs_per_project": 64, "buckets": {DATASET_BUCKET: folder / "numbers"}}
        with start_emulator(trainer="scripted", data_dir=folder / "data", **settings) as running:
            found = asyncio.run(press(running, options.clients, jobs, duration_s, options.seed))
            check_ends(running, found)
            assert running.log is not None
            check_log(running.log.read_text("utf-8", errors="replace"))
    return describe(found, options.clients)


async def press(running: RunningEmulator, clients: int, jobs: int, duration_s: float, seed: int) -> Found:
    """Lets the clients work.

    Raises:
        CampaignError: an answer is an error.
    """
    found, began, cpu_s = Found(), time.monotonic(), read_stat(running.pid)[1]
    watching = asyncio.create_task(watch(running.pid, found, began))
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(clients):
                make = GrpcClient if number % GRPC_ONE_IN == GRPC_ONE_IN - 1 else RestClient
                client = make(running.url, f"load-{number % PROJECTS}", number, found.latencies_s)
                share = jobs // clients + (number < jobs % clients)
                moments = [began + duration_s * (index + number / clients) / share for index in range(share)]
                group.create_task(work(client, moments, began + duration_s, random.Random(seed + number), found))
    except* CampaignError as faults:
        raise faults.exceptions[0] from None
    finally:
        watching.cancel()
    found.elapsed_s, found.server_cpu_s = time.monotonic() - began, read_stat(running.pid)[1] - cpu_s
    return found


async def work(client: Client, moments: list[float], until: float, chosen: random.Random, found: Found) -> None:
    """One client: a job at each moment, and between them it looks around."""
    waiting = list(moments)
    async with client:
        while waiting or time.monotonic() < until:
            if waiting and time.monotonic() >= waiting[0]:
                waiting.pop(0)
                name = await client.create(chosen.randrange(2, 5))
                found.jobs += 1
                while not await client.has_succeeded(name):  # noqa: ASYNC110 it is another process's
                    await asyncio.sleep(chosen.random() * 0.2)
                deleted = await client.use(name, delete=chosen.random() < 0.5)
                found.deleted += deleted
            else:
                look: Callable[[], Awaitable[None]] = client.look
                await look()
                await asyncio.sleep(chosen.random() * LONGEST_THOUGHT_S)


async def watch(pid: int, found: Found, began: float) -> None:
    """Notes the server's memory for ever."""
    while True:
        found.memory_mib.append((time.monotonic() - began, read_proportional_mib(pid)))
        await asyncio.sleep(SAMPLE_S)


def read_proportional_mib(pid: int) -> float:
    """Memory of a process, what it shares counted in part (PSS)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise CampaignError(f"/proc/{pid}/smaps_rollup has no Pss")


def allow_open_files(number: int) -> None:
    """Raises the limit of this process, and of those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(number, hard), hard))


def check_ends(running: RunningEmulator, found: Found) -> None:
    """Every job is there that was created and not deleted, and has succeeded.

    Raises:
        CampaignError: one is lost, too many, or has ended otherwise.
    """
    states = [one["state"] for one in Control(running.url, timeout_s=120).jobs.list()]
    wanted = found.jobs - found.deleted
    if states != ["SUCCEEDED"] * wanted:
        raise CampaignError(f"{len(states)} jobs are there, should be {wanted}; states: {sorted({*states})}")


def check_log(text: str) -> None:
    """Nothing went wrong inside.

    Raises:
        CampaignError: the server has logged an error or a traceback.
    """
    wrong = [line for line in text.splitlines() if line.startswith(("ERROR", "CRITICAL", "Traceback"))]
    if wrong:
        raise CampaignError(f"the server's log has {len(wrong)} errors: {wrong[0]}")


def describe(found: Found, clients: int) -> str:
    """The line of figures.

    Raises:
        CampaignError: memory is not flat.
    """
    latencies, duration_s = sorted(found.latencies_s), found.elapsed_s
    p50, p99 = (1000 * latencies[int(len(latencies) * share)] for share in (0.5, 0.99))
    warm = [mib for at, mib in found.memory_mib if at >= WARM_SHARE * duration_s]
    first, last = warm[: max(1, len(warm) // 10)], warm[-max(1, len(warm) // 10) :]
    before, after = sum(first) / len(first), sum(last) / len(last)
    said = f"{before:.0f} MiB after the warm-up, {after:.0f} MiB at the end, {max(warm):.0f} at most"
    if duration_s >= SHORTEST_FLAT_S and after > GROWTH * before:
        raise CampaignError(f"memory grows: {said}")
    return (
        f"{clients} clients, {duration_s / 60:.1f} min, {found.jobs} jobs, {len(latencies)} requests, 0 errors; "
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {len(latencies) / duration_s:.0f} requests/s, "
        f"{1000 * found.server_cpu_s / len(latencies):.2f} ms of the server's CPU each; server {said}"
    )
