"""The processes of the lora trainer killed while jobs train in them; the server goes on, and so do the jobs."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from campaigns import CampaignError, Deadline
from campaigns.connection import Connection
from campaigns.leftovers import find_unfinished_files, hash_adapters
from campaigns.walker import DATASET_BUCKET, LINES, make_job, make_model
from campaigns.world import Learned, learn
from tuning_emulator.jobs.trainer import ATTEMPTS
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import RunningEmulator, start_emulator

EPOCHS = 30
LONGEST_S = 3.0
"""How long after the jobs have begun the last kill comes."""

END_S = 600.0
"""How long two jobs may take: a bound against hanging, not a claim about speed."""


def kill_trainers(folder: Path, kills: int, seed: int, deadline: Deadline) -> tuple[int, int]:
    """Kills the worker or a child of it, at random moments, as often in the life of two jobs as they must survive.

    Returns:
        (kills, adapters that were bit for bit those of undisturbed jobs).

    Raises:
        CampaignError: a job has failed, is stuck, or has learned something else.
    """
    chosen, killed, adapters = random.Random(seed), 0, 0
    (folder / "numbers").mkdir()
    (folder / "numbers" / "train.jsonl").write_text(LINES, "utf-8")
    data = folder / "data"
    data.mkdir()
    buckets = {DATASET_BUCKET: folder / "numbers"}
    with start_emulator(trainer="lora", data_dir=data, buckets=buckets) as running:
        wanted = _tune_two(running, data, iter(()))
        while killed < kills and not deadline.passed:
            moments = [chosen.random() * LONGEST_S for _ in range(min(ATTEMPTS - 1, kills - killed))]
            found = _tune_two(running, data, _kill_at(running, sorted(moments), chosen))
            if found != wanted:
                raise CampaignError(f"after {killed} kills of trainers and {moments} s: {found}, should be {wanted}")
            killed += len(moments)
            adapters += len(found)
    return killed, adapters


def _tune_two(running: RunningEmulator, data: Path, kills: Iterator[None]) -> list[Learned]:
    """What a job of either API comes to; ``kills`` is gone through meanwhile."""
    ask, control = Connection(running.url), Control(running.url, timeout_s=120)
    key, token = {"x-goog-api-key": "key"}, {"authorization": "Bearer token"}
    place = "projects/my-project/locations/us-central1"
    model = ask("POST", "/v1beta/tunedModels", make_model("model", EPOCHS), key).json["metadata"]["tunedModel"]
    job = ask("POST", f"/v1/{place}/tuningJobs", make_job("job", EPOCHS), token).json["name"]
    ask.close()
    for _ in kills:
        pass
    for name in (model, job):
        ended = control.jobs.wait(name, END_S)
        if ended["state"] != "SUCCEEDED":
            raise CampaignError(f"{name} has ended as {ended['state']}: {ended['error']}")
    if left := find_unfinished_files(data):
        raise CampaignError(f"unfinished files of ended jobs: {', '.join(left)}")
    adapters = hash_adapters(data)
    learned = [learn(control, model, adapters["model"]), learn(control, job, adapters["job"])]
    control.reset()
    return learned


def _kill_at(running: RunningEmulator, moments: list[float], chosen: random.Random) -> Iterator[None]:
    """Kills the worker or one of its children, that many seconds from now; waits where there is none yet."""
    began = time.monotonic()
    for moment in moments:
        time.sleep(max(0.0, began + moment - time.monotonic()))
        os.kill(_choose_victim(running, chosen), signal.SIGKILL)
        yield


def _choose_victim(running: RunningEmulator, chosen: random.Random) -> int:
    limit = time.monotonic() + END_S
    while time.monotonic() < limit:
        with suppress(psutil.NoSuchProcess):
            workers = psutil.Process(running.pid).children()
            children = [child for worker in workers for child in worker.children()]
            alive = [one for one in chosen.choice([workers, children]) if one.status() != psutil.STATUS_ZOMBIE]
            if alive:
                return int(chosen.choice(alive).pid)
        time.sleep(0.01)
    raise CampaignError(f"there is no process of the trainer to kill after {END_S:.0f} s")
