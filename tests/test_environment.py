"""The set-up of `make`: finished or not there, whatever interrupts it, and free when it is there."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = "scripts/environment.py"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that holds what the set-up reads and nothing else."""
    for name in (SCRIPT, "pyproject.toml", "requirements.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def set_up(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the set-up with no package registry to be reached."""
    isolated = {**os.environ, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, **environment}
    isolated.pop("PIP_FIND_LINKS", None)
    command = [sys._base_executable, SCRIPT]  # type: ignore[attr-defined]
    return subprocess.run(command, cwd=checkout, env=isolated, capture_output=True, text=True, check=False, timeout=180)


def name_stamp(checkout: Path) -> str:
    """The stamp that the checkout's own script asks for."""
    code = "import sys; sys.path.insert(0, 'scripts'); import environment; print(environment.name_stamp())"
    command = [sys._base_executable, "-c", code]  # type: ignore[attr-defined]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.process
def test_failed_set_up_leaves_no_stamp(checkout: Path) -> None:
    """Without its packages the set-up fails, and the half-made environment is not taken for a whole one."""
    done = set_up(checkout)
    assert done.returncode != 0
    assert "set-up: failed" in done.stderr
    assert (checkout / ".venv" / "bin").is_dir()
    assert not list((checkout / ".venv").glob(".stamp-*"))


@pytest.mark.process
def test_stamped_environment_is_left_alone(checkout: Path) -> None:
    """Where the stamp is there, nothing runs: no pip, no registry, no change."""
    stamp = checkout / ".venv" / name_stamp(checkout)
    stamp.parent.mkdir()
    stamp.touch()
    done = set_up(checkout)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path.name for path in stamp.parent.iterdir()] == [stamp.name]


@pytest.mark.process
@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml", SCRIPT])
def test_stamp_follows_its_sources(checkout: Path, name: str) -> None:
    """A change of the lock, of the metadata or of the set-up itself asks for a new environment."""
    before = name_stamp(checkout)
    with (checkout / name).open("a") as file:
        file.write("\n# changed\n")
    assert name_stamp(checkout) != before


@pytest.mark.process
def test_stamp_follows_the_place(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """An environment knows its own path, so a copied checkout makes its own."""
    copy = tmp_path_factory.mktemp("copy") / "checkout"
    shutil.copytree(checkout, copy)
    assert name_stamp(copy) != name_stamp(checkout)


@pytest.mark.parametrize("package", ["uvicorn", "fastapi", "msgspec"])
def test_what_is_installed_is_compiled(package: str) -> None:
    """Python may be told to write no bytecode; without any the server takes three times as long to start."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(importlib.util.cache_from_source(spec.origin)).exists()


def test_declarations_are_kept_as_read() -> None:
    """As bytecode is: reading them is an eighth of a start."""
    from tuning_emulator.schema.proto import PROTO

    assert [*(PROTO / "__pycache__").glob("google.cloud.aiplatform.*.schemas")]


def test_lock_pins_what_the_metadata_asks_for() -> None:
    """Every direct dependency has its pin, and no pin names a registry."""
    import re
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = project["dependencies"] + [row for rows in project["optional-dependencies"].values() for row in rows]
    names = {re.split(r"[\[<>=;! ]", row)[0].lower() for row in asked} - {"tuning-emulator"}
    lines = [row for row in (ROOT / "requirements.lock").read_text("utf-8").splitlines() if not row.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line) for line in lines)
    assert names <= {line.partition("==")[0] for line in lines}
    assert "torch==2.13.0" in lines
