"""`python -m tuning_trainer job.json`: trains one job alone. `worker` serves many, `merge` exports."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tuning_trainer.spec import Cancelled, Done, Event, InvalidJobError, Job, format_event, parse_job
from tuning_trainer.threads import wait_passively

USAGE = """usage: python -m tuning_trainer JOB.json    train one job; JSON lines, or a progress bar in a terminal
       python -m tuning_trainer worker [--no-fork]    train and answer on request, JSON lines in and out
       python -m tuning_trainer merge ADAPTER TARGET [--base-model DIR]    a tuned model as one directory"""


def main(arguments: list[str]) -> int:
    """Runs the command; the exit status is 0 after success, 1 after a failed job, 130 after Ctrl-C, 2 for wrong use."""
    logging.basicConfig(level=logging.INFO, format="trainer: %(message)s")
    wait_passively()
    match arguments:
        case ["worker", *rest]:
            from tuning_trainer.worker import main as serve

            return serve(rest)
        case ["merge", *rest]:
            from tuning_trainer.export import main as merge

            return merge(rest)
        case ["child", *rest]:
            from tuning_trainer.children import main as be_child

            return be_child(rest)
        case [path] if not path.startswith("-"):
            return train_file(Path(path))
    print(USAGE, file=sys.stderr)
    return 2


def train_file(path: Path) -> int:
    """Trains the job in a file. Ctrl-C ends it after the step in progress; the same command then continues it."""
    try:
        job = parse_job(path.read_text("utf-8"))
    except (InvalidJobError, OSError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 2
    if sys.stdout.isatty():
        from tuning_trainer.progress import show_progress

        return _exit_status(show_progress(lambda report: _train(job, report)))
    return _exit_status(_train(job, lambda event: print(format_event(event), flush=True)))


def _train(job: Job, report: Callable[[Event], None]) -> Event:
    stop = False

    def ask_to_stop(*_: object) -> None:
        nonlocal stop
        stop = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask_to_stop)
    from tuning_trainer.loop import run_job  # after the handlers: importing torch takes two seconds
    from tuning_trainer.ranks import RankKilledError

    try:
        return run_job(job, report, lambda: stop)
    except RankKilledError as error:
        print(f"trainer: {error}", file=sys.stderr)
        sys.exit(1)


def _exit_status(last: Event) -> int:
    match last:
        case Done():
            return 0
        case Cancelled():
            return 130
        case _:
            return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
