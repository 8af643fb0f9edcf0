"""``tuning-emulator journal``: the requests that a running emulator had."""

from __future__ import annotations

import argparse
from typing import Any

from tuning_emulator.cli.control import add_target, ask
from tuning_emulator.testing.client import Control


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which requests, and in what form."""
    add_target(parser)
    parser.add_argument("--method", help="glob, GetTunedModel; `-`: those that matched no method")
    parser.add_argument("--client", help="part of the client's name")
    parser.add_argument("--test", help="the header x-tuning-emulator-test")
    parser.add_argument("--status", help="404, 4xx or NOT_FOUND")
    parser.add_argument("--limit", type=int, default=20, help="how many at most (%(default)s)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="whole entries, one JSON object a line")
    form.add_argument("--count", action="store_true", help="only how many there are")
    form.add_argument("--clear", action="store_true", help="forget them")


def run(parsed: argparse.Namespace) -> int:
    """Prints a line a request, the latest last."""
    chosen = {"method": parsed.method, "client": parsed.client, "test": parsed.test, "status": parsed.status}
    if parsed.clear:
        return ask(parsed, lambda control: control.journal.clear())
    if parsed.count:
        return ask(parsed, lambda control: control.journal.count(**chosen))
    return ask(parsed, lambda control: list_entries(control, parsed, chosen))


def list_entries(control: Control, parsed: argparse.Namespace, chosen: dict[str, Any]) -> list[Any]:
    """The entries, whole or as lines."""
    entries = control.journal.list(limit=parsed.limit, **chosen)[::-1]
    return entries if parsed.json else [format_entry(entry) for entry in entries]


def format_entry(entry: dict[str, Any]) -> str:
    """``12:30:01.123 grpc POST /… → 200 (2 ms) client`` and, where refused, the rule, the nearest route, the hints."""
    time = entry["time"].partition("T")[2][:12]
    outcome = entry["status"] or entry["broken"] or "none"
    line = (
        f"{time} {entry['transport']} {entry['verb']} {entry['path']} → {outcome} ({entry['duration_s'] * 1e3:.0f} ms)"
    )
    nearest = entry["nearest"]
    extra = [
        entry["rule"],
        f"fault {entry['fault']}" if entry["fault"] else "",
        f"did you mean {nearest['route']}: {'; '.join(nearest['differences'])}" if nearest else "",
        *entry["notes"],
    ]
    return " · ".join([line, *filter(None, extra)])
