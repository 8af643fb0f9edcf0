"""``tuning-emulator rehearse``: before a tuning is paid for, what a small model on this machine makes of its data."""

from __future__ import annotations

import argparse
import json
import sys

from tuning_emulator.cli.rehearsal import format_rehearsal
from tuning_emulator.cli.validate import ShownErrors, add_request, format_emulator, format_rest, make_request
from tuning_emulator.control.dry_run import TuningRequest, dry_run, open_lines, read_dataset
from tuning_emulator.control.rehearsal import describe_rehearsal
from tuning_emulator.control.rehearsing import HELD_OUT, Chosen, NoRehearsalError, rehearse
from tuning_emulator.datasets.lines import DatasetError
from tuning_emulator.storage.objects import StorageError
from tuning_trainer.spec import EMBEDDED

MODELS = {"gemini": "gemini-1.5-flash-001-tuning", "vertex": "gemini-3.5-flash"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The dataset, what is to be held out, and on which model."""
    parser.add_argument("dataset", help="JSON lines of either API: a file, or gs://bucket/object")
    parser.add_argument("--api", choices=["gemini", "vertex"], help="which API (seen from the dataset)")
    parser.add_argument("--model", help="the model that would be tuned: for its price and steps")
    parser.add_argument("--base-model", default=EMBEDDED, metavar="DIR", help="what is tuned here (the embedded one)")
    parser.add_argument("--holdout", metavar="SHARE", help="rows held out where there is no --validation (20%%)")
    add_request(parser)
    parser.add_argument("--storage", default="", metavar="URL", help="storage emulator for gs://")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end, progress to stderr")
    parser.set_defaults(as_of=None)


def run(parsed: argparse.Namespace) -> int:
    """Rehearses. 0: here is what came of it, 1: the data would be refused or nothing came of it, 2: wrong use."""
    try:
        request, share = _make_request(parsed), parse_share(parsed.holdout, bool(parsed.validation))
        shown = ShownErrors(None)
        checked = dry_run(request, shown)
    except (OSError, StorageError, ValueError) as error:
        print(f"tuning-emulator: {error}", file=sys.stderr)
        return 2
    if not checked.good:
        lines = [*shown.lines, *format_rest(checked.errors - len(shown.lines)), *format_emulator(checked)]
        print(
            "\n".join([*lines, "tuning-emulator: the dataset would be refused; nothing was rehearsed"]), file=sys.stderr
        )
        return 1
    try:
        try:
            examples = read_dataset(request, request.dataset)
            rehearsal = rehearse(request, checked, examples, share, Chosen(parsed.base_model), show_progress)
        finally:
            clear_progress()
    except (NoRehearsalError, DatasetError, OSError) as error:
        print(f"tuning-emulator: {error}", file=sys.stderr)
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
    if parsed.dataset == "-":
        raise ValueError("dataset: standard input can be read once, and it is read twice here; give a file")
    if parsed.method != "supervised":
        raise ValueError(f"--method: {parsed.method} cannot be rehearsed, only supervised tuning")
    if parsed.api is None:
        with open_lines(parsed.dataset, parsed.storage) as lines:
            first = next((line for line in lines if line.strip()), b"")
        parsed.api = "gemini" if b'"text_input"' in first or b'"textInput"' in first else "vertex"
    parsed.model = parsed.model or MODELS[parsed.api]
    return make_request(parsed)


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
