"""The README is true: its tables are written from the code, its examples run, its commands and files exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.readme import ARCHITECTURE, ARCHITECTURE_BLOCKS, README, TRAINER_BLOCKS, TRAINER_PAGE, write_blocks
from tuning_emulator.cli import main
from tuning_emulator.jobs.lora import missing_packages
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import RunningEmulator, start_emulator

ROOT = README.parent
TEXT = README.read_text("utf-8")


def list_examples() -> list[tuple[str, str]]:
    """(language, code) of every block that is meant to run, in the order of the page."""
    return re.findall(r"```(bash|python)\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def environment(process: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What `eval $(tuning-emulator env)` leaves in a shell, for a server that runs as long as this module's tests."""
    with start_emulator(trainer="scripted") as running:
        command = [sys.executable, "-m", "tuning_emulator", "env", "--url", running.url]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        variables = dict(re.findall(r"export (\w+)='?([^'\n]*)'?", said))
        home = str(tmp_path_factory.mktemp("home"))
        yield {"PATH": os.environ["PATH"], "HOME": home, **variables}


def test_tables_are_up_to_date() -> None:
    """`make docs` would change nothing."""
    assert write_blocks(TEXT) == TEXT, "run: make docs"


def test_pictures_are_up_to_date() -> None:
    """Rooms as the contracts have them, states as the table of transitions has them."""
    text = ARCHITECTURE.read_text("utf-8")
    assert write_blocks(text, ARCHITECTURE_BLOCKS) == text, "run: make docs"


@pytest.mark.skipif(bool(missing_packages()), reason=f"needs {', '.join(missing_packages())}")
def test_the_trainers_hyperparameters_are_the_codes() -> None:
    """`make docs` would change nothing there either."""
    text = TRAINER_PAGE.read_text("utf-8")
    assert write_blocks(text, TRAINER_BLOCKS) == text, "run: make docs"


def test_there_are_examples_for_both_apis() -> None:
    """curl and both modes of google-genai."""
    assert [language for language, _ in list_examples()] == ["bash", "python", "python"]


def test_examples_run(environment: dict[str, str], tmp_path: Path) -> None:
    """Typed one after the other in a shell with the printed variables, every example does what it says."""
    said = []
    for language, code in list_examples():
        command = ["bash", "-euo", "pipefail", "-c", code] if language == "bash" else [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said.append(done.stdout)
    assert '"totalSteps": 5' in said[0]
    assert all("JOB_STATE_SUCCEEDED" in text for text in said[1:])


def find_block(language: str, words: str) -> str:
    """The one block of that language that holds these words."""
    found = [code for code in re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL) if words in code]
    assert len(found) == 1, words
    return str(found[0])


@pytest.fixture(scope="module")
def running(process: None) -> Iterator[RunningEmulator]:
    """An emulator for the examples that name no address."""
    with start_emulator(trainer="scripted", anonymous=True) as made:
        yield made


def run_code(code: str, folder: Path, *arguments: str) -> str:
    """What a program prints; it must succeed."""
    (folder / "test_example.py").write_text(code, encoding="utf-8")
    command = [sys.executable, *(arguments or ["test_example.py"])]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.process
def test_the_example_of_a_test_passes(tmp_path: Path) -> None:
    """As the plugin finds it, in a folder of its own."""
    code = find_block("py", "@pytest.mark.tuning_emulator")
    assert "1 passed" in run_code(code, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")


@pytest.mark.process
def test_the_example_without_a_socket_runs(tmp_path: Path) -> None:
    """The host is Google's."""
    code = find_block("py", "in_process") + "\n    print(answer.status_code, len(emulator.router.calls))\n"
    assert run_code(code, tmp_path).split() == ["200", "1"]


def test_the_example_over_grpc_runs(tmp_path: Path, running: RunningEmulator) -> None:
    """Only the port is another one."""
    code = find_block("py", "insecure_channel").replace("127.0.0.1:8790", running.url.partition("//")[2])
    assert run_code(code, tmp_path).strip() == "[]"


def test_the_commands_that_steer_run(
    tmp_path: Path, running: RunningEmulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each but the one that serves."""
    monkeypatch.chdir(tmp_path)
    for line in find_block("sh", "tuning-emulator journal").splitlines():
        _, command, *arguments = shlex.split(line, comments=True)
        if command != "serve":
            assert main([command, "--url", running.url, *arguments]) == 0, capsys.readouterr().err
    assert (tmp_path / "state.tar.gz").stat().st_size > 0


def test_the_scenario_is_one(running: RunningEmulator) -> None:
    """It loads, and the model that is to fail does."""
    text = find_block("yaml", "tuned_models:").encode()
    control = Control(running.url)
    control.send("POST", "scenarios:load", text, "application/yaml")
    assert sorted(job["display_name"] for job in control.jobs.list()) == ["broken", "colours"]
    control.reset()


def test_make_targets_exist() -> None:
    """Every `make` that a document names is a target."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        typed = re.findall(r"`[^`]+`|^\$ .*", (ROOT / name).read_text("utf-8"), re.MULTILINE)
        named = set(re.findall(r"\bmake ([a-z-]+)", " ".join(typed)))
        assert named <= targets, name


def test_links_lead_somewhere() -> None:
    """Every relative link of a document is a file."""
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / name).read_text("utf-8")):
            assert (ROOT / target).exists(), f"{name}: {target}"
