"""Cloud Storage: two clients against a model, servers killed under them, requests at random over both transports."""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from campaigns import CampaignError, Deadline
from campaigns.connection import Connection, CutError
from tests.grpc.wire import listening
from tests.storage.asking import BUCKET, open_storage
from tests.storage.fuzzing import fuzz_grpc, fuzz_http
from tests.storage.model import SIZES, Model, walk_in_process
from tuning_emulator.api.auth import OpenAuthenticator
from tuning_emulator.storage.embedded import EmbeddedStorage
from tuning_emulator.testing.process import RunningEmulator, start_emulator

WALK_STEPS, FUZZ_REQUESTS = 1000, 500
"""Of one round in this process: between two of them the deadline is looked at."""


def walk_with_kills(kills: int, seed: int, longest_s: float = 1.0) -> Counter[str]:
    """Kills a server at random moments while each of two buckets is used, begins it again and compares.

    Returns:
        What had become of the requests that were under way, see ``Model.settle``, and ``steps`` that were answered.

    Raises:
        AssertionError: what is there is neither the old state nor the new one, or an answer is not the model's.
    """
    chosen = random.Random(seed)
    models = {name: Model(random.Random(chosen.random()), (*SIZES, 300_000)) for name in (BUCKET, "other-bucket")}
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(kills + 1):
            with start_emulator(trainer="scripted", data_dir=folder) as running:
                asks = {name: Connection(running.url, name) for name in models}
                for name, model in models.items():
                    if number:
                        found[model.settle(asks[name])] += 1
                    else:
                        body = {"name": name, "softDeletePolicy": {"retentionDurationSeconds": 0}}
                        assert asks[name]("POST", "/storage/v1/b?project=p", body).status == 200
                if number < kills:
                    _walk_until_killed(running, [(models[name], ask) for name, ask in asks.items()], chosen, longest_s)
    return found + Counter(steps=sum(one.steps for one in models.values()))


def _walk_until_killed(
    running: RunningEmulator, walkers: list[tuple[Model, Connection]], chosen: random.Random, longest_s: float
) -> None:
    killed = threading.Event()

    def kill() -> None:
        killed.set()
        assert running.process is not None
        running.process.kill()

    def walk(walker: tuple[Model, Connection]) -> None:
        model, ask = walker
        try:
            while True:
                model.walk(ask)
        except CutError:
            ask.close()
            assert killed.is_set(), "a connection broke without a kill"

    killer = threading.Timer(chosen.random() * longest_s, kill)
    killer.start()
    with ThreadPoolExecutor(len(walkers)) as pool:
        list(pool.map(walk, walkers))
    killer.join()


class Tracebacks(logging.Handler):
    """Keeps what is logged with a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging.Handler``."""
        if record.exc_info:
            self.seen.append(record)


def fuzz(requests: int, seed: int) -> int:
    """That many requests at random over HTTP, a tenth of them over gRPC; answers how many these were.

    Raises:
        AssertionError: an answer is an internal error, or a traceback was logged.
    """

    async def speak(embedded: EmbeddedStorage) -> int:
        sent = 0
        async with listening(embedded.grpc_apis, OpenAuthenticator()) as wire:
            while sent < requests // 10:
                embedded.store.ensure_bucket(BUCKET)
                sent += await fuzz_grpc(wire, seed + sent)
        return sent

    tracebacks = Tracebacks()
    logging.getLogger().addHandler(tracebacks)
    with tempfile.TemporaryDirectory() as folder, open_storage(Path(folder) / "buckets") as ask:
        fuzz_http(ask, requests, seed)
        sent = asyncio.run(speak(ask.embedded))
    assert not tracebacks.seen, tracebacks.seen[0]
    return sent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much."""
    parser.add_argument("--steps", type=int, default=50_000, help="of two clients in this process")
    parser.add_argument("--kills", type=int, default=40, help="of a server in a process of its own")
    parser.add_argument("--requests", type=int, default=20_000, help="at random over HTTP; one for ten over gRPC")


def run(options: argparse.Namespace) -> str:
    """See ``campaigns``."""
    steps = kills = requests = calls = 0
    deadline: Deadline = options.deadline
    found: Counter[str] = Counter()
    try:
        while steps < options.steps and not deadline.passed:
            round_steps = min(WALK_STEPS, options.steps - steps)
            walk_in_process(round_steps, seed=options.seed + steps)
            steps += round_steps
        while kills < options.kills and not deadline.passed:
            round_kills = min(10, options.kills - kills)
            found += walk_with_kills(round_kills, seed=options.seed + kills)
            kills += round_kills
        while requests < options.requests and not deadline.passed:
            round_requests = min(FUZZ_REQUESTS, options.requests - requests)
            calls += fuzz(round_requests, seed=options.seed + requests)
            requests += round_requests
    except AssertionError as fault:
        raise CampaignError(f"after {steps} steps, {kills} kills, {requests} requests: {fault}") from fault
    under_way = f"{found['new']} had happened, {found['old']} had not, {found['idle']} changed nothing"
    return (
        f"{steps} steps of two clients; {kills} kills in {found['steps']} steps, of what was under way {under_way}; "
        f"{requests} HTTP and {calls} gRPC requests at random: 0 differences, 0 internal errors"
    )
