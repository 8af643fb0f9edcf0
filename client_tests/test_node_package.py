"""The npm package's README, with the Node client of the matrix: its test file passes, its program runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from client_tests.environments import NODE, ClientEnvironmentError, make_environment
from scripts.node_package import SOURCE, pack
from scripts.typescript import CompilerError

pytestmark = pytest.mark.clients
LIMIT_S = 120


def test_the_readme(tmp_path: Path) -> None:
    """Its first snippet is a test file for node:test, its last a program."""
    try:
        clients, tarball = make_environment(NODE), pack(tmp_path)
    except (ClientEnvironmentError, CompilerError) as error:
        pytest.skip(str(error))
    modules = tmp_path / "node_modules"
    modules.mkdir()
    for package in (clients / "node_modules").iterdir():
        (modules / package.name).symlink_to(package)
    with tarfile.open(tarball) as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "package").rename(modules / "tuning-emulator")
    snippets = re.findall(r"```js\n(.*?)```", (SOURCE / "README.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "one.test.mjs").write_text(snippets[0])
    (tmp_path / "program.mjs").write_text(snippets[-1])
    environment = {**os.environ, "TUNING_EMULATOR_PYTHON": sys.executable}
    environment.pop("TUNING_EMULATOR_URL", None)
    for command in (["node", "--test", "one.test.mjs"], ["node", "program.mjs"]):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT_S
        )
        assert done.returncode == 0, done.stdout + done.stderr
