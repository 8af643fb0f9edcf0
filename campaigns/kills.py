"""Servers and trainers killed at random moments under load; nothing that was acknowledged is lost.

After each kill the server is started again on the same data directory, and everything in it is compared with what its
clients know; every so often all jobs are let come to their end, and what they have learned is compared, bit for bit,
with undisturbed jobs.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from campaigns import CampaignError, Deadline
from campaigns.connection import Connection
from campaigns.trainer_kills import kill_trainers
from campaigns.walker import Walker
from campaigns.world import World, kill_server, list_descendants
from tuning_emulator.jobs.lora import missing_packages
from tuning_emulator.testing.process import PROGRAM, StartError

DRAIN_EVERY = 15
"""After how many kills all jobs are let come to their end."""

START_ONE_IN = 8
"""How rare is a kill while the server starts."""


@dataclass(frozen=True)
class Plan:
    """Of servers with one trainer: how much and how long they work at most, and the epochs of their jobs."""

    trainer: str
    most_steps: int
    longest_s: float
    epochs: tuple[int, ...]


SCRIPTED = Plan("scripted", 60, 6.0, (2, 4, 8))
LORA = Plan("lora", 400, 7.0, (5, 20, 40))


@dataclass
class Tally:
    """What has happened so far."""

    kills: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    longest_start_s: float = 0.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much."""
    parser.add_argument("--kills", type=int, default=350, help="of servers with the scripted trainer")
    parser.add_argument("--lora-kills", type=int, default=75, help="of servers with the lora trainer")
    parser.add_argument("--trainer-kills", type=int, default=75, help="of the trainer's processes alone")


def run(options: argparse.Namespace) -> str:
    """See ``campaigns``."""
    tally, deadline = Tally(), options.deadline
    wanted = [(SCRIPTED, options.kills), (LORA, options.lora_kills)]
    if missing_packages():
        print(f"kills: none of the lora trainer: {', '.join(missing_packages())} not installed")
        wanted[1] = (LORA, 0)
        options.trainer_kills = 0
    for plan, kills in wanted:
        if kills:
            kill_servers(plan, kills, options.seed, deadline, tally)
    if options.trainer_kills:
        kill_trainers_in_a_folder(options.trainer_kills, options.seed, deadline, tally)
    kills, counts = tally.kills, tally.counts
    return (
        f"{sum(kills.values())} kills ({kills['scripted']} of scripted servers, {kills['lora']} of lora servers, "
        f"{kills['starting']} of starting ones, {kills['trainer']} of trainers) in {counts['steps']} steps: "
        f"0 acknowledged changes lost, 0 torn objects, 0 stuck jobs, 0 orphans, {counts['adapters']} adapters "
        f"bit-identical; of what was under way {counts['new']} had happened, {counts['old']} had not; "
        f"longest start {tally.longest_start_s:.1f} s"
    )


def kill_servers(plan: Plan, kills: int, seed: int, deadline: Deadline, tally: Tally) -> None:
    """That many kills of servers at work, or while they start.

    Raises:
        CampaignError: see ``World``; its folder is kept then.
    """
    folder = Path(tempfile.mkdtemp(prefix="campaign-kills-"))
    world = World(folder, seed, plan.trainer, plan.epochs)
    try:
        learn_undisturbed(plan, seed, world)
        _kill_and_compare(world, plan, kills, seed, deadline, tally)
    except StartError as fault:
        raise CampaignError(f"{fault}; see {folder}") from fault
    except CampaignError as fault:
        raise CampaignError(f"{fault}; after {sum(tally.kills.values())} kills; see {folder}") from fault
    finally:
        tally.counts += world.counts
        tally.counts["steps"] += sum(walker.steps for walker in world.walkers)
        tally.longest_start_s = max(tally.longest_start_s, world.longest_start_s)
    shutil.rmtree(folder)


def _kill_and_compare(world: World, plan: Plan, kills: int, seed: int, deadline: Deadline, tally: Tally) -> None:
    chosen = random.Random(seed)
    for number in range(1, kills + 1):
        if chosen.randrange(START_ONE_IN):
            running = world.start()
            world.work(running, chosen.randrange(plan.most_steps), chosen.random() * plan.longest_s)
            tally.kills[plan.trainer] += 1
        else:
            kill_while_starting(world, chosen.random() * 1.5 * max(world.longest_start_s, 0.5))
            tally.kills["starting"] += 1
        last = number == kills or deadline.passed
        if last or number % DRAIN_EVERY == 0:
            running = world.start()
            try:
                world.drain(running)
            finally:
                kill_server(running)
        if last:
            return


def kill_while_starting(world: World, after_s: float) -> None:
    """Kills a server that may not answer yet."""
    command = [*PROGRAM, "serve", *world.options()]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after_s)
    left = list_descendants(process.pid)
    process.kill()
    process.wait()
    world.note_left(left)


def learn_undisturbed(plan: Plan, seed: int, world: World) -> None:
    """What jobs come to that nobody disturbs, one of each kind, told to another world."""
    with tempfile.TemporaryDirectory() as folder:
        calm = World(Path(folder), seed, plan.trainer, plan.epochs)
        running = calm.start()
        try:
            walker, ask = calm.walkers[0], Connection(running.url)
            create_one_of_each(walker, ask, plan.epochs)
            calm.drain(running)
        finally:
            kill_server(running)
        world.learned.update(calm.learned)


def create_one_of_each(walker: Walker, ask: Connection, epochs: tuple[int, ...]) -> None:
    """A job of each API for every number of epochs, and a scenario's."""
    walker.load(ask)
    for number in epochs:
        walker.create_model(ask, number)
        walker.create_job(ask, number)


def kill_trainers_in_a_folder(kills: int, seed: int, deadline: Deadline, tally: Tally) -> None:
    """See ``campaigns.trainer_kills``."""
    folder = Path(tempfile.mkdtemp(prefix="campaign-trainers-"))
    try:
        killed, adapters = kill_trainers(folder, kills, seed, deadline)
    except CampaignError as fault:
        raise CampaignError(f"{fault}; see {folder}") from fault
    tally.kills["trainer"] += killed
    tally.counts["adapters"] += adapters
    shutil.rmtree(folder)
