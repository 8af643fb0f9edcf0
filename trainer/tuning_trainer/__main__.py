"""`python -m tuning_trainer job.json`: trains one job alone. `worker` serves many; GGUF files are read and written."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tuning_trainer.spec import Cancelled, Done, Event, InvalidJobError, Job, format_event, parse_job
from tuning_trainer.threads import wait_passively
from tuning_trainer.usage import COMMANDS, make_parser


def main(arguments: list[str]) -> int:
    """Runs the command; the exit status is among ``usage.EXIT_CODES``."""
    logging.basicConfig(level=logging.INFO, format="trainer: %(message)s")
    wait_passively()
    match arguments:
        case ["worker", *rest]:
            from tuning_trainer.worker import main as serve

            return serve(rest)
        case ["cluster", *rest]:
            from tuning_trainer.cluster.process import main as drive

            return drive(rest)
        case ["child", *rest]:
            from tuning_trainer.children import main as be_child

            return be_child(rest)
        case [path] if not path.startswith("-") and path not in COMMANDS:
            return train_file(Path(path))
    try:
        chosen = make_parser().parse_args(arguments)
    except SystemExit as error:  # argparse has said why
        return int(error.code or 0)
    if chosen.command == "devices":
        from tuning_trainer.devices import main as describe

        return describe(chosen.device, chosen.models)
    if chosen.command == "rehearse":
        from tuning_trainer.rehearsal import main as rehearse

        return rehearse(chosen.request)
    if chosen.command == "convert":
        from tuning_trainer.gguf_files.convert import main as convert

        return convert(chosen.file, chosen.target)
    from tuning_trainer import export

    return export.merge(chosen) if chosen.command == "merge" else export.gguf(chosen)


def train_file(path: Path) -> int:
    """Trains the job in a file. Ctrl-C ends it after the step in progress; the same command then continues it."""
    try:
        job = parse_job(path.read_text("utf-8"))
    except (InvalidJobError, OSError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 2
    if sys.stdout.isatty():
        from tuning_trainer.learning.progress import show_progress

        return _exit_status(show_progress(lambda report: _train(job, report)))
    return _exit_status(_train(job, lambda event: print(format_event(event), flush=True)))


def _train(job: Job, report: Callable[[Event], None]) -> Event:
    stop = False

    def ask_to_stop(*_: object) -> None:
        nonlocal stop
        stop = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask_to_stop)
    from tuning_trainer.learning.loop import run_job  # after the handlers: importing torch takes two seconds
    from tuning_trainer.learning.ranks import RankKilledError

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
