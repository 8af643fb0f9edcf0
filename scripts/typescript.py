"""TypeScript's compiler: installed once, in `build`, by what is pinned beside the settings of the page's types."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "emulator" / "tests" / "page" / "typescript"
PLACE = ROOT / "build"
INSTALL_TIMEOUT_S = 300


class CompilerError(RuntimeError):
    """There is no compiler; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """``command`` runs it; ``packages`` is where the types of Node's own modules are."""

    command: tuple[str, ...]
    packages: Path


def make_compiler() -> Compiler:
    """The compiler, installed where it is not there yet; that asks the package registry.

    Raises:
        CompilerError: there is no Node.js, or the registry does not answer.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise CompilerError("no Node.js on the PATH")
    files = [PINS / "package.json", PINS / "package-lock.json"]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    packages = PLACE / f"typescript-{digest}" / "node_modules"
    finished = packages.parent / ".finished"
    PLACE.mkdir(exist_ok=True)
    with (PLACE / "typescript.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not finished.exists():
            _install(npm, packages.parent, files)
            finished.touch()
    return Compiler((node, str(packages / "typescript" / "bin" / "tsc")), packages)


def _install(npm: str, folder: Path, files: list[Path]) -> None:
    folder.mkdir(exist_ok=True)
    for file in files:
        shutil.copy(file, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise CompilerError(f"TypeScript cannot be installed: no end after {INSTALL_TIMEOUT_S} s") from error
    if done.returncode:
        raise CompilerError(f"TypeScript cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
