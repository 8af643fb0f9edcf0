"""What a resumed job did before and the server never heard: read from the trainer's own record of events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from emulator.core.records import MetricPoint
from trainer.spec import Checkpoint, Evaluation, Event, Step, parse_event

EVENTS_NAME = "events.jsonl"
"""File in a job's directory: every event as a JSON line, with ``time_ns``; see ``trainer.checkpoint``."""


def read_events(directory: Path, up_to_step: int) -> Iterator[tuple[Event, int]]:
    """(event, its time) of steps, evaluations and checkpoints up to a step. A line cut off by a kill is left out."""
    path = directory / EVENTS_NAME
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            values = json.loads(line)
        except json.JSONDecodeError:
            continue
        if values.get("event") in ("step", "evaluation", "checkpoint") and values["step"] <= up_to_step:
            yield parse_event(values), int(values["time_ns"])


def recover_points(directory: Path, up_to_step: int) -> list[MetricPoint]:
    """The metrics that a job reached before it was resumed after ``up_to_step``."""
    return [
        MetricPoint(
            event.step,
            event.epoch,
            event.loss,
            time_ns,
            "train" if isinstance(event, Step) else "eval",
            event.predictions,
            event.correct,
        )
        for event, time_ns in read_events(directory, up_to_step)
        if isinstance(event, Step | Evaluation)
    ]


def recover_checkpoints(directory: Path, up_to_step: int) -> list[Checkpoint]:
    """The checkpoints that a job saved before it was resumed after ``up_to_step``, in its directory of today."""
    return [
        replace(event, directory=str(directory.joinpath(*Path(event.directory).parts[-2:])))
        for event, _ in read_events(directory, up_to_step)
        if isinstance(event, Checkpoint)
    ]
