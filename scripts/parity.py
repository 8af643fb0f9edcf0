"""Runs the contract tests with every official client library, in an environment of its own under `build/parity`.

google-cloud-aiplatform wants an older google-genai than the demo shows, so the two cannot share an environment.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / "build" / "parity"
OFFICIAL = (
    "google-cloud-aiplatform==2.7.0",
    "google-ai-generativelanguage==0.12.1",
    "google-api-python-client==2.202.0",
)
TESTS = ("pytest>=9", "pytest-asyncio", "httpx", "hypothesis")


def make_environment() -> Path:
    """The environment's Python; made once, finished when the stamp of its libraries is there."""
    stamp = VENV / f".stamp-{hashlib.sha256(' '.join(OFFICIAL + TESTS).encode()).hexdigest()[:16]}"
    python = VENV / "bin" / "python"
    if not stamp.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        install = [str(python), "-m", "pip", "install", "-qq", "--no-compile"]
        subprocess.run([*install, *OFFICIAL, *TESTS, "--editable", str(ROOT)], check=True)
        stamp.touch()
    return python


def main() -> int:
    """Runs the tests; none is skipped for want of a library."""
    command = [str(make_environment()), "-m", "pytest", "contract_tests", "-p", "no:cacheprovider"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
