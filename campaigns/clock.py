"""A clock that is moved while jobs run: ahead, back, beyond its range, stopped and started."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from campaigns import CampaignError
from campaigns.connection import Connection
from campaigns.walker import DATASET_BUCKET, ENDED, LINES, make_job, make_model
from tuning_emulator.testing.client import Control, ControlError
from tuning_emulator.testing.process import RunningEmulator, start_emulator

PACES = ("training", "time:3600", "time:0.5", "polls:2")
END_S = 300.0
"""How long all jobs may take once the clock runs: a bound against hanging, not a claim about speed."""

ROUNDING = timedelta(milliseconds=1)
"""Of seconds as floating-point numbers."""

OUT_OF_RANGE = (-1, 9e9, 8e18, 1e300)
"""Seconds by which no clock moves."""


def move_clock_often(folder: Path, seed: int, moves: int) -> int:
    """That many moves, in two servers on one data directory; answers how many jobs there were.

    Raises:
        CampaignError: an answer is wrong, time has run backwards, or a job does not end.
    """
    chosen, jobs = random.Random(seed), 0
    (folder / "numbers").mkdir()
    (folder / "numbers" / "train.jsonl").write_text(LINES, "utf-8")
    settings: dict[str, Any] = {"data_dir": folder / "data", "buckets": {DATASET_BUCKET: folder / "numbers"}}
    for _ in range(2):
        with start_emulator(trainer="scripted", scripted_step_s=0.01, jobs_per_project=4, **settings) as running:
            for _ in range(moves // 2):
                jobs += _create(running, chosen)
                _move(Control(running.url, timeout_s=120), chosen)
    with start_emulator(trainer="scripted", jobs_per_project=4, **settings) as running:
        _finish(running)
    return jobs


def _create(running: RunningEmulator, chosen: random.Random) -> int:
    """Perhaps a job, of any pace, whatever the time is."""
    control, number = Control(running.url, timeout_s=120), chosen.randrange(1_000_000)
    control.pace.set(chosen.choice(PACES))
    ask, place = Connection(running.url), f"projects/clock-{number % 5}/locations/us-central1"
    requests = (
        ("/v1beta/tunedModels", make_model(f"clock {number}", 2), {"x-goog-api-key": "key"}),
        (f"/v1/{place}/tuningJobs", make_job(f"clock {number}", 2), {"authorization": "Bearer token"}),
    )
    answer = ask("POST", *chosen.choice(requests))
    ask.close()
    if answer.status != 200:
        raise CampaignError(f"a create at {control.clock.now()} is answered {answer.status} {answer.body!r}")
    return 1


def _move(control: Control, chosen: random.Random) -> None:
    """Moves the clock in some way, and holds what it shows then against that."""
    before, kind = control.clock.now(), chosen.randrange(6)
    if kind == 0:
        _advance(control, before, chosen.choice([0, 0.001, 60, 86400.5, 31e6, chosen.random() * 1e8]))
    elif kind == 1:
        _refuse(control, "advance", chosen.choice(OUT_OF_RANGE), before)
    elif kind == 2:
        _refuse(control, "set", chosen.choice(["2200-01-01T00:00:01Z", "1970-01-01T00:00:00Z", "soon"]), before)
    elif kind == 3:
        wanted = before + timedelta(seconds=chosen.random() * 1e6)
        shown = datetime.fromisoformat(control.clock.set(wanted)["time"])
        _hold(wanted <= shown, f"set to {wanted} it shows {shown}")
    elif kind == 4:
        control.clock.freeze()
        first, second = control.clock.now(), control.clock.now()
        _hold(before <= first == second, f"frozen after {before} it shows {first}, then {second}")
    else:
        control.clock.resume()
    _hold(kind == 3 or control.clock.now() >= before, f"time has run backwards from {before}")


def _advance(control: Control, before: datetime, seconds: float) -> None:
    if before + timedelta(seconds=seconds) < datetime(2199, 1, 1, tzinfo=UTC):
        shown = datetime.fromisoformat(control.clock.advance(seconds)["time"])
        wanted = before + timedelta(seconds=seconds)
        _hold(wanted - ROUNDING <= shown, f"advanced to {wanted} it shows {shown}")


def _refuse(control: Control, how: str, value: Any, before: datetime) -> None:
    """A move that cannot be: 400, and the clock has not moved; a day is more than any test takes."""
    try:
        moved = getattr(control.clock, how)(value)
    except ControlError as refusal:
        _hold(refusal.status in (400, 422), f"{how} {value!r} is answered {refusal.status}")
        now = control.clock.now()
        _hold(before <= now < before + timedelta(days=1), f"{how} {value!r} is refused and has moved it to {now}")
    else:
        raise CampaignError(f"{how} {value!r} is answered {moved}")


def _finish(running: RunningEmulator) -> None:
    """With a clock that runs, and moves, every job ends, and its times are in order."""
    control, limit = Control(running.url, timeout_s=120), time.monotonic() + END_S
    control.clock.resume()
    while left := [one["name"] for one in control.jobs.list() if one["state"] not in ENDED]:
        if time.monotonic() > limit:
            raise CampaignError(
                f"{len(left)} jobs have not ended {END_S:.0f} s after the clock was let run: {left[:5]}"
            )
        control.clock.advance(3600)
        for name in left:
            Connection(running.url)("GET", f"/{'v1' if 'projects' in name else 'v1beta'}/{name}", b"", _who(name))
    for job in control.jobs.list():
        times = [datetime.fromisoformat(job[key]) for key in ("create_time", "start_time", "end_time")]
        _hold(job["state"] == "SUCCEEDED" and times == sorted(times), f"{job}")


def _who(name: str) -> dict[str, str]:
    return {"authorization": "Bearer token"} if "projects" in name else {"x-goog-api-key": "key"}


def _hold(good: bool, otherwise: str) -> None:
    if not good:
        raise CampaignError(f"clock: {otherwise}")
