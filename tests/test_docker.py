"""The Dockerfile holds together: its stages, copies and promises are read. `test_image.py` carries its steps out."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.environment import KEEP_SCHEMAS
from tuning_emulator.settings import DEFAULT_PORT, SETTINGS
from tuning_emulator.testing.process import start_emulator

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ["server", "full", "smollm2"]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
_PINNED = re.compile(r"[\w./-]*:?\d[\w.-]*@sha256:[0-9a-f]{64}")


def read_instructions(text: str) -> list[tuple[str, str]]:
    """(instruction, arguments) in order; comments left out, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    lines = [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]
    return [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def read_stages() -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Stage name → (what it builds on, its instructions)."""
    stages: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    for word, rest in read_instructions(DOCKERFILE):
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
        assert parent in seen or parent == "python:${PYTHON}"
        sources = [found[1] for _, rest in instructions for found in [re.search(r"--from=(\S+)", rest)] if found]
        assert set(sources) <= set(seen)
        seen.append(name)


def test_images_of_others_are_pinned() -> None:
    """The base, and what compose.yaml starts: a version that one can read, and the digest that is taken."""
    (base,) = [rest.partition("=")[2] for word, rest in read_instructions(DOCKERFILE) if rest.startswith("PYTHON=")]
    services = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    for image in (base, *(one["image"] for one in services.values() if "image" in one)):
        assert _PINNED.fullmatch(image), image


def test_copied_files_exist_and_are_sent() -> None:
    """What COPY names is in the checkout and not kept out by .dockerignore."""
    copies = [rest for word, rest in read_instructions(DOCKERFILE) if word == "COPY" and "--from" not in rest]
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
    assert not [name for name, rest in installs if name in told and "pip" in rest]


def test_images_hold_the_declarations_as_read() -> None:
    """They are kept where the running server cannot write, by each install."""
    installs = [rest for _, rows in read_stages().values() for word, rest in rows if "@ file://" in rest]
    assert len(installs) == 2
    assert all(rest.endswith(f'python -c "{KEEP_SCHEMAS}"') for rest in installs)


def test_only_the_full_image_installs_torch() -> None:
    """The extras that bring it are asked for in one environment, and the server's image copies the other."""
    stages = read_stages()
    asks = re.compile(r"tuning-emulator\[[^]]*(lora|huggingface|gguf)")
    installs = {
        name for name, (_, rows) in stages.items() if any(asks.search(rest) for word, rest in rows if word == "RUN")
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


def test_instructions_are_read_as_they_stand() -> None:
    """Comments are nothing, continued lines are one."""
    text = '# a\nFROM x AS y\nRUN a \\\n    && b\n  # c\nCMD ["d"]\n'
    assert read_instructions(text) == [("FROM", "x AS y"), ("RUN", "a && b"), ("CMD", '["d"]')]


@pytest.mark.process
def test_health_check_asks_what_answers() -> None:
    """The command of HEALTHCHECK succeeds beside a server and fails without one."""
    check = json.loads(last("server", "HEALTHCHECK").partition("CMD ")[2])
    command = [sys.executable, *check[1:]]
    with start_emulator(trainer="scripted") as running:
        healthy = [part.replace(f"http://127.0.0.1:{DEFAULT_PORT}", running.url) for part in command]
        assert subprocess.run(healthy, check=False, timeout=30).returncode == 0
    assert subprocess.run(healthy, check=False, timeout=30, stderr=subprocess.DEVNULL).returncode != 0
