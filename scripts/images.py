"""Builds the images of the Dockerfile without an engine, and runs what they would run: `python -m scripts.images`.

buildah carries the Dockerfile out in chroots. Its base is a Debian made by debootstrap, with the name of the official
Python image, whose Python of the same version it has. `image_run` then runs each. Root, Linux.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.image_run import SPACES, ImageError, Seen, call

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "build" / "images"
"""Debian, the layers, and what pip needs to know."""

TARGETS = ("server", "full")
BASE = "docker.io/library/python:3.11-slim"
SUITE = "bookworm"
"""Its Python is of the version of `BASE`."""

PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"
TOOLS = ("buildah", "debootstrap")


@dataclass(frozen=True, slots=True)
class Report:
    """An image: its bytes beyond those of its base, the seconds that it took to build, and what it did."""

    target: str
    own_bytes: int
    build_s: float
    seen: Seen


# --- building


def find_obstacle() -> str:
    """What keeps this machine from building; "" when nothing does."""
    if os.geteuid() != 0:
        return "only root can make a chroot"
    missing = [name for name in (*TOOLS, "unshare", "mount", "chroot", "ip") if shutil.which(name) is None]
    if missing:
        return f"not on the PATH: {', '.join(missing)}"
    done = subprocess.run([*SPACES, "true"], capture_output=True, text=True, check=False)
    return f"no namespaces here: {done.stderr.strip()}" if done.returncode else ""


def install_tools() -> None:
    """buildah and debootstrap, from Debian, where they are missing and we may."""
    missing = [name for name in TOOLS if shutil.which(name) is None]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"images: installing {', '.join(missing)}", file=sys.stderr)
        call("apt-get", "update", "-qq")
        call("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing)


def make_base() -> None:
    """A Debian with Python under the official image's name, made once."""
    if _buildah("images", "--quiet", "--filter", f"reference={BASE}"):
        return
    debian = PLACE / "debian"
    shutil.rmtree(debian, ignore_errors=True)
    PLACE.mkdir(parents=True, exist_ok=True)
    call("debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, debian)
    for marker in debian.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()  # the official image has none
    (debian / "usr" / "local" / "bin" / "python").symlink_to("/usr/bin/python3")
    made = _buildah("from", "scratch")
    _buildah("copy", "--quiet", made, debian, "/")
    _buildah("commit", "--quiet", "--rm", made, BASE)
    shutil.rmtree(debian)


def build(target: str) -> str:
    """Carries the Dockerfile out as far as a target; the image's name."""
    name = f"localhost/tuning-emulator:{target}"
    mounts = [word for path, there in _give_pip() for word in ("--volume", f"{path}:{there}:ro")]
    arguments = ("--build-arg", f"PYTHON={BASE.partition(':')[2]}", "--target", target, "--tag", name)
    _buildah("build", "--quiet", "--format", "docker", "--isolation", "chroot", *mounts, *arguments, ROOT)
    return name


def _give_pip() -> Iterator[tuple[Path, str]]:
    """What of this machine the steps see, and where: how pip is told to reach registries, and where it finds files."""
    settings = {name[4:].lower().replace("_", "-"): value for name, value in os.environ.items() if name[:4] == "PIP_"}
    if not settings:
        return
    for path in (word for value in settings.values() for word in value.split() if word.startswith("/")):
        if Path(path).exists():
            yield Path(path), path
    written = PLACE / "pip.conf"
    written.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    yield written, "/etc/pip.conf"


# --- running


def run(image: str) -> Seen:
    """Runs an image in namespaces of its own, of which nothing is left."""
    made = _buildah("from", "--pull-never", image)
    try:
        tree = _buildah("mount", made)
        config = json.loads(_buildah("inspect", "--type", "image", image))["Docker"]["config"]
        inside = [sys.executable, "-m", "scripts.image_run", tree, json.dumps(config)]
        done = subprocess.run([*SPACES, *inside], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise ImageError(f"{image}: what it runs failed, see above")
        return Seen(**json.loads(done.stdout))
    finally:
        _buildah("rm", made)
        _buildah("rmi", "--prune")  # what the image of before had of its own


# --- programs


def _buildah(*words: str | Path) -> str:
    """A command of buildah's on a storage of our own; what it prints."""
    own = ("--root", PLACE / "storage", "--runroot", PLACE / "run", "--storage-driver", _choose_driver())
    return call("buildah", *own, *words).strip()


@functools.cache
def _choose_driver() -> str:
    """Layers that share files, where this file system bears them; else copies."""
    mount = "mount -t overlay x -o lowerdir=a,upperdir=b,workdir=c d"
    PLACE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PLACE) as folder:
        script = f"mkdir a b c d && {mount} && umount d"
        done = subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, check=False)
    return "vfs" if done.returncode else "overlay"


def make(target: str) -> Report:
    """Builds an image, runs it, and says what was seen.

    Raises:
        ImageError: it cannot be built, or does not run.
    """
    make_base()
    begun = time.monotonic()
    image = build(target)
    build_s = time.monotonic() - begun
    return Report(target, _measure(image) - _measure(BASE), build_s, run(image))


def _measure(image: str) -> int:
    """An image's size in bytes, as far as buildah says it: three figures."""
    rows = json.loads(_buildah("images", "--json"))
    number, unit = next(one["size"] for one in rows if image in (one["names"] or ())).split()
    return int(float(number) * {"KB": 1e3, "MB": 1e6, "GB": 1e9}[unit.upper()])


HEADINGS = (
    "image",
    "beyond base",
    "built in",
    "answers after",
    "user",
    "root",
    "HEALTHCHECK",
    "trainer",
    "job",
    '"7"',
    "SIGTERM",
)


def format_row(report: Report) -> tuple[str, ...]:
    """A line of the table."""
    seen = report.seen
    return (
        report.target,
        f"{report.own_bytes / 1e6:.0f} MB",
        f"{report.build_s:.0f} s",
        f"{seen.start_s:.1f} s",
        str(seen.uid),
        "read-only",
        "healthy" if seen.check == 0 else f"exit {seen.check}",
        seen.trainer,
        seen.state,
        seen.answer,
        f"exit {seen.stopped}",
    )


def main() -> int:
    """Builds, runs, prints."""
    parser = argparse.ArgumentParser(prog="python -m scripts.images")
    parser.add_argument("targets", nargs="*", default=TARGETS)
    chosen = parser.parse_args()
    try:
        install_tools()
        if obstacle := find_obstacle():
            raise ImageError(obstacle)
        rows = [HEADINGS, *(format_row(make(target)) for target in chosen.targets)]
    except ImageError as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADINGS))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
