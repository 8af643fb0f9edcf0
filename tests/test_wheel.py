"""The wheel carries everything it needs: installed away from the checkout it serves, tunes and answers."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tuning_emulator.cli.demo import gemini
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import run_server

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("emulator/tuning_emulator", "trainer/tuning_trainer")
pytestmark = pytest.mark.wheel


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout without a package registry."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-qq", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True, timeout=120, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


def install(wheel: Path, folder: Path, packages: str) -> Path:
    """A new environment with the wheel in it and nothing else of its own; its dependencies lie in other folders.

    A path file leads to them, but not to what their own path files name: the link to the checkout is not followed.
    """
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "-qq", "--no-index", "--no-deps"]
    subprocess.run([*command, str(wheel)], check=True, timeout=120, cwd=folder)
    (own,) = folder.glob("lib/python*/site-packages")
    (own / "borrowed.pth").write_text(packages)
    return python.parent


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the wheel and all that is installed here."""
    return install(wheel, tmp_path_factory.mktemp("installed"), "\n".join(site.getsitepackages()))


def list_needed(asked: Requirement, seen: dict[str, Distribution]) -> dict[str, Distribution]:
    """A distribution and all that it needs with the extras that are asked for, by name."""
    name = canonicalize_name(asked.name)
    extras = {*asked.extras, *(() if name in seen else ("",))}
    seen[name] = found = distribution(name)
    for requirement in map(Requirement, found.requires or () if extras else ()):
        if any(requirement.marker is None or requirement.marker.evaluate({"extra": extra}) for extra in extras):
            list_needed(requirement, seen)
    return seen


