"""The GitHub Action works: its steps are run as a runner runs them, with a runner's files and variables."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
_EXPRESSION = re.compile(r"\$\{\{ *([\w.-]+) *\}\}")


class Runner:
    """A runner's side of a composite action: files that steps write to, expressions, the shell."""

    def __init__(self, folder: Path, **inputs: str) -> None:
        self.inputs = {name: one["default"] for name, one in ACTION["inputs"].items()} | inputs
        self.files = {name: folder / name.lower() for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH")}
        for file in self.files.values():
            file.touch()
        self.variables = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "RUNNER_TEMP": str(folder),
            **{name: str(file) for name, file in self.files.items()},
        }

    def evaluate(self, text: str) -> str:
        """Expressions of the two kinds that the action has."""

        def look_up(match: re.Match[str]) -> str:
            scope, _, name = match[1].partition(".")
            return str({"inputs": self.inputs, "github": {"action_path": str(ROOT)}}[scope][name])

        return _EXPRESSION.sub(look_up, text)

    def run(self, step: dict[str, Any], **more: str) -> subprocess.CompletedProcess[str]:
        """One step, with the options of the runner's bash."""
        environment = self.variables | {name: self.evaluate(text) for name, text in step["env"].items()} | more
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", self.evaluate(step["run"])]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)

    def read(self, name: str) -> dict[str, str]:
        """The NAME=VALUE lines of one of the files."""
        return dict(line.split("=", 1) for line in self.files[name].read_text().splitlines())


def find_step(name: str) -> dict[str, Any]:
    (step,) = [step for step in STEPS if step["name"] == name]
    return step


def test_definition_is_whole() -> None:
    """A composite action: each step names its shell, inputs reach scripts through variables, outputs have a step."""
    assert ACTION["runs"]["using"] == "composite"
    assert {step["shell"] for step in STEPS} == {"bash"}
    used = {name for step in STEPS for text in step["env"].values() for name in _EXPRESSION.findall(text)}
    assert {f"inputs.{name}" for name in ACTION["inputs"]} == {name for name in used if name.startswith("inputs.")}
    for step in STEPS:
        assert not _EXPRESSION.search(step["run"]), "an expression inside a script is an injection"
        assert subprocess.run(["bash", "-n", "-c", step["run"]], check=False).returncode == 0
    for output in ACTION["outputs"].values():
        assert _EXPRESSION.fullmatch(output["value"])[1].startswith("steps.start.outputs.")  # type: ignore[index]


def test_start_leaves_a_server_and_its_variables(tmp_path: Path) -> None:
    """After the step the server answers, later steps have the clients' variables, and the outputs are true."""
    runner = Runner(tmp_path, port="0", **{"storage-port": "0"}, arguments="--trainer scripted --seed 7")
    done = runner.run(find_step("Start"))
    outputs = runner.read("GITHUB_OUTPUT")
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        assert set(outputs) == set(ACTION["outputs"])
        with urllib.request.urlopen(f"{outputs['url']}/emulator/v1/health", timeout=10) as answer:
            assert answer.status == 200
        variables = runner.read("GITHUB_ENV")
        assert variables["GOOGLE_GEMINI_BASE_URL"] == variables["GOOGLE_VERTEX_BASE_URL"] == outputs["url"]
        assert variables["STORAGE_EMULATOR_HOST"] == outputs["storage-url"]
        assert "scripted" in Path(outputs["log"]).read_text()
    finally:
        if "pid" in outputs:
            os.kill(int(outputs["pid"]), signal.SIGTERM)
            await_end(int(outputs["pid"]))


def await_end(pid: int) -> None:
    """The server is no child of the tests, so it can only be looked for."""
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} does not end")


def test_start_that_fails_shows_the_log(tmp_path: Path) -> None:
    """The step fails, with what the server said."""
    done = Runner(tmp_path, arguments="--no-such-option").run(find_step("Start"))
    assert done.returncode == 1
    assert "::error::" in done.stdout
    assert "--no-such-option" in done.stdout


@pytest.mark.wheel
def test_install_puts_the_command_on_the_path(tmp_path: Path) -> None:
    """The repository is what is installed; its dependencies are left out here, for want of a registry."""
    runner = Runner(tmp_path)
    packages = ":".join(path for path in sys.path if path.endswith("site-packages"))
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PYTHONPATH": packages}
    done = runner.run(find_step("Install"), **offline)
    assert done.returncode == 0, done.stdout + done.stderr
    command = Path(runner.files["GITHUB_PATH"].read_text().strip()) / "tuning-emulator"
    said = subprocess.run([command, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.startswith("tuning-emulator ")


def test_install_can_be_left_out(tmp_path: Path) -> None:
    """`package: none` uses what is there."""
    runner = Runner(tmp_path, package="none")
    assert runner.run(find_step("Install")).returncode == 0
    assert runner.files["GITHUB_PATH"].read_text() == ""
