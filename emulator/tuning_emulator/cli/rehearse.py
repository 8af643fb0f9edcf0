"""``tuning-emulator rehearse``: before a tuning is paid for, what a small model on this machine makes of its data."""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuning_emulator.cli.broken_rules import BrokenRules
from tuning_emulator.cli.rehearsal import Rehearsal, describe, format_rehearsal, sum_up
from tuning_emulator.cli.request import add_request, add_storage, make_request
from tuning_emulator.cli.validate import format_emulator
from tuning_emulator.cli.values import describe_error
from tuning_emulator.control.dry_run import DryRun, TuningRequest, dry_run, is_pipe, read_dataset
from tuning_emulator.core.records import TuningMethod
from tuning_emulator.datasets.lines import DatasetError
from tuning_emulator.jobs.lora import explain_missing, missing_packages
from tuning_emulator.storage.objects import StorageError
from tuning_trainer.spec import EMBEDDED, Example, format_example

LEARNING_RATE = 1e-3
MOST_EPOCHS = 5
"""Unless asked for more: the service's defaults count on a model that learns less at a time."""
MOST_ASKED = 100
LEAST_HELD = 2
_CHARACTERS_PER_TOKEN = 2
_MOST_NEW_TOKENS = 256


class NoRehearsalError(Exception):
    """Nothing was rehearsed; the text says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The dataset, what is to be held out, and on which model."""
    parser.add_argument("dataset", help="JSON lines of either API: a file, or gs://bucket/object")
    parser.add_argument("--base-model", default=EMBEDDED, metavar="DIR", help="what is tuned here (the embedded one)")
    parser.add_argument("--holdout", metavar="SHARE", help="rows held out where there is no --validation (20%%)")
    add_request(parser)
    add_storage(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end, progress to stderr")


def run(parsed: argparse.Namespace) -> int:
    """Rehearses. 0: here is what came of it, 1: the data would be refused or nothing came of it, 2: wrong use."""
    try:
        request, share = _make_request(parsed), parse_share(parsed.holdout, bool(parsed.validation))
        broken = BrokenRules()
        checked = dry_run(request, broken)
    except (OSError, StorageError, ValueError) as error:
        print(f"tuning-emulator: {describe_error(error)}", file=sys.stderr)
        return 2
    if not checked.good:
        lines = [*broken.format(), *format_emulator(checked)]
        print(
            "\n".join([*lines, "tuning-emulator: the dataset would be refused; nothing was rehearsed"]), file=sys.stderr
        )
        return 1
    try:
        rehearsal = rehearse(request, checked, share, parsed.base_model)
    except (NoRehearsalError, DatasetError, OSError) as error:
        print(f"tuning-emulator: {describe_error(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ntuning-emulator: stopped; nothing is left behind", file=sys.stderr)
        return 130
    if parsed.json:
        print(json.dumps(describe(request, checked, rehearsal), ensure_ascii=False, indent=2))
    else:
        print("\n".join(format_rehearsal(request, checked, rehearsal)))
    return 0


def _make_request(parsed: argparse.Namespace) -> TuningRequest:
    if is_pipe(parsed.dataset):
        raise ValueError("dataset: a pipe can be read once, and it is read twice here; give a file")
    request = make_request(parsed)
    if request.method is not TuningMethod.SUPERVISED:
        raise ValueError(f"--method: {request.method.value} cannot be rehearsed, only supervised tuning")
    return request


def parse_share(text: str | None, validated: bool) -> float:
    """``20%`` or ``0.2`` as a share of the rows.

    Raises:
        ValueError: it is none, or there is a validation dataset.
    """
    if text is None:
        return 0.2
    if validated:
        raise ValueError("--holdout: with --validation no rows of the dataset are held out; leave one of the two out")
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise ValueError(f"--holdout: {text!r} is not a share like 20% or 0.2")
    return share


def rehearse(request: TuningRequest, checked: DryRun, share: float, base_model: str) -> Rehearsal:
    """Splits the rows, lets the trainer try them, and compares them with each other.

    Raises:
        NoRehearsalError: there are too few rows, or the trainer is not there or says why not.
    """
    if missing := missing_packages():
        raise NoRehearsalError(f"rehearse {explain_missing(missing)}")
    examples = read_dataset(request, request.dataset)
    order = list(range(len(examples)))
    random.Random(0).shuffle(order)
    if request.validation:
        held, held_numbers = read_dataset(request, request.validation), []
    else:
        count = max(LEAST_HELD, round(len(order) * share))
        held_numbers, order = sorted(order[:count]), order[count:]
        held = [examples[number] for number in held_numbers]
    if not order:
        raise NoRehearsalError(
            f"{request.dataset}: {len(examples)} rows are too few to learn from some and hold out others"
        )
    rows = [examples[number] for number in order]
    report = _ask_trainer(request, checked, rows, held, base_model)
    return sum_up(report, examples, order, held, held_numbers)


def _ask_trainer(
    request: TuningRequest, checked: DryRun, rows: Sequence[Example], held: Sequence[Example], base_model: str
) -> dict[str, Any]:
    """The trainer's report; its progress goes to standard error."""
    used = checked.hyperparameters
    assert used is not None
    longest = max(len(turn.text) for row in held for turn in row.turns if turn.learned)
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        train, asked = Path(folder) / "train.jsonl", Path(folder) / "held.jsonl"
        for path, some in ((train, rows), (asked, held)):
            path.write_text("".join(format_example(one) + "\n" for one in some), "utf-8")
        values = {
            "directory": folder,
            "train": str(train),
            "held": str(asked),
            "base_model": base_model,
            "epochs": request.asked.epochs or min(used.epochs or MOST_EPOCHS, MOST_EPOCHS),
            "batch_size": used.batch_size or 4,
            "learning_rate": LEARNING_RATE * (used.learning_rate_multiplier or 1),
            "adapter_size": used.adapter_size or 4,
            "asked": MOST_ASKED,
            "new_tokens": min(longest // _CHARACTERS_PER_TOKEN + 8, _MOST_NEW_TOKENS),
        }
        path = Path(folder) / "request.json"
        path.write_text(json.dumps(values), "utf-8")
        report = _run_trainer(path)
    return {**report, "epochs": values["epochs"]}


def _run_trainer(request: Path) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "tuning_trainer", "rehearse", str(request)]
    report: dict[str, Any] = {}
    with tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True) as trainer:  # noqa: S603 our own module
            assert trainer.stdout is not None
            for line in trainer.stdout:
                event = json.loads(line)
                if event["event"] == "report":
                    report = event
                elif sys.stderr.isatty():
                    print(f"\rrehearsing: step {event['done']} of {event['total']} ", end="", file=sys.stderr)
        if sys.stderr.isatty():
            print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
        if not report:
            said.seek(0)
            lines = said.read().strip().splitlines()
            raise NoRehearsalError(lines[-1] if lines else "the trainer ended without a word")
    return report
