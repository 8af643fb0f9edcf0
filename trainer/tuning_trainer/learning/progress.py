"""A job's progress in a terminal."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tuning_trainer.spec import Cancelled, Checkpoint, Done, Evaluation, Event, Failed, Started, Step


def show_progress(train: Callable[[Callable[[Event], None]], Event], console: Console | None = None) -> Event:
    """Runs ``train`` with a reporter that moves a bar over the steps, and returns its last event."""
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("preparing", total=None)

        def report(event: Event) -> None:
            match event:
                case Started():
                    progress.update(bar, total=event.total_steps, completed=event.resumed_from)
                case Step():
                    progress.update(bar, completed=event.step, description=f"loss {event.loss:.4f}")
            if line := describe(event):
                progress.console.print(line, highlight=False)

        return train(report)


def describe(event: Event) -> str:
    """One line about an event, or nothing for those that the bar shows."""
    match event:
        case Started():
            dropped = f", {len(event.dropped)} too long" if event.dropped else ""
            dropped += f", {len(event.cut)} cut to {event.max_tokens} tokens" if event.cut else ""
            again = f", continued after step {event.resumed_from}" if event.resumed_from else ""
            return f"{event.examples} examples{dropped}, {event.total_steps} steps on {event.device}{again}"
        case Evaluation():
            return f"step {event.step}: validation loss {event.loss:.4f}, {event.correct} of {event.predictions} right"
        case Checkpoint():
            return f"step {event.step}: checkpoint in {event.directory}"
        case Done():
            return f"adapter in {event.adapter}"
        case Failed():
            return f"failed: {event.message}"
        case Cancelled():
            return f"stopped after step {event.step}; the same command continues"
        case _:
            return ""
