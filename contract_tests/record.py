"""``python -m contract_tests.record``: asks the real services again and writes down what they answer today.

Only exchanges that need nothing to be there are asked (``live`` in their row). Secrets and personal data are taken out
first; if any is left, nothing is written.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contract_tests.exchange import RECORDINGS, parse_recording, print_rows, read_rows
from contract_tests.scrub import LeakError, find_leaks, scrub_headers, scrub_text, scrub_value
from contract_tests.targets import LIVE_VARIABLES, Target, find_live
from contract_tests.transcript import Heard

SOURCE = "recorded by `make record`"


def refresh_row(row: Mapping[str, Any], heard: Heard, secrets: Mapping[str, str], day: str) -> dict[str, Any]:
    """A row with a new answer, free of secrets. The request stays as it stands, with placeholders.

    Raises:
        LeakError: something private is left.
    """
    answer: dict[str, Any] = {"status": heard.status, "headers": scrub_headers(list(heard.headers), secrets)}
    text = heard.content.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, dict) and "text" not in row["answer"]:
        answer["body"] = scrub_value(value, secrets)
    else:
        answer["text"] = scrub_text(text, secrets)
    fresh = {**row, "source": SOURCE, "date": day, "answer": answer}
    fresh.pop("note", None)
    leaks = find_leaks(json.dumps(fresh, ensure_ascii=False), secrets)
    if leaks:
        raise LeakError(f"{row['name']}: still has {', '.join(leaks)}; nothing was written")
    return fresh


def is_changed(row: Mapping[str, Any], fresh: Mapping[str, Any]) -> bool:
    """Whether the service answers otherwise than it did: another status or another body."""
    names = ("status", "body", "text")
    return [row["answer"].get(name) for name in names] != [fresh["answer"].get(name) for name in names]


async def refresh_rows(
    rows: list[dict[str, Any]], target: Target, secrets: Mapping[str, str], day: str
) -> tuple[list[dict[str, Any]], list[str]]:
    """Asks for every live row again; answers all rows, and the names of those whose answer changed.

    Raises:
        LeakError: something private is left.
    """
    fresh_rows, changed = [], []
    for row in rows:
        recording = parse_recording(row)
        fresh = row
        if recording.live:
            fresh = refresh_row(row, await target.ask(recording, recording.request), secrets, day)
        fresh_rows.append(fresh if is_changed(row, fresh) else row)
        if is_changed(row, fresh):
            changed.append(recording.name)
    return fresh_rows, changed


def refresh_file(file: Path, target: Target, secrets: Mapping[str, str], day: str) -> list[str]:
    """Refreshes one file, all of it or nothing; answers the names of what changed. Raises as ``refresh_rows``."""
    rows, changed = asyncio.run(refresh_rows(read_rows(file), target, secrets, day))
    if changed:
        file.write_text(print_rows(rows), encoding="utf-8")
    return changed


def main() -> int:
    """Says what changed."""
    live = find_live()
    if live is None:
        print(f"record: set {', '.join(LIVE_VARIABLES.values())} to ask the real services", file=sys.stderr)  # noqa: T201
        return 1
    day = datetime.now(UTC).date().isoformat()
    changed = [
        name for file in sorted(RECORDINGS.glob("*.json")) for name in refresh_file(file, live, live.values, day)
    ]
    print("\n".join(changed) or "record: every service answers as recorded")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
