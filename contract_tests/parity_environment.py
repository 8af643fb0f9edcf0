"""The environment in which declarations are compared with the official packages: made once, then reused offline.

`google-cloud-aiplatform` wants another google-genai than everything else here, so the two cannot share one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"
PLACE = ROOT / "build" / "parity-env"
SCHEMA_TESTS = tuple(
    Path(__file__).resolve().parent / name for name in ("test_schema.py", "test_rpcs.py", "test_discovery.py")
)
PATH = (ROOT, ROOT / "emulator", ROOT / "trainer")
"""What is imported there of this checkout."""

INSTALL_TIME_S = 900
TESTS_TIME_S = 600


class ParityEnvironmentError(RuntimeError):
    """The environment cannot be made; the text says what failed and what to do."""


def name_stamp(requirements: bytes) -> str:
    """The stamp of a finished environment of these requirements and this Python."""
    return f".stamp-{hashlib.sha256(requirements + sys.version.encode()).hexdigest()[:16]}"


def make_environment(place: Path = PLACE, requirements: Path = REQUIREMENTS) -> Path:
    """The environment's Python. The stamp is written last, under a lock; with it in place nothing is installed.

    Args:
        requirements: All that is in it, as pins.

    Raises:
        ParityEnvironmentError: pip failed; without a network it must have been made before.
    """
    python, stamp = place / "bin" / "python", place / name_stamp(requirements.read_bytes())
    if stamp.exists():
        return python
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not stamp.exists():
            print(f"set-up: making {place.relative_to(ROOT)} from {requirements.name} (once)", file=sys.stderr)  # noqa: T201
            _run(sys.executable, "-m", "venv", "--clear", str(place))
            pip = (str(python), "-m", "pip", "--disable-pip-version-check", "install", "-qq", "--no-compile")
            _run(*pip, "--no-deps", "-r", str(requirements))
            stamp.touch()
    return python


def _run(*command: str) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_TIME_S, check=False
    )
    if done.returncode != 0:
        end = done.stderr.strip().splitlines()[-5:]
        raise ParityEnvironmentError(f"{' '.join(command)}: exit {done.returncode}: {' '.join(end)}")


def compare_schema(python: Path) -> subprocess.CompletedProcess[str]:
    """Runs the comparison there, without this project's test configuration, which the environment knows nothing of."""
    command = [str(python), "-m", "pytest", "-c", os.devnull, "--rootdir", str(ROOT), "--noconftest"]
    command += ["-p", "no:cacheprovider", "--import-mode=importlib", "-q", "-rs", *map(str, SCHEMA_TESTS)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, PATH)), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TESTS_TIME_S, check=False
    )
