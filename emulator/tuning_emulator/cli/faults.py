"""``tuning-emulator faults``: trouble that a running emulator makes on purpose."""

from __future__ import annotations

import argparse
import json
from typing import Any

from tuning_emulator.cli.control import add_target, ask


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One to add, one to remove, or none: list them with their counters."""
    add_target(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--add", type=parse_fault, metavar="JSON", help='{"method": "GetTuningJob", "code": 503, …}')
    what.add_argument("--remove", metavar="ID", help="take one away; prints its last counters")
    what.add_argument("--clear", action="store_true", help="take all away, or the project's")


def parse_fault(text: str) -> dict[str, Any]:
    """A fault as JSON; which fields it may have is in /emulator/docs."""
    try:
        fault = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not JSON: {error}") from error
    if not isinstance(fault, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON object")
    return fault


def run(parsed: argparse.Namespace) -> int:
    """Prints the faults concerned."""
    if parsed.add is not None:
        return ask(parsed, lambda control: control.faults.add(**parsed.add))
    if parsed.remove is not None:
        return ask(parsed, lambda control: control.faults.remove(parsed.remove))
    if parsed.clear:
        return ask(parsed, lambda control: control.faults.clear())
    return ask(parsed, lambda control: control.faults.list())
