"""``tuning-emulator validate``: what the service would say about a dataset, and apart from it what can be done here."""

from __future__ import annotations

import argparse
import json
import sys

from tuning_emulator.cli.broken_rules import KEPT, BrokenRules
from tuning_emulator.cli.request import add_request, add_storage, make_request
from tuning_emulator.cli.values import describe_error, want_whole
from tuning_emulator.control.dataset_report import describe_check
from tuning_emulator.control.dry_run import DryRun, TuningRequest, dry_run
from tuning_emulator.core.records import DatasetStatistics, Distribution, Hyperparameters
from tuning_emulator.storage.objects import StorageError

_REASONS = 4
"""Kinds of examples that are read in part, of which no more are listed: a verdict has twenty lines at most."""
_SERVICES = {"gemini": "Gemini API", "vertex": "Vertex AI"}
_MILLION = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The dataset, and what would be asked for."""
    parser.add_argument("dataset", help="JSON lines: a file, gs://bucket/object, or - for standard input")
    add_request(parser)
    parser.add_argument("--as-of", metavar="DATE", help="rules of that day, `today` for now (everything ever offered)")
    add_storage(parser)
    parser.add_argument(
        "--max-errors",
        type=want_whole(0),
        metavar="N",
        help=f"list so many errors one by one, 0: all (one of each kind; {KEPT} with --json)",
    )
    parser.add_argument(
        "--processes", type=want_whole(0), default=0, metavar="N", help="that count a large file (one for each core)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(parsed: argparse.Namespace) -> int:
    """Checks and prints. 0: it would be taken, 1: it would be refused, 2: it cannot be checked."""
    broken = BrokenRules(parsed.max_errors)
    try:
        request = make_request(parsed)
        found = dry_run(request, broken)
    except (OSError, StorageError, ValueError) as error:
        print(f"tuning-emulator: {describe_error(error)}", file=sys.stderr)
        return 2
    if parsed.json:
        print(json.dumps(describe_check(request, found, broken.kept), ensure_ascii=False, indent=2))
    else:
        print("\n".join([*broken.format(), *format_dry_run(request, found)]))
    return 0 if found.good else 1


# --- for people


def format_dry_run(request: TuningRequest, found: DryRun) -> list[str]:
    """Everything after the errors: what the service would do, then what the emulator would."""
    lines = []
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
    for reason, count, first in statistics.reduced[:_REASONS]:
        lines.append(f"  {count:,} in part (example {first:,}{' …' if count > 1 else ''}): {reason}")
    if (more := len(statistics.reduced) - _REASONS) > 0:
        lines.append(f"  … and for {more} more reason{'s' if more > 1 else ''}; --json has them all")
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
