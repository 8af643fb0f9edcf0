"""What would be asked of a service: from the command line, and where that says nothing, from the data's form."""

from __future__ import annotations

import argparse
import json
from typing import Any

from tuning_emulator.cli.values import want_number, want_storage, want_whole
from tuning_emulator.control.dry_run import TuningRequest, is_pipe, open_lines
from tuning_emulator.core.as_of import LENIENT, Day
from tuning_emulator.core.records import Api, Hyperparameters, TuningMethod
from tuning_emulator.settings import parse_days
from tuning_emulator.storage.objects import LineTooLongError

MODELS = {"gemini": "gemini-1.5-flash-001-tuning", "vertex": "gemini-3.5-flash"}
"""What is tuned unless somebody says otherwise: the Gemini API's last model that could be, and Vertex AI's of today."""

ADAPTER_SIZES = (1, 2, 4, 8, 16, 32)
_METHODS = ("supervised", "full", "preference")
_GEMINI_KEYS = frozenset(("text_input", "textInput"))
_OPTIONS_OF_VERTEX = ("validation", "adapter_size", "location")


def add_request(parser: argparse.ArgumentParser) -> None:
    """What would be asked of the service beside the dataset; ``make_request`` reads it."""
    parser.add_argument("--api", choices=["gemini", "vertex"], help="which service (seen from the data's form)")
    parser.add_argument(
        "--model", help="base model ({vertex}; of the Gemini API the last one that it tuned)".format_map(MODELS)
    )
    parser.add_argument("--method", choices=_METHODS, help="kind of tuning (supervised or preference, by the form)")
    parser.add_argument("--validation", default="", metavar="FILE", help="validation dataset (Vertex AI)")
    parser.add_argument("--epochs", type=want_whole(), metavar="N", help="passes over the data (the service's default)")
    parser.add_argument("--batch-size", type=want_whole(), metavar="N", help="examples a step (the service's default)")
    parser.add_argument("--learning-rate-multiplier", type=want_number, metavar="X", help="of the service's rate (1)")
    parser.add_argument(
        "--adapter-size",
        type=want_whole(),
        choices=ADAPTER_SIZES,
        metavar="N",
        help="rank of the adapter (the model's)",
    )
    parser.add_argument("--location", help="region of the job, of Vertex AI (us-central1)")


def add_storage(parser: argparse.ArgumentParser) -> None:
    """Where ``gs://`` is."""
    parser.add_argument(
        "--storage",
        type=want_storage,
        default="",
        metavar="URL",
        help="storage emulator for gs:// ($STORAGE_EMULATOR_HOST)",
    )


def make_request(parsed: argparse.Namespace) -> TuningRequest:
    """The command line as a request; what it leaves open is seen from the first line of the data.

    Raises:
        ValueError: a value is not possible; the text names it. OSError, StorageError: the data cannot be read.
    """
    if parsed.dataset == parsed.validation == "-":
        raise ValueError("--validation: standard input can be read once; give one of the two as a file")
    day = parse_day(getattr(parsed, "as_of", None))
    first: dict[str, Any] = {}
    piped = is_pipe(parsed.dataset)
    if piped and parsed.api is None:
        raise ValueError("--api: a pipe is read once, so the data's form cannot be seen before; give --api")
    if not piped and (parsed.api is None or (parsed.api == "vertex" and parsed.method is None)):
        first = read_first_row(parsed.dataset, parsed.storage)
    api: Api = parsed.api or ("gemini" if _GEMINI_KEYS & first.keys() else "vertex")
    method = parsed.method or ("preference" if api == "vertex" and "completions" in first else "supervised")
    if api == "gemini" and (wrong := next((one for one in _OPTIONS_OF_VERTEX if getattr(parsed, one)), None)):
        takes = {"validation": "takes no validation dataset", "location": "has no regions"}
        says = takes.get(wrong, "has no such parameter")
        raise ValueError(f"--{wrong.replace('_', '-')}: the Gemini API {says}; leave it out")
    return TuningRequest(
        parsed.dataset,
        parsed.model or MODELS[api],
        api,
        TuningMethod(method),
        parsed.validation,
        parsed.location or "us-central1",
        Hyperparameters(
            epochs=parsed.epochs,
            batch_size=parsed.batch_size,
            learning_rate_multiplier=parsed.learning_rate_multiplier,
            adapter_size=parsed.adapter_size,
        ),
        day,
        parsed.storage,
        getattr(parsed, "processes", 0),
    )


def read_first_row(name: str, storage: str) -> dict[str, Any]:
    """The first row of a dataset; {} where that is no JSON object.

    Raises:
        OSError, StorageError: it cannot be read.
    """
    try:
        with open_lines(name, storage) as lines:
            first = next((line for line in lines if line.strip()), b"")
        text = first.decode("utf-8-sig").strip().removeprefix("[").lstrip()  # the Gemini API's may be an array
        row, _ = json.JSONDecoder().raw_decode(text)
    except (LineTooLongError, ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def parse_day(text: str | None) -> Day:
    """The day of ``--as-of``; leniency without one.

    Raises:
        ValueError: no date.
    """
    if text is None:
        return LENIENT
    try:
        days = parse_days(text)
    except ValueError as error:
        raise ValueError(f"--as-of: {error}") from error
    if list(days) != ["*"]:
        raise ValueError(f"--as-of: {text!r} is not a date like 2024-08-01, nor `today`")
    return Day(days["*"].isoformat(), lenient=False)
