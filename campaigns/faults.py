"""Full disks, little memory, and clocks that jump, while jobs run."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from campaigns import CampaignError
from campaigns.clock import move_clock_often
from campaigns.disk import fill_disk_often, why_impossible
from campaigns.memory import starve_trainers
from tuning_emulator.jobs.lora import missing_packages

ROUND = 20
"""How often a disk is filled, or a clock moved, before all is compared and begun anew."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much."""
    parser.add_argument("--full-disks", type=int, default=60, help="how often a disk is filled")
    parser.add_argument("--starved", type=int, default=5, help="rounds of a trainer without memory")
    parser.add_argument("--clock-moves", type=int, default=300)


def run(options: argparse.Namespace) -> str:
    """See ``campaigns``."""
    folder = Path(tempfile.mkdtemp(prefix="campaign-faults-"))
    try:
        said = "; ".join([_fill_disks(folder, options), _starve(options), _move_clocks(folder, options)])
    except CampaignError as fault:
        raise CampaignError(f"{fault}; see {folder}") from fault
    shutil.rmtree(folder)
    return said


def _rounds(folder: Path, name: str, number: int, options: argparse.Namespace) -> list[tuple[Path, int, int]]:
    """(an empty folder, seed, how often) of each round."""
    found = []
    for index in range(-(-number // ROUND)):
        (place := folder / f"{name}-{index}").mkdir()
        found.append((place, options.seed + index, min(ROUND, number - index * ROUND)))
    return found


def _fill_disks(folder: Path, options: argparse.Namespace) -> str:
    if (reason := why_impossible()) and options.full_disks:
        print(f"faults: no full disks, for no small file system can be had: {reason}", flush=True)
        return "no full disks"
    filled = steps = refused = 0
    for place, seed, times in _rounds(folder, "disk", options.full_disks, options):
        if not options.deadline.passed:
            more = fill_disk_often(place, seed, times)
            filled, steps, refused = filled + times, steps + more[0], refused + more[1]
    return f"{filled} full disks in {steps} steps, {refused} requests refused, nothing else lost"


def _starve(options: argparse.Namespace) -> str:
    if missing := missing_packages():
        print(f"faults: no trainers without memory: {', '.join(missing)} not installed", flush=True)
        return "no trainers"
    rounds = 0 if options.deadline.passed else options.starved
    jobs = starve_trainers(rounds) if rounds else 0
    return f"{jobs} jobs, {2 * rounds} of them without memory, all ended as they had to"


def _move_clocks(folder: Path, options: argparse.Namespace) -> str:
    moved = jobs = 0
    for place, seed, times in _rounds(folder, "clock", options.clock_moves, options):
        if not options.deadline.passed:
            jobs += move_clock_often(place, seed, times)
            moved += times
    return f"{moved} moves of the clock under {jobs} jobs, all in order"
