"""The wheel carries everything it needs: installed away from the checkout it serves, tunes and answers."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

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


def list_needed(name: str, seen: dict[str, Distribution]) -> dict[str, Distribution]:
    """A distribution and all that it needs without extras, by name."""
    if canonicalize_name(name) in seen:
        return seen
    seen[canonicalize_name(name)] = found = distribution(name)
    for requirement in map(Requirement, found.requires or ()):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            list_needed(requirement.name, seen)
    return seen


@pytest.fixture(scope="session")
def server_only(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the wheel and what it declares to need without extras: no torch."""
    lent = tmp_path_factory.mktemp("lent")
    needed = list_needed("tuning-emulator", {})
    del needed["tuning-emulator"]
    for found in needed.values():
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (lent / top).exists():
                (lent / top).symlink_to(Path(str(found.locate_file(top))))
    return install(wheel, tmp_path_factory.mktemp("server-only"), str(lent))


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
    """Another directory, and nothing that leads back."""
    monkeypatch.chdir(tmp_path)
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
    command = [str(installed / "tuning-emulator"), "demo", "--trainer", "scripted"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.count("training inputs 0 → 15 of 15") == 2, done.stderr
    command = [str(server_only / "tuning-emulator"), "demo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tuning-emulator: demo needs google-cloud-storage, google-genai, httpx, rich; pip ")
