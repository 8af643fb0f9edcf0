"""The image that the Dockerfile describes serves: its steps are run in a chroot, its command as its user.

Packages come from the environment of the tests. `make image-test` does the same in a Debian, with a registry.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.image_steps import Seen, find_stages, read_instructions

ROOT = Path(__file__).resolve().parent.parent


def find_obstacle() -> str:
    """What keeps this machine from making a chroot; "" when nothing does."""
    if os.geteuid() != 0:
        return "only root can make a chroot"
    missing = [name for name in ("unshare", "mount", "chroot", "ip", "useradd") if shutil.which(name) is None]
    return f"not on the PATH: {', '.join(missing)}" if missing else _try_mounts()


def _try_mounts() -> str:
    mount = "mount -t overlay x -o lowerdir=a,upperdir=b,workdir=c d"
    script = f"d=$(mktemp -d -p /var/tmp) && cd $d && mkdir a b c d && {mount}; s=$?; umount d; rm -rf $d; exit $s"
    spaces = ["unshare", "--mount", "--pid", "--fork", "--net"]
    done = subprocess.run([*spaces, "sh", "-c", script], capture_output=True, text=True, check=False, timeout=60)
    return f"no namespaces or overlays here: {done.stderr.strip()}" if done.returncode else ""


@pytest.fixture(scope="module")
def seen(process: None) -> Seen:
    """What the image of the scripted trainer did."""
    if obstacle := find_obstacle():
        pytest.skip(obstacle)
    command = [sys.executable, "-m", "tests.image_steps", "server"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return Seen(**found)


@pytest.mark.slow
def test_the_image_serves_and_tunes_as_nobody_special(seen: Seen) -> None:
    """It answers on the port that it exposes, is healthy by its own check, and ends a job."""
    assert (seen.health, seen.check, seen.state) == (200, 0, "ACTIVE")
    assert seen.uid == 10001


@pytest.mark.slow
def test_the_image_stops_when_told(seen: Seen) -> None:
    """SIGTERM, as `docker stop` sends it, is enough, well before its ten seconds."""
    assert seen.stopped == 0


@pytest.mark.slow
def test_the_image_could_be_read_only(seen: Seen) -> None:
    """The server writes below /data alone, owns nothing of what it runs, and finds it compiled."""
    assert (seen.written, seen.owned, seen.uncompiled) == ([], [], [])


def test_only_what_is_needed_is_built() -> None:
    """As by a container builder: the image without torch needs nothing of the one that has it."""
    stages = find_stages(read_instructions((ROOT / "Dockerfile").read_text("utf-8")), "server")
    assert {"wheel", "server-environment", "runtime", "server"} < stages
    assert not {"full", "full-environment"} & stages


def test_instructions_are_read_as_they_stand() -> None:
    """Comments are nothing, continued lines are one."""
    text = '# a\nFROM x AS y\nRUN a \\\n    && b\n  # c\nCMD ["d"]\n'
    assert read_instructions(text) == [("FROM", "x AS y"), ("RUN", "a && b"), ("CMD", '["d"]')]
