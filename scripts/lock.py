"""Writes requirements.lock: every version that the development environment is made of.

Asks pip what it would install for `.[dev]` (newest releases that the package metadata allows) and writes the
answer down without hashes, because the same release of torch has a different file on each platform.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
PINNED = ("torch==2.13.0",)  # has a CPU build everywhere; the package metadata allows newer ones
BUILD = ("hatchling",)
# Parts of torch's CUDA builds: which of them are needed is torch's own business on each platform.
PLATFORM = re.compile(r"^(nvidia-|triton|cuda-)")
HEADER = """\
# Every version of the development environment, used as constraints by every install.
# Written by `make lock`; do not edit. No hashes: one release of torch has another file on each platform.
"""


def ask_pip(python: str) -> list[dict[str, str]]:
    """What pip would install into an empty environment: rows with `name` and `version`."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [python, "-m", "pip", "install", "-qq", "--dry-run", "--ignore-installed"]
        subprocess.run([*command, "--report", str(report), ".[dev]", *BUILD, *PINNED], cwd=ROOT, check=True)
        return [entry["metadata"] for entry in json.loads(report.read_text("utf-8"))["install"]]


def format_lock(rows: list[dict[str, str]]) -> str:
    """The lock's text: one `name==version` a line, sorted, local version parts (`+cpu`) left out."""
    pins = {re.sub(r"[-_.]+", "-", row["name"]).lower(): row["version"].split("+")[0] for row in rows}
    pins.pop("tuning-emulator", None)
    kept = sorted((name, version) for name, version in pins.items() if not PLATFORM.match(name))
    return HEADER + "".join(f"{name}=={version}\n" for name, version in kept)


def main() -> None:
    """Writes the lock and says how many pins it holds."""
    text = format_lock(ask_pip(sys.executable))
    LOCK.write_text(text, encoding="utf-8")
    print(f"{LOCK.name}: {text.count('==')} versions")


if __name__ == "__main__":
    main()