def install_declared(wheel: Path, extras: str, factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the wheel and what it declares to need, with extras or without."""
    lent = factory.mktemp("lent")
    needed = list_needed(Requirement(f"tuning-emulator{extras}"), {})
    del needed["tuning-emulator"]
    for found in needed.values():
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (lent / top).exists():
                (lent / top).symlink_to(Path(str(found.locate_file(top))))
    return install(wheel, factory.mktemp("declared"), str(lent))


@pytest.fixture(scope="session")
def server_only(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without extras: no torch."""
    return install_declared(wheel, "", tmp_path_factory)


@pytest.fixture(scope="session")
def native_only(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With torch and what reads and writes GGUF files; no transformers, no peft."""
    pytest.importorskip("torch")
    return install_declared(wheel, "[lora,gguf]", tmp_path_factory)


def run_away(installed: Path, tmp_path: Path, code: str) -> str:
    """Runs code in the new environment, in a folder that holds nothing."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(installed / "python"), "-c", code]
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout


def test_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    """Code, SQL, the base model's weights and tokenizer, py.typed: what is in the packages is in the wheel."""
    carried = set(zipfile.ZipFile(wheel).namelist())
    files = {path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()}
    needed = {"/".join(path.relative_to(ROOT).parts[1:]) for path in files if "__pycache__" not in path.parts}
    assert needed <= carried
    for name in (
        "tuning_emulator/store/schema.sql",
        "tuning_trainer/base_model/model.safetensors",
        "tuning_emulator/py.typed",
        "tuning_trainer/py.typed",
    ):
        assert name in needed
    assert {name.partition("/")[0] for name in carried if ".dist-info/" not in name} == {
        "tuning_emulator",
        "tuning_trainer",
    }


def test_installed_away_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    """What is imported there is the installed copy, not the checkout."""
    said = run_away(
        installed, tmp_path, "import tuning_emulator as e, tuning_trainer as t; print(e.__file__, t.__file__)"
    )
    assert all(Path(name).is_relative_to(installed.parent) for name in said.split())


def tune_and_ask(installed: Path, trainer: str) -> tuple[str, int, str]:
    """Serves and tunes with an installed copy; answers the trainer that ran, the steps done, the answer to "1"."""
    program = [str(installed / "tuning-emulator")]
    steps: list[int] = []
    options = ("--port", "0", "--trainer", trainer)
    with run_server(*options, program=program) as running, gemini.connect(running.url) as client:
        operation = gemini.create(client)
        model = gemini.follow(client, operation, lambda done, _total, _losses: steps.append(done))
        assert model["state"] == "ACTIVE"
        return Control(running.url).health()["trainer"]["name"], steps[-1], gemini.ask(client, model["name"], "1")


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another directory and another home, and nothing that leads back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("PYTHONPATH", raising=False)


@pytest.mark.usefixtures("away")
def test_server_alone_tunes_without_torch(server_only: Path, tmp_path: Path) -> None:
    """With its declared dependencies and no extra, a job runs to its end: the scripted trainer takes it."""
    code = "from importlib.util import find_spec as f; print([n for n in ('torch', 'httpx', 'msgspec') if f(n)])"
    assert run_away(server_only, tmp_path, code).strip() == "['msgspec']"
    assert tune_and_ask(server_only, "auto") == ("scripted", 19, "2")


@pytest.mark.lora
@pytest.mark.usefixtures("away")
def test_really_tunes_away_from_the_checkout(installed: Path) -> None:
    """With the lora extra the base model out of the wheel is tuned."""
    pytest.importorskip("torch")
    assert tune_and_ask(installed, "auto") == ("lora", 19, "2")


@pytest.mark.usefixtures("away")
def test_the_demo_comes_with_the_wheel(installed: Path, server_only: Path) -> None:
    """Away from the checkout it runs; where its extra is missing it says so, with the command."""
    done = command(installed, "demo", "--trainer", "scripted")
    assert done.stdout.count("training inputs 0 → 15 of 15") == 2, done.stderr
    done = command(server_only, "demo")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tuning-emulator: demo needs google-cloud-storage, google-genai, httpx, rich; pip ")


# --- without transformers and peft

OTHER = "gemini-2.5-flash"
"""A base model that GPT-2 plays, which the native decoder does not run."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directories of a random Llama and of a random GPT-2."""
    from tests.models import write_gpt2, write_llama

    folder = tmp_path_factory.mktemp("models")
    (folder / "gpt2").mkdir()
    write_llama(folder / "llama", special=["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    write_gpt2(folder / "gpt2")
    return folder


@pytest.fixture(scope="module")
def native_server(native_only: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a server of that environment: the Llama plays the Gemini API's base model, GPT-2 one of Vertex AI."""
    played = (f"gemini-1.5-flash-001-tuning={models / 'llama'}", f"{OTHER}={models / 'gpt2'}", f"*={models / 'gpt2'}")
    options = [word for one in played for word in ("--base-model", one)]
    program = [str(native_only / "tuning-emulator")]
    data = tmp_path_factory.mktemp("native-data")
    with run_server("--port", "0", "--storage-port", "0", "--data-dir", str(data), *options, program=program) as one:
        assert one.log is not None
        assert NOT_THERE in one.log.read_text("utf-8"), "said when it starts"
        yield one.url


NOT_THERE = "; install tuning-emulator[huggingface]"


def command(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """A command of that environment."""
    program = [str(folder / "tuning-emulator"), *map(str, words)]
    return subprocess.run(program, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.lora
@pytest.mark.usefixtures("away")
def test_the_embedded_model_needs_no_transformers(native_only: Path, tmp_path: Path) -> None:
    """A job and its answers."""
    code = "from importlib.util import find_spec as f; print([n for n in ('torch', 'transformers', 'peft') if f(n)])"
    assert run_away(native_only, tmp_path, code).strip() == "['torch']"
    assert tune_and_ask(native_only, "auto") == ("lora", 19, "2")


@pytest.mark.lora
@pytest.mark.usefixtures("away")
def test_native_models_need_no_transformers(native_only: Path, native_server: str, tmp_path: Path) -> None:
    """Tuned, asked, exported as an adapter, as a whole model and as a GGUF file."""
    with gemini.connect(native_server) as client:
        model = gemini.follow(client, gemini.create(client, name="native"), lambda *_: None)
        assert model["state"] == "ACTIVE"
        gemini.ask(client, model["name"], "1")
    for target, options in (("adapter", ()), ("merged", ("--merged",))):
        done = command(native_only, "export-adapter", model["name"], target, "--url", native_server, *options)
        assert done.returncode == 0, done.stderr
    done = command(native_only, "export-adapter", model["name"], "--gguf", "tuned.gguf", "--url", native_server)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "tuned.gguf").read_bytes()[:4] == b"GGUF"
    done = command(native_only, "models", "add", "tuned.gguf", "--name", "again")
    assert done.returncode == 0, done.stderr
    assert NOT_THERE not in done.stderr


@pytest.mark.lora
@pytest.mark.usefixtures("away")
def test_a_rehearsal_needs_no_transformers(native_only: Path, tmp_path: Path) -> None:
    lines = [json.dumps({"text_input": str(n), "output": str(n + 1)}) for n in range(20, 60)]
    (tmp_path / "data.jsonl").write_text("\n".join(lines))
    done = command(native_only, "rehearse", "data.jsonl", "--epochs", "1")
    assert done.returncode == 0, done.stderr


@pytest.mark.lora
@pytest.mark.usefixtures("away")
def test_other_models_say_which_extra_they_need(native_only: Path, native_server: str, models: Path) -> None:
    """The job is refused when it is created, an answer when it is asked for; doctor and models add tell before."""
    parent = f"{native_server}/v1/projects/p/locations/us-central1"
    body = {"baseModel": OTHER, "supervisedTuningSpec": {"trainingDatasetUri": "gs://nowhere/data.jsonl"}}
    bearer = {"authorization": "Bearer x"}
    refused = httpx.post(f"{parent}/tuningJobs", json=body, headers=bearer, timeout=60)
    said = refused.json()["error"]["message"]
    assert (refused.status_code, refused.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")
    assert said.startswith(f"tuning-emulator: what plays {OTHER} here cannot be tuned: ")
    assert said.endswith(NOT_THERE)
    assert httpx.get(f"{parent}/tuningJobs", headers=bearer, timeout=60).json() == {}
    example = {"textInput": "1", "output": "2"}
    task = {"trainingData": {"examples": {"examples": [example] * 20}}}
    model = {"displayName": "n", "baseModel": "models/gemini-1.0-pro-001", "tuningTask": task}
    with gemini.connect(native_server) as client:
        refused = client.post("/v1beta/tunedModels", json=model)
        assert (refused.status_code, refused.json()["error"]["message"][-len(NOT_THERE) :]) == (400, NOT_THERE)
    asked = {"contents": [{"role": "user", "parts": [{"text": "1"}]}]}
    path = f"{parent}/publishers/google/models/{OTHER}:generateContent"
    answer = httpx.post(path, json=asked, headers=bearer, timeout=120)
    assert NOT_THERE in answer.json()["error"]["message"]
    done = command(native_only, "doctor", "--url", native_server)
    assert done.returncode == 1
    assert NOT_THERE in done.stdout
    assert "fix: pip install 'tuning-emulator[huggingface]'" in done.stdout
    done = command(native_only, "models", "add", models / "gpt2")
    assert done.returncode == 0, done.stderr
    assert NOT_THERE in done.stderr
    lines = [json.dumps({"text_input": str(n), "output": str(n + 1)}) for n in range(20, 60)]
    Path("data.jsonl").write_text("\n".join(lines))
    done = command(native_only, "rehearse", "data.jsonl", "--base-model", models / "gpt2")
    assert done.returncode == 1
    assert NOT_THERE in done.stderr
