"""What each row last came to, in a file that docs/reference/clients.md is written from."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from client_tests.environments import NODE
from client_tests.matrix import ROWS
from client_tests.row import Row

RESULTS = Path(__file__).resolve().parent / "results.json"
HEADINGS = ("client", "version", "transport", "how to point it here", "result", "calls")
PYTHON = platform.python_version()
Results: TypeAlias = dict[str, dict[str, Any]]


def write_results(calls: Mapping[str, int]) -> None:
    """Keeps the result of rows that passed; of others of the matrix the one before stays. ``calls``: by row."""
    command = ["node", "--version"]
    node = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    before = read_results() if RESULTS.exists() else {}
    today = datetime.now(UTC).date().isoformat()
    results: Results = {}
    for row in ROWS:
        if row.name in calls:
            program = f"Node {node.removeprefix('v')}" if row.environment == NODE else f"Python {PYTHON}"
            run = {"date": today, "on": program, "version": row.version, "steps": len(row.steps)}
            results[row.name] = {**run, "calls": calls[row.name]}
        elif row.name in before:
            results[row.name] = before[row.name]
    RESULTS.write_text(f"{json.dumps(results, indent=1)}\n", encoding="utf-8")


def read_results() -> Results:
    """What each row last came to."""
    results: Results = json.loads(RESULTS.read_text("utf-8"))
    return results


def format_result(row: Row) -> str:
    """What a row's program gets through, and what not, and why."""
    parts = [f"{len(row.steps) - len(row.refused)} steps"]
    parts += [f"{step}: {status}, {why}" for step, (status, why) in row.refused.items()]
    reasons: dict[str, list[str]] = {}
    for step, why in row.lacks.items():
        reasons.setdefault(why, []).append(step)
    parts += [f"no {', '.join(steps)}: {why}" for why, steps in reasons.items()]
    return "; ".join(parts)


def list_cells() -> list[tuple[str, ...]]:
    """The table's rows, and the sum."""
    results = read_results()
    cells: list[tuple[str, ...]] = []
    for row in ROWS:
        found = results.get(row.name)
        said = (format_result(row), str(found["calls"])) if found else ("**has not passed yet**", "")
        cells.append((row.package, found["version"] if found else row.version, row.transport, row.pointing, *said))
    since = min(found["date"] for found in results.values())
    programs = ", ".join(sorted({found["on"] for found in results.values()}))
    calls = sum(found["calls"] for found in results.values())
    passed = f"{len(results)} of {len(ROWS)} passed ({since}, {programs})"
    return [*cells, ("**all**", "", "", "", passed, f"**{calls}**")]
