"""``tuning-emulator rehearse``: before a tuning is paid for, what a small model on this machine makes of its data."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace

from tuning_emulator.cli.broken_rules import BrokenRules
from tuning_emulator.cli.rehearsal import format_rehearsal
from tuning_emulator.cli.request import add_request, add_storage, make_request
from tuning_emulator.cli.validate import format_emulator
from tuning_emulator.cli.values import describe_error
from tuning_emulator.control.dry_run import TuningRequest, dry_run, is_pipe, read_dataset
from tuning_emulator.control.rehearsal import describe_rehearsal
from tuning_emulator.control.rehearsing import HELD_OUT, Chosen, NoRehearsalError, rehearse
from tuning_emulator.core.records import TuningMethod
from tuning_emulator.datasets.lines import DatasetError
from tuning_emulator.models.added import ModelError, find_weights, name_weights
from tuning_emulator.storage.objects import StorageError
from tuning_trainer.spec import EMBEDDED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The dataset, what is to be held out, and on which model."""
    parser.add_argument("dataset", help="JSON lines of either API: a file, or gs://bucket/object")
    parser.add_argument(
        "--base-model",
        default=EMBEDDED,
        metavar="NAME",
        help="what is tuned here: `embedded`, an added model, a directory",
    )
    parser.add_argument("--holdout", metavar="SHARE", help="rows held out where there is no --validation (20%%)")
    add_request(parser)
    add_storage(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end, progress to stderr")


def run(parsed: argparse.Namespace) -> int:
    """Rehearses. 0: here is what came of it, 1: the data would be refused or nothing came of it, 2: wrong use."""
    try:
        weights = _find_weights(parsed.base_model)
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
        try:
            examples = read_dataset(request, request.dataset)
            rehearsal = rehearse(request, checked, examples, share, Chosen(weights), show_progress)
            rehearsal = replace(rehearsal, base_model=parsed.base_model)
        finally:
            clear_progress()
    except (NoRehearsalError, DatasetError, OSError) as error:
        print(f"tuning-emulator: {describe_error(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ntuning-emulator: stopped; nothing is left behind", file=sys.stderr)
        return 130
    if parsed.json:
        print(json.dumps(describe_rehearsal(request, checked, rehearsal), ensure_ascii=False, indent=2))
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


def _find_weights(name: str) -> str:
    """The directory of what is tuned; ``embedded`` stays.

    Raises:
        ValueError: there is none.
    """
    try:
        return find_weights(name_weights(name))
    except ModelError as error:
        raise ValueError(f"--base-model: {error}") from error


def parse_share(text: str | None, validated: bool) -> float:
    """``20%`` or ``0.2`` as a share of the rows.

    Raises:
        ValueError: it is none, or there is a validation dataset.
    """
    if text is None:
        return HELD_OUT
    if validated:
        raise ValueError("--holdout: with --validation no rows of the dataset are held out; leave one of the two out")
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise ValueError(f"--holdout: {text!r} is not a share like 20% or 0.2")
    return share


def show_progress(done: int, total: int) -> None:
    """One line that is written over, on a terminal alone."""
    if sys.stderr.isatty():
        print(f"\rrehearsing: step {done} of {total} ", end="", file=sys.stderr)


def clear_progress() -> None:
    """Takes that line away."""
    if sys.stderr.isatty():
        print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
