"""`python -m tuning_trainer rehearse REQUEST.json`: what a tuning would come to, tried on a small model.

A base model is tuned on a quarter, a half and all of the rows, and asked the held-out ones before and after each. Rows
that the model resists are those with the largest loss once it has seen every row once: it knows the task by then, and
has not learned the rows by heart. The first visit measures the form of the answers, a third one what is remembered.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tuning_trainer.answering.generate import Answering, Finished, Refused
from tuning_trainer.data.dataset import encode_examples, read_examples
from tuning_trainer.learning.checkpoint import checkpoint_directory
from tuning_trainer.learning.loop import run_job
from tuning_trainer.learning.objective import Likelihood, score_tokens
from tuning_trainer.model import choose_device, model_directory, open_tuned
from tuning_trainer.spec import (
    Done,
    Evaluation,
    Event,
    Example,
    Failed,
    Job,
    Prompt,
    Started,
    Step,
    format_example,
    total_steps,
)
from tuning_trainer.threads import choose_threads

SHARES = (0.25, 0.5, 1.0)
LEAST_ROWS = 4
"""Of a part of the rows: fewer show nothing."""

AT_ONCE = 16


class RehearsalError(ValueError):
    """The rehearsal came to nothing; the text says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to rehearse.

    Attributes:
        directory: Where to work; exists, and is the caller's to remove.
        train, held: JSON lines of examples.
        asked: So many of the held-out rows are asked.
        new_tokens: Longest answer, in tokens.
    """

    directory: str
    train: str
    held: str
    base_model: str
    epochs: int
    batch_size: int
    learning_rate: float
    adapter_size: int
    asked: int
    new_tokens: int


Tell = Callable[[dict[str, Any]], None]


def rehearse(request: Request, tell: Tell) -> dict[str, Any]:
    """Tunes and asks; returns answers, losses by epoch and by row.

    Raises:
        RehearsalError, ValueError: the base model or the rows cannot be used.
    """
    rows, held = read_examples(request.train), read_examples(request.held)[: request.asked]
    parts = sorted({count for share in SHARES if (count := int(len(rows) * share)) >= min(LEAST_ROWS, len(rows))})
    steps = sum(total_steps(count, request.epochs, request.batch_size) for count in parts)
    done, events = 0, list[Event]()

    def hear(event: Event) -> None:
        nonlocal done
        events.append(event)
        if isinstance(event, Step):
            done += 1
            tell({"event": "progress", "done": done, "total": steps})

    before = ask(request, held, None)
    curve = []
    for count in parts:
        job = _write_job(request, rows[:count])
        events.clear()  # those of the last part, of all rows, are reported
        last = run_job(job, hear)
        if not isinstance(last, Done):
            raise RehearsalError(last.message if isinstance(last, Failed) else "it was stopped")
        curve.append({"rows": count, "answers": ask(request, held, last.adapter)})
    started = next(event for event in events if isinstance(event, Started))
    first = checkpoint_directory(job, job.checkpoint_steps[0])
    return {
        "event": "report",
        "base_model": request.base_model,
        "parameters": _count(request.base_model),
        "device": started.device,
        "max_tokens": started.max_tokens,
        "cut": list(started.cut),
        "dropped": list(started.dropped),
        "before": before,
        "curve": curve,
        "validation": [event.loss for event in events if isinstance(event, Evaluation)],
        "row_losses": measure_rows(job, first, rows),
        "held_losses": measure_rows(job, first, read_examples(request.held)),
    }


def _count(base_model: str) -> int:
    from tuning_trainer.model import count_stored

    return count_stored(model_directory(base_model))


def _write_job(request: Request, rows: Sequence[Example]) -> Job:
    """A job over these rows in a directory of its own, with a checkpoint after the first epoch."""
    folder = Path(request.directory) / f"rows-{len(rows)}"
    folder.mkdir()
    examples = folder / "examples.jsonl"
    examples.write_text("".join(format_example(row) + "\n" for row in rows), "utf-8")
    return Job(
        id=folder.name,
        directory=str(folder),
        examples=str(examples),
        base_model=request.base_model,
        validation=request.held,
        epochs=request.epochs,
        batch_size=request.batch_size,
        learning_rate=request.learning_rate,
        adapter_size=request.adapter_size,
        checkpoint_steps=(total_steps(len(rows), 1, request.batch_size),),
    )


def ask(request: Request, rows: Sequence[Example], adapter: str | None) -> list[str]:
    """The likeliest answer to each row, some at once."""
    answering, answers = Answering(), [""] * len(rows)
    for start in range(0, len(rows), AT_ONCE):
        for number in range(start, min(start + AT_ONCE, len(rows))):
            row = rows[number]
            place = max(i for i, turn in enumerate(row.turns) if turn.learned)
            prompt = Prompt(
                row.turns[:place], row.system, request.base_model, adapter, request.new_tokens, shorten=True
            )
            answering.submit(str(number), prompt)
        while answering.busy:
            for output in answering.advance():
                if isinstance(output, Refused):
                    raise RehearsalError(output.message)
                if isinstance(output, Finished):
                    answers[int(output.id)] = output.reply.answers[0].text
    return answers


def measure_rows(job: Job, adapter: Path, rows: Sequence[Example]) -> list[float | None]:
    """The loss of each row, nats per scored token, by a checkpoint; None for a row of which nothing is left."""
    device, precision = choose_device(job.device, model_directory(job.weights))
    model = open_tuned(dataclasses.replace(job, adapter=str(adapter)), device, precision)
    torch.set_num_threads(choose_threads(model.size))
    data = encode_examples(rows, model.chat, model.max_tokens)
    measure = Likelihood(model, data, device)
    means: list[float] = []
    with torch.no_grad():
        for start in range(0, len(data.rows), AT_ONCE):
            batch = measure.prepare(range(start, min(start + AT_ONCE, len(data.rows))))
            tokens, _ = score_tokens(model, batch)
            sums, counts = torch.zeros(2, batch.size, device=tokens.device)
            sums.index_add_(0, batch.rows, tokens)
            counts.index_add_(0, batch.rows, torch.ones_like(tokens))
            means += (sums / counts).tolist()
    losses = iter(means)
    gone = set(data.dropped)
    return [None if number in gone else next(losses) for number in range(len(rows))]


def main(path: Path) -> int:
    """Prints JSON lines: progress, then one report. 0: it is there, 1: it could not be made."""

    def tell(line: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    try:
        tell(rehearse(Request(**json.loads(path.read_text("utf-8"))), tell))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"rehearse: {error}\n")
        return 1
    return 0
