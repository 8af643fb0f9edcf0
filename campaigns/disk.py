"""A disk that is full for a while, again and again, under clients that go on: a small file system of memory."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from campaigns import CampaignError
from campaigns.connection import Connection
from campaigns.leftovers import find_orphans
from campaigns.walker import Walker
from campaigns.world import World, kill_server, settle
from tests.storage.asking import Answer
from tuning_emulator.facts import emulator_errors
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import RunningEmulator

SIZE_MIB = 24
FULL_S = 2.0
"""Longest time that the disk stays full, and that it does not."""

SWEPT_S = 60.0
"""How long what is removed in the background may take."""

UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")


class RefusedError(Exception):
    """503: the disk is full, and nothing has changed."""


class RefusedConnection(Connection):
    """One that knows that a disk may be full."""

    refused = 0

    def __call__(self, verb: str, target: str, body: Any = b"", headers: dict[str, str] | None = None) -> Answer:
        """See ``Connection``. Raises RefusedError too."""
        answer = super().__call__(verb, target, body, headers)
        if answer.status == 503:
            self.refused += 1
            raise RefusedError
        return answer


def why_impossible() -> str:
    """Why no small file system can be had here; "" where it can."""
    if shutil.which(UNSHARE[0]) is None:
        return "there is no `unshare`"
    with tempfile.TemporaryDirectory() as folder:
        command = [*UNSHARE, "mount", "-t", "tmpfs", "none", folder]
        tried = subprocess.run(command, capture_output=True, text=True, check=False)
    return tried.stderr.strip() if tried.returncode else ""


def fill_disk_often(folder: Path, seed: int, times: int) -> tuple[int, int]:
    """Fills and empties a disk that often, while walkers walk; in a process that alone sees that disk.

    Returns:
        (steps, requests that were refused).

    Raises:
        CampaignError: something is lost, torn, stuck or left over.
    """
    (folder / "disk").mkdir()
    mount = f'mount -t tmpfs -o size={SIZE_MIB}m none {folder / "disk"} && exec "$@"'
    program = (sys.executable, "-m", "campaigns.disk", str(folder), str(seed), str(times))
    command = (*UNSHARE, "sh", "-c", mount, "sh", *program)
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode:
        raise CampaignError(ended.stdout.strip() or f"{program} ended with {ended.returncode}")
    steps, refused = ended.stdout.split()
    return int(steps), int(refused)


def main(arguments: list[str]) -> int:
    """``python -m campaigns.disk FOLDER SEED TIMES``: FOLDER/disk is the small file system."""
    folder = Path(arguments[0])
    world = World(folder, int(arguments[1]), "scripted", (2, 4, 8), folder / "disk" / "data")
    try:
        print(*_work(world, random.Random(int(arguments[1])), int(arguments[2])))
    except CampaignError as fault:
        print(fault)
        return 1
    return 0


def _work(world: World, chosen: random.Random, times: int) -> tuple[int, int]:
    for walker in world.walkers:
        walker.may_fail, walker.loads = True, False
    running, over = world.start(), threading.Event()
    try:
        asks = [RefusedConnection(running.url, walker.bucket_name) for walker in world.walkers]
        with ThreadPoolExecutor(len(asks)) as pool:
            ends = [pool.submit(_walk, *one, over) for one in zip(world.walkers, asks, strict=True)]
            try:
                for _ in range(times):
                    time.sleep(chosen.random() * FULL_S)
                    _fill(world.directory.parent / "filler", chosen)
            finally:
                over.set()
            for end in ends:
                end.result()
        _compare(world, running)
    finally:
        kill_server(running)
    return sum(walker.steps for walker in world.walkers), sum(ask.refused for ask in asks)


def _fill(filler: Path, chosen: random.Random) -> None:
    """Leaves no byte free, or hardly one, for a while."""
    block = b"x" * (1 << 16)
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(block)
    os.truncate(filler, max(0, filler.stat().st_size - chosen.choice([0, 4096, 65536])))
    time.sleep(chosen.random() * FULL_S)
    filler.unlink()


def _walk(walker: Walker, ask: RefusedConnection, over: threading.Event) -> None:
    try:
        while not over.is_set() or walker.flight is not None:
            try:
                walker.walk(ask)
            except RefusedError:
                if walker.flight is not None and not walker.flight.bucket:  # a reset may be done in part: it goes on
                    walker.flight = None
                if walker.bucket is not None:
                    walker.bucket.flying = {}
                time.sleep(0.02)
    except AssertionError as fault:
        raise CampaignError(f"a wrong answer while the disk is full at times: {fault}") from fault


def _compare(world: World, running: RunningEmulator) -> None:
    """There is space again: all jobs come to their end, and what was refused has changed nothing."""
    try:
        for walker, ask in zip(world.walkers, world.connect(running), strict=True):
            settle(walker, walker.look(ask), ask)
            ask.close()
    except AssertionError as fault:
        raise CampaignError(f"after a full disk: {fault}") from fault
    world.drain(running)
    for job in Control(running.url).jobs.list():
        if job["state"] == "FAILED" and job["error"] != emulator_errors.DISK_FULL.text:
            raise CampaignError(f"{job['name']} has failed: {job['error']}")
    limit = time.monotonic() + SWEPT_S
    while orphans := find_orphans(world.directory):
        if time.monotonic() > limit:
            raise CampaignError(f"left over after a full disk: {', '.join(orphans[:5])}")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
