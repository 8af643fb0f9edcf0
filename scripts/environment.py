"""Makes the virtual environment in `.venv` that every make target runs in, and says at once when it is already there.

Run by the system's Python, so standard library only. An environment is finished when it carries the stamp of the
files it was made from; the stamp is written last, under a lock, so that an interrupted or a second call
never takes half an environment for a whole one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
SOURCES = (LOCK, ROOT / "pyproject.toml", Path(__file__).resolve())
PACKAGES = ("emulator/tuning_emulator", "trainer/tuning_trainer")
"""Compiled too: installed from here, pip leaves them as they are."""
KEEP_SCHEMAS = "import tuning_emulator.app, tuning_emulator.storage.messages"
"""What a first start reads and keeps beside the bytecode, see ``schema.cached``."""
OLDEST_PYTHON = (3, 11)


def name_stamp() -> str:
    """The stamp of the environment that these files, this Python and this place ask for."""
    digest = hashlib.sha256(f"{VENV} {sys.version}".encode())
    for source in SOURCES:
        digest.update(source.read_bytes())
    return f".stamp-{digest.hexdigest()[:16]}"


def run(*command: str | Path) -> None:
    """Runs a program and shows what it prints; a failure ends the set-up with the program's exit code."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        print(f"set-up: failed: {' '.join(str(part) for part in command)}", file=sys.stderr)
        raise SystemExit(done.returncode)


def has_venv() -> bool:
    """Debian ships Python without ensurepip: `python3 -m venv` then fails half-way."""
    probe = "import ensurepip, venv"
    return subprocess.run([sys.executable, "-c", probe], capture_output=True, check=False).returncode == 0


def require_venv() -> None:
    """Installs Debian's venv package when that is allowed; else says what to type."""
    if has_venv():
        return
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"set-up: installing {package}", file=sys.stderr)
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", package)
    if not has_venv():
        raise SystemExit(f"set-up: {sys.executable} has no venv module; install it first: apt-get install {package}")


def make_environment(stamp: str) -> None:
    """Brings `.venv` to what the lock says: from scratch, or on top of a finished older environment."""
    stamps = list(VENV.glob(".stamp-*"))
    for old in stamps:
        old.unlink()
    if not stamps:
        require_venv()
        shutil.rmtree(VENV, ignore_errors=True)
        run(sys.executable, "-m", "venv", VENV)
    pip = (VENV / "bin" / "python", "-m", "pip", "--disable-pip-version-check")
    install = (*pip, "install", "-qq", "-c", LOCK)  # compiles what it installs, and so whatever Python may write later
    run(*install, "hatchling")
    run(*install, "--no-build-isolation", "--editable", ".[dev]")
    run(*pip, "check")
    run(VENV / "bin" / "python", "-m", "compileall", "-q", *PACKAGES)
    run("env", "PYTHONDONTWRITEBYTECODE=", VENV / "bin" / "python", "-c", KEEP_SCHEMAS)
    (VENV / stamp).touch()


def main() -> None:
    """Does nothing where the stamp is there; else waits for the lock and makes the environment."""
    if sys.version_info < OLDEST_PYTHON:
        raise SystemExit(f"set-up: {sys.executable} is Python {sys.version.split()[0]}; 3.11 or newer is needed")
    stamp = name_stamp()
    if (VENV / stamp).exists():
        return
    with (ROOT / ".venv.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (VENV / stamp).exists():
            print("set-up: making .venv from requirements.lock (once; it takes a minute or two)", file=sys.stderr)
            make_environment(stamp)


if __name__ == "__main__":
    main()
