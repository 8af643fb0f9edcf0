"""Says which clients of the matrix are out in a newer version than the one that is tested.

Asks the package indexes that pip and npm are set up for, with pip and npm, about these packages alone; nothing else in
the project asks an index for what it does not install. An index that does not answer is said, and ends with status 1.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from client_tests.environments import NODE, REQUIREMENTS, list_environments

ANSWER_S = 120
WORKERS = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """A client, and the newest of its versions that some environment holds."""

    package: str
    environment: str
    version: str


def list_clients() -> list[Asked]:
    """Every package that an environment is made for; of one that several hold, the newest."""
    found: dict[str, Asked] = {}
    for one in _list_pins():
        known = found.get(one.package)
        if known is None or order(one.version) > order(known.version):
            found[one.package] = one
    return [found[name] for name in sorted(found)]


def _list_pins() -> Iterator[Asked]:
    for name in list_environments():
        if name == NODE:
            wanted = json.loads((REQUIREMENTS / "package.json").read_text("utf-8"))["dependencies"]
            yield from (Asked(package, name, version) for package, version in wanted.items())
        else:
            pins = (REQUIREMENTS / f"{name}.in").read_text("utf-8").split()
            yield from (Asked(package, name, version) for package, _, version in (pin.partition("==") for pin in pins))


def order(version: str) -> tuple[int, ...]:
    """A version as numbers, to compare."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def ask_index(asked: Asked) -> str:
    """The newest release of a client; "" where the index does not say."""
    if asked.environment == NODE:
        command = ["npm", "view", asked.package, "version"]
    else:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "index", "versions", asked.package]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return read_answer(done.stdout) if done.returncode == 0 else ""


def read_answer(text: str) -> str:
    """The version in pip's ``name (1.2.3)`` or npm's ``1.2.3``."""
    first = text.strip().splitlines()[0] if text.strip() else ""
    found = re.search(r"\(([^)]+)\)$", first) or re.fullmatch(r"(\d\S*)", first)
    return found[1] if found else ""


def compare(clients: list[Asked], ask: Callable[[Asked], str] = ask_index) -> tuple[list[str], int]:
    """A line for each client that is out in a newer version, or that no index knows; and the status to end with."""
    with ThreadPoolExecutor(WORKERS) as pool:
        newest = list(pool.map(ask, clients))
    lines, silent = [], 0
    for one, version in zip(clients, newest, strict=True):
        where = "package.json" if one.environment == NODE else f"{one.environment}.in"
        if not version:
            silent += 1
            lines.append(f"{one.package}: the index does not say ({one.version} is tested)")
        elif order(version) > order(one.version):
            lines.append(f"{one.package} {version} is out; {one.version} is tested (client_tests/requirements/{where})")
    if not lines:
        lines = [f"all {len(clients)} clients are tested in their newest version"]
    return lines, 1 if silent else 0


def main() -> int:
    """Prints the lines."""
    lines, status = compare(list_clients())
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
