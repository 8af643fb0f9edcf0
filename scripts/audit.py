"""What is known against the versions of requirements.lock; where nobody can be asked, how old each of them is.

pip-audit asks a database, and uv the index for the day of each release; both live in an environment of their own. This
is the one command that sends the list of versions anywhere, and it runs when it is called only.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contract_tests.parity_environment import ParityEnvironmentError, make_environment

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
TOOLS = ROOT / "build" / "supply-env"
PINS = Path(__file__).resolve().parent / "supply.txt"
DATABASES = ("pypi", "osv")
"""As pip-audit calls them, in the order in which they are asked."""

LIMIT_S = 300.0
_QUOTED = 120


class UnreachedError(RuntimeError):
    """Nobody answered; the text says what was said instead."""


@dataclass(frozen=True)
class Audit:
    """A database's answer.

    Attributes:
        checked: How many versions it knew. skipped: Names that it did not, with the reason.
        findings: One line for each vulnerability.
    """

    checked: int
    skipped: Mapping[str, str]
    findings: Sequence[str]


def read_audit(report: str) -> Audit:
    """What pip-audit's JSON says.

    Raises:
        UnreachedError: it knows none of the versions, which it calls a success: the database has not answered.
    """
    try:
        rows: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError) as error:
        raise UnreachedError("pip-audit printed no report") from error
    skipped = {row["name"]: row["skip_reason"] for row in rows if "skip_reason" in row}
    checked = [row for row in rows if "skip_reason" not in row]
    if not checked:
        raise UnreachedError(next(iter(skipped.values()), "no version was asked about"))
    findings = [
        f"{row['name']} {row['version']}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'no version'}"
        for row in checked
        for found in row["vulns"]
    ]
    return Audit(len(checked), skipped, findings)


def ask_database(python: Path, database: str) -> Audit:
    """Every version of the lock, asked of one database.

    Raises:
        UnreachedError: it has not answered.
    """
    command = [str(python), "-m", "pip_audit", "-r", str(LOCK), "--no-deps", "--disable-pip", "-f", "json"]
    done = _run([*command, "--progress-spinner", "off", "-s", database])
    if done.returncode not in (0, 1) or not done.stdout.strip():
        raise UnreachedError((done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1])
    return read_audit(done.stdout)


def read_releases(pylock: str) -> dict[str, datetime]:
    """The day of each release: that of its first file. Source: packaging.python.org, pylock.toml (``upload-time``)."""
    released = {}
    for package in tomllib.loads(pylock).get("packages", []):
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        times = [file["upload-time"] for file in files if "upload-time" in file]
        if times:
            released[package["name"]] = min(times)
    return released


def ask_index(python: Path) -> dict[str, datetime]:
    """The day of each release, where the index tells it."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "pylock.toml"
        command = [str(python.with_name("uv")), "pip", "compile", "--no-config", "--quiet", "--no-deps", str(LOCK)]
        done = _run([*command, "--format", "pylock.toml", "--output-file", str(output)])
        return read_releases(output.read_text("utf-8")) if done.returncode == 0 and output.exists() else {}


def format_ages(pins: Mapping[str, str], released: Mapping[str, datetime], today: datetime) -> str:
    """One line for each version, the oldest first; those of which nothing is known at the end."""
    unknown = datetime.max.replace(tzinfo=UTC)
    lines = []
    for name, version in sorted(pins.items(), key=lambda pin: (released.get(pin[0], unknown), pin[0])):
        day = released.get(name)
        age = f"{day:%Y-%m-%d}  {(today - day).days:5} days" if day else "unknown"
        lines.append(f"{name:32} {version:20} {age}")
    return "\n".join(lines)


def read_pins(lock: str) -> dict[str, str]:
    """Name → version."""
    return dict(line.split("==") for line in lock.splitlines() if "==" in line and not line.startswith("#"))


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        return subprocess.CompletedProcess(command, 124, "", str(error))


def main() -> int:
    """Says what is known. 1: something is known against a version; 0 also where nobody could be asked, and says so."""
    pins = read_pins(LOCK.read_text("utf-8"))
    failures = []
    try:
        python = make_environment(TOOLS, PINS)
    except ParityEnvironmentError as error:
        print(format_ages(pins, {}, datetime.now(UTC)))
        print(f"audit: NOT AUDITED: pip-audit cannot be installed: {error}")
        return 0
    for database in DATABASES:
        try:
            audit = ask_database(python, database)
        except UnreachedError as error:
            failures.append(f"{database}: {str(error)[:_QUOTED]}")
            continue
        print(*audit.findings, *(f"{name}: not checked: {why}" for name, why in audit.skipped.items()), sep="\n")
        found = f"{len(audit.findings)} vulnerabilities"
        print(f"audit: {audit.checked} of {len(pins)} versions checked with {database}: {found}")
        return 1 if audit.findings else 0
    released = ask_index(python)
    print(format_ages(pins, released, datetime.now(UTC)))
    print(f"audit: NOT AUDITED: no vulnerability database was reached ({'; '.join(failures)}).")
    print(f"Above is how old the {len(pins)} versions are; {len(pins) - len(released.keys() & pins)} ages are unknown.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
