"""Builds what is published into `dist`: wheel, source archive, npm package; and checks each where nothing else is.

`make release`; nothing is uploaded. The source archive must make the same wheel, byte for byte; the wheel and the npm
package must open every door of `tests/doors.py` in an empty environment; the images are built and run where it can be.
Asks the package registries.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from scripts.images import find_obstacle
from scripts.node_package import SOURCE, pack
from scripts.published import PLACEHOLDER, read_repository
from scripts.typescript import CompilerError
from tuning_emulator import __version__

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"


class ReleaseError(RuntimeError):
    """What would be published is not as it should be; the text says how."""


def find_obstacles() -> list[str]:
    """Why what is built must not be published yet, a sentence each."""
    found = []
    done = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.stdout.strip():
        found.append("the checkout has changes that are not committed")
    node = json.loads((SOURCE / "package.json").read_text("utf-8"))["version"]
    if node != __version__:
        found.append(f"clients/node/package.json has version {node}, the emulator {__version__}")
    if not re.search(rf"^## \[?{re.escape(__version__)}\b", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE):
        found.append(f"CHANGELOG.md has no heading for {__version__}")
    if read_repository() == PLACEHOLDER:
        found.append(f"pyproject.toml: tool.tuning-emulator.repository is still {PLACEHOLDER}")
    return found


def build_wheel(folder: Path, source: Path = ROOT) -> Path:
    """The wheel of a source tree, in a folder; with the build backend of this environment."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps", "--no-index"]
    return _run([*pip, "--no-build-isolation", "--wheel-dir", str(folder), str(source)], folder, "*.whl")


def build_source(folder: Path) -> Path:
    """The source archive."""
    return _run(
        [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(folder)],
        folder,
        "*.tar.gz",
    )


def _run(command: list[str], folder: Path, pattern: str) -> Path:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = list(folder.glob(pattern))
    if done.returncode or len(found) != 1:
        raise ReleaseError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()[-2000:]}")
    return found[0]


def check_source(archive: Path, wheel: Path) -> None:
    """Whether the wheel can be made of what the archive holds, away from the checkout.

    Raises:
        ReleaseError: it cannot, or is another one.
    """
    with tempfile.TemporaryDirectory(prefix="tuning-emulator-source-") as folder:
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
        (source,) = Path(folder).iterdir()
        made = Path(folder) / "made"
        made.mkdir()
        again = build_wheel(made, source)
        if hash_file(again) != hash_file(wheel):
            raise ReleaseError(f"{archive.name} makes another wheel than the checkout")


def hash_file(path: Path) -> str:
    """SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> int:
    """Builds, checks, and says what lies there."""
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    try:
        wheel, archive, node = build_wheel(DIST), build_source(DIST), pack(DIST)
        check_source(archive, wheel)
    except (ReleaseError, CompilerError) as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    for path in (wheel, archive, node):
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1e3:,.0f} kB  sha256 {hash_file(path)}", flush=True)
    doors = [sys.executable, "-m", "tests.doors", "--wheel", str(wheel), "--node", str(node)]
    shut = subprocess.run(doors, cwd=ROOT, check=False).returncode
    if obstacle := find_obstacle():
        print(f"images: not tried, {obstacle}")
    else:
        shut |= subprocess.run([sys.executable, "-m", "scripts.images"], cwd=ROOT, check=False).returncode
    obstacles = find_obstacles()
    for obstacle in obstacles:
        print(f"release: not to be published: {obstacle}", file=sys.stderr)
    return 1 if shut or obstacles else 0


if __name__ == "__main__":
    raise SystemExit(main())
