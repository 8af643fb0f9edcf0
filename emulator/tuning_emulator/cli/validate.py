"""``tuning-emulator validate``: what the service would say about a dataset, and apart from it what can be done here."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter

from tuning_emulator.control.dataset_report import describe_check
from tuning_emulator.control.dry_run import BrokenRule, DryRun, TuningRequest, dry_run
from tuning_emulator.core.as_of import LENIENT, Day
from tuning_emulator.core.records import DatasetStatistics, Distribution, Hyperparameters, TuningMethod
from tuning_emulator.settings import parse_days
from tuning_emulator.storage.objects import StorageError

KEPT_ERRORS = 1000
SHOWN_ERRORS, SHOWN_OF_A_RULE = 8, 3
"""Without ``--max-errors``: so many lines, and so many of them about the same."""
_METHODS = ("supervised", "full", "preference")
_SERVICES = {"gemini": "Gemini API", "vertex": "Vertex AI"}
_MILLION = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The dataset, and what would be asked for."""
    parser.add_argument("dataset", help="JSON lines: a file, gs://bucket/object, or - for standard input")
    parser.add_argument("--model", required=True, help="base model: gemini-3.5-flash, gemini-1.5-flash-001-tuning …")
    parser.add_argument("--api", choices=["gemini", "vertex"], required=True, help="which service")
    add_request(parser)
    parser.add_argument("--as-of", metavar="DATE", help="rules of that day, `today` for now (everything ever offered)")
    parser.add_argument(
        "--storage", default="", metavar="URL", help="storage emulator for gs:// ($STORAGE_EMULATOR_HOST)"
    )
    parser.add_argument(
        "--max-errors",
        type=int,
        help=f"errors shown; all are counted; 0: no limit ({SHOWN_ERRORS}, {KEPT_ERRORS} with --json)",
    )
    parser.add_argument("--processes", type=int, default=0, help="that count a large file (one for each core)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def add_request(parser: argparse.ArgumentParser) -> None:
    """What would be asked of the service beside dataset and model; ``make_request`` reads it."""
    parser.add_argument("--validation", default="", metavar="FILE", help="validation dataset (Vertex AI)")
    parser.add_argument("--method", choices=_METHODS, default="supervised", help="kind of tuning (%(default)s)")
    parser.add_argument("--epochs", type=int, help="passes over the data (the service's default)")
    parser.add_argument("--batch-size", type=int, help="examples a step (the service's default)")
    parser.add_argument("--learning-rate-multiplier", type=float, help="of the service's rate (1)")
    parser.add_argument("--adapter-size", type=int, help="rank of the adapter (the model's default)")
    parser.add_argument("--location", default="us-central1", help="region of the job (%(default)s)")


def run(parsed: argparse.Namespace) -> int:
    """Checks and prints. 0: it would be taken, 1: it would be refused, 2: it cannot be checked."""
    shown = ShownErrors(parsed.max_errors, parsed.json)
    try:
        request = make_request(parsed)
        found = dry_run(request, shown)
    except (OSError, StorageError, ValueError) as error:
        print(f"tuning-emulator: {error}", file=sys.stderr)
        return 2
    if parsed.json:
        print(json.dumps(describe_check(request, found, shown.kept), ensure_ascii=False, indent=2))
    else:
        print("\n".join([*shown.lines, *format_dry_run(request, found, found.errors - len(shown.lines))]))
    return 0 if found.good else 1


class ShownErrors:
    """Takes broken rules; keeps as many as are shown.

    Attributes:
        kept: They. lines: The same for people.
    """

    def __init__(self, limit: int | None, all_alike: bool = False) -> None:
        self.kept: list[BrokenRule] = []
        self._alike: Counter[str] = Counter()
        self._limit = limit if limit is not None else KEPT_ERRORS if all_alike else SHOWN_ERRORS
        self._few = limit is None and not all_alike

    def __call__(self, broken: BrokenRule) -> None:
        self._alike[broken.rule] += 1
        if self._few and self._alike[broken.rule] > SHOWN_OF_A_RULE:
            return
        if not self._limit or len(self.kept) < self._limit:
            self.kept.append(broken)

    @property
    def lines(self) -> list[str]:
        return [format_broken_rule(one) for one in self.kept]


def make_request(parsed: argparse.Namespace) -> TuningRequest:
    """The command line as a request.

    Raises:
        ValueError: a value is not possible; the text names it.
    """
    sizes = (1, 2, 4, 8, 16, 32)
    if parsed.adapter_size is not None and parsed.adapter_size not in sizes:
        raise ValueError(f"--adapter-size: {parsed.adapter_size} is not one of {', '.join(map(str, sizes))}")
    if parsed.dataset == parsed.validation == "-":
        raise ValueError("--validation: standard input can be read once; give one of the two as a file")
    asked = Hyperparameters(
        epochs=parsed.epochs,
        batch_size=parsed.batch_size,
        learning_rate_multiplier=parsed.learning_rate_multiplier,
        adapter_size=parsed.adapter_size,
    )
    return TuningRequest(
        parsed.dataset,
        parsed.model,
        parsed.api,
        TuningMethod(parsed.method),
        parsed.validation,
        parsed.location,
        asked,
        parse_day(parsed.as_of),
        parsed.storage,
        getattr(parsed, "processes", 0),
    )


def parse_day(text: str | None) -> Day:
    """The day of ``--as-of``; leniency without one.

    Raises:
        ValueError: no date.
    """
    if text is None:
        return LENIENT
    days = parse_days(text)
    if list(days) != ["*"]:
        raise ValueError(f"--as-of: {text!r} is not a date like 2024-08-01, nor `today`")
    return Day(days["*"].isoformat(), lenient=False)


# --- for people


def format_broken_rule(broken: BrokenRule) -> str:
    """``train.jsonl:3: Row: 2. …``; what is wrong with the request itself has no place."""
    place = f"{broken.where}:{broken.line}: " if broken.line else f"{broken.where}: " if broken.where else ""
    return f"{place}{broken.message}"


def format_dry_run(request: TuningRequest, found: DryRun, not_shown: int) -> list[str]:
    """Everything after the errors: what the service would do, then what the emulator would."""
    lines = format_rest(not_shown)
    errors = "1 error" if found.errors == 1 else f"{found.errors:,} errors"
    service = _SERVICES[request.api]
    if found.errors:
        lines.append(f"{errors}: {service} would refuse to tune {request.base_model} with this")
    elif not found.good:
        lines.append(f"no answer: no request to the {service} could carry this file")
    else:
        lines.append(f"no errors: {service} would tune {request.base_model} with this")
    lines += format_emulator(found)
    if found.good and found.statistics is not None and found.hyperparameters is not None:
        lines += ["", *_format_statistics(found.statistics), *_format_costs(request, found, found.hyperparameters)]
    return lines


def format_rest(count: int) -> list[str]:
    """How many errors are not shown."""
    return [f"… and {count:,} more error{'s' if count > 1 else ''}"] if count > 0 else []


def format_emulator(found: DryRun) -> list[str]:
    """What this emulator says of the files, and what it can do with them; none of it is a service's."""
    lines = [line for one in found.diagnoses for line in (f"tuning-emulator: {one.text}", f"  {one.remedy}")]
    statistics = found.statistics
    if not found.good or statistics is None:
        return lines
    kept = statistics.examples - statistics.dropped_count
    lines.append(
        f"tuning-emulator: trains on {'all' if not statistics.dropped_count else 'the other'} {kept:,} examples"
    )
    for reason, count, first in statistics.reduced:
        lines.append(f"  {count:,} in part (example {first:,}{' …' if count > 1 else ''}): {reason}")
    return lines


def _format_statistics(statistics: DatasetStatistics) -> list[str]:
    dropped = f", {statistics.dropped_count:,} of them left out" if statistics.dropped_count else ""
    lines = [f"examples         {statistics.examples:,}{dropped}"]
    lines += [f"                 example {index}: {reason}" for index, reason in statistics.dropped[:3]]
    for name, counts in (
        ("input tokens", statistics.input_tokens),
        ("output tokens", statistics.output_tokens),
        ("messages", statistics.messages),
    ):
        lines.append(f"{name:<16} {_format_distribution(counts)}")
    return lines


def _format_distribution(counts: Distribution) -> str:
    figures = [f"{name} {getattr(counts, name):,.10g}" for name in ("min", "median", "p95", "max")]
    return f"{counts.sum:,} in all; mean {counts.mean:,.1f}, {', '.join(figures)}"


def _format_costs(request: TuningRequest, found: DryRun, used: Hyperparameters) -> list[str]:
    assert found.statistics is not None
    adapter = f", adapter size {used.adapter_size}" if request.api == "vertex" and used.adapter_size else ""
    rate = f"learning rate {used.learning_rate:g}" if request.api == "gemini" else _format_multiplier(used)
    return [
        f"hyperparameters  epochs {used.epochs}, {rate}{adapter}, batch size {used.batch_size}",
        f"steps            {found.steps:,}",
        f"billable tokens  {found.statistics.billable_tokens:,} (approximated: the service's tokenizer is not public)",
        f"training tokens  {found.training_tokens:,} (billable tokens times epochs)",
        f"cost             {format_cost(found)}",
    ]


def _format_multiplier(used: Hyperparameters) -> str:
    return f"learning rate multiplier {used.learning_rate_multiplier:g}"


def format_cost(found: DryRun) -> str:
    """What it would cost, with the price and how well that is known."""
    price = found.price
    if price is None:
        return "unknown: no public price is known for this model and method"
    known = f"{price.grade}, {price.dated}: {price.source}"
    if not price.value:
        return f"nothing ({known})"
    dollars = found.training_tokens * price.value / _MILLION
    return f"about ${dollars:,.2f} at ${price.value:g} for a million training tokens ({known})"
