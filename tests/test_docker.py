"""The Dockerfile holds together: no image can be built here, so its stages, copies and promises are read, and what
its stages run is run in a scratch directory.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tuning_emulator.settings import DEFAULT_PORT, SETTINGS
from tuning_emulator.testing.process import start_emulator

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ["server", "full"]


def read_instructions() -> list[tuple[str, str]]:
    """(instruction, arguments) in order; comments left out, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    lines = [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]
    return [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def read_stages() -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Stage name → (what it builds on, its instructions)."""
    stages: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    for word, rest in read_instructions():
        if word == "FROM":
            parent, _, name = rest.partition(" AS ")
            stages[name] = (parent, [])
        elif stages:
            stages[name][1].append((word, rest))
    return stages


def follow(stage: str) -> list[tuple[str, str]]:
    """All instructions that make a stage, those it builds on first."""
    stages = read_stages()
    parent, own = stages[stage]
    return (follow(parent) if parent in stages else []) + own


def last(stage: str, word: str) -> str:
    """The instruction that counts: the last of its kind."""
    return [rest for name, rest in follow(stage) if name == word][-1]


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets a path of the root into the build."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text("utf-8").split("\n"):
        if line and not line.startswith("#") and fnmatch.fnmatch(path, line.removeprefix("!")):
            sent = line.startswith("!")
    return sent


def test_stages_build_on_earlier_stages() -> None:
    """Every stage and every copy comes from a stage above it or from the official Python image."""
    seen: list[str] = []
    for name, (parent, instructions) in read_stages().items():
        assert parent in seen or parent == "python:${PYTHON_VERSION}-slim"
        sources = [found[1] for _, rest in instructions for found in [re.search(r"--from=(\S+)", rest)] if found]
        assert set(sources) <= set(seen)
        seen.append(name)


def test_copied_files_exist_and_are_sent() -> None:
    """What COPY names is in the checkout and not kept out by .dockerignore."""
    copies = [rest for word, rest in read_instructions() if word == "COPY" and "--from" not in rest]
    sources = [source for rest in copies for source in rest.split()[:-1]]
    assert {"pyproject.toml", "requirements.lock", "emulator/tuning_emulator", "trainer/tuning_trainer"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert is_sent(source), source
    assert not is_sent("tests")
    assert not is_sent(".git")


@pytest.mark.parametrize("target", TARGETS)
def test_image_runs_the_server_as_nobody_special(target: str) -> None:
    """The container serves, as a user who is not root, with its data in a volume and its health asked for."""
    assert last(target, "USER") == "emulator"
    assert json.loads(last(target, "ENTRYPOINT")) + json.loads(last(target, "CMD")) == ["tuning-emulator", "serve"]
    assert last(target, "VOLUME") == "/data"
    assert f"http://127.0.0.1:{DEFAULT_PORT}/emulator/v1/health" in last(target, "HEALTHCHECK")
    assert last(target, "EXPOSE") == str(DEFAULT_PORT)


@pytest.mark.parametrize("target", TARGETS)
def test_image_sets_variables_that_exist(target: str) -> None:
    """Every TUNING_EMULATOR_ variable of the image is a setting."""
    names = re.findall(r"TUNING_EMULATOR_([A-Z_]+)=", last(target, "ENV"))
    assert names
    assert {name.lower() for name in names} <= set(SETTINGS)


def test_images_hold_bytecode() -> None:
    """What runs writes none (the root is read-only), so every install compiles, as pip does unless told otherwise."""
    stages = read_stages()
    installs = [(name, rest) for name, (_, rows) in stages.items() for word, rest in rows if word == "RUN"]
    assert not [name for name, rest in installs if "--no-compile" in rest]
    told = {name for name, (_, rows) in stages.items() for word, rest in rows if "PYTHONDONTWRITEBYTECODE" in rest}
    assert told == {"runtime"}
    assert not [name for name, rest in installs if name in told and "pip install" in rest]


def test_only_the_full_image_installs_torch() -> None:
    """The lora extra is asked for in one environment, and the server's image copies the other."""
    stages = read_stages()
    installs = {
        name for name, (_, rows) in stages.items() if any("lora" in rest for word, rest in rows if word == "RUN")
    }
    assert installs == {"full-environment"}
    assert "--from=server-environment" in last("server", "COPY")
    assert "--from=full-environment" in last("full", "COPY")


def test_compose_builds_a_target_that_exists() -> None:
    """compose.yaml publishes the port of the image, on loopback only, and keeps the root read-only."""
    service: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]["tuning-emulator"]
    assert service["build"]["target"] == "${TARGET:-server}"
    assert service["ports"] == [f"127.0.0.1:{DEFAULT_PORT}:{DEFAULT_PORT}"]
    assert service["read_only"] is True
    assert service["volumes"] == ["data:/data"]


def test_compose_offers_another_storage() -> None:
    """fake-gcs-server only runs where its profile is asked for, and the emulator can be told to read from it."""
    services: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    assert services["fake-gcs-server"]["profiles"] == ["fake-gcs"]
    assert services["tuning-emulator"]["environment"] == {"TUNING_EMULATOR_STORAGE": "${STORAGE:-embedded}"}
    port = re.search(r"STORAGE=http://fake-gcs-server:(\d+)", (ROOT / "compose.yaml").read_text("utf-8"))
    assert port is not None
    assert port[1] in services["fake-gcs-server"]["command"]
    assert services["fake-gcs-server"]["ports"] == [f"127.0.0.1:{port[1]}:{port[1]}"]


def list_runs(stage: str) -> list[str]:
    return [rest for word, rest in read_stages()[stage][1] if word == "RUN"]


@pytest.mark.process
@pytest.mark.wheel
def test_steps_of_the_server_image_make_its_command(tmp_path: Path) -> None:
    """What the stages `wheel` and `server-environment` run, below another root: a wheel, then a working command.

    No registry is asked: the packages that the wheel needs are left out.
    """
    (tmp_path / "opt").mkdir()
    (tmp_path / "requirements.lock").write_bytes((ROOT / "requirements.lock").read_bytes())
    packages = ":".join(path for path in sys.path if path.endswith("site-packages"))
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": packages,
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_QUIET": "1",
    }
    for stage in ("wheel", "server-environment"):
        for script in list_runs(stage):
            moved = re.sub(r"(?<=\s)/(wheels|opt|requirements\.lock)\b", rf"{tmp_path}/\1", script)
            done = subprocess.run(
                ["sh", "-ec", moved],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=180,
            )
            assert done.returncode == 0, f"{moved}\n{done.stdout}{done.stderr}"
    command = tmp_path / "opt" / "emulator" / "bin" / json.loads(last("server", "ENTRYPOINT"))[0]
    said = subprocess.run([command, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.startswith("tuning-emulator ")


@pytest.mark.process
def test_health_check_asks_what_answers() -> None:
    """The command of HEALTHCHECK succeeds beside a server and fails without one."""
    check = json.loads(last("server", "HEALTHCHECK").partition("CMD ")[2])
    command = [sys.executable, *check[1:]]
    with start_emulator(trainer="scripted") as running:
        healthy = [part.replace(f"http://127.0.0.1:{DEFAULT_PORT}", running.url) for part in command]
        assert subprocess.run(healthy, check=False, timeout=30).returncode == 0
    assert subprocess.run(healthy, check=False, timeout=30, stderr=subprocess.DEVNULL).returncode != 0
