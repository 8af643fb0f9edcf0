"""``tuning-emulator rules``: what the real services say and do, row by row."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys

from tuning_emulator.core.errors import GRADES
from tuning_emulator.facts.catalogue import count_by_grade, list_entries


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which rows, and how they are printed."""
    parser.add_argument("--grade", choices=GRADES, help="only rows of this grade")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(parsed: argparse.Namespace) -> int:
    """Prints every row, and the count of each grade to standard error."""
    entries = list_entries()
    for entry in entries:
        if parsed.grade in (None, entry.grade):
            if parsed.json:
                print(json.dumps(dataclasses.asdict(entry), ensure_ascii=False))
            else:
                print(f"{entry.where}: {entry.name} [{entry.grade}] {entry.kind}{entry.days}")
                print(f"    {entry.text!r}")
                print(f"    {entry.source}")
    counts = count_by_grade(entries)
    print(", ".join(f"{number} {grade}" for grade, number in counts.items()), file=sys.stderr)
    return 0
