"""The rooms import only what is below them, and the server's process stays free of the training stack."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parent.parent
TRAINING_STACK = {"torch", "transformers", "peft", "tokenizers", "safetensors", "numpy"}
LIST_MODULES = (
    "import json, sys, {module}; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
)


def list_loaded(module: str) -> set[str]:
    """Top-level modules in a fresh process that has imported one module."""
    command = [sys.executable, "-c", LIST_MODULES.format(module=module)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout))


def test_layers_hold() -> None:
    """Every contract of [tool.importlinter] is kept; the output names the import that breaks one."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "module", ["tuning_emulator.app", "tuning_emulator.server", "tuning_emulator.cli", "tuning_trainer.spec"]
)
def test_import_loads_no_training_stack(module: str) -> None:
    """What the server imports costs seconds of its start; torch and its kin belong to the trainer's process."""
    assert not list_loaded(module) & TRAINING_STACK


def test_trainer_spec_is_standard_library_only() -> None:
    """The one module that the server takes from the trainer brings nothing along."""
    extra = list_loaded("tuning_trainer.spec") - list_loaded("tuning_trainer") - sys.stdlib_module_names
    assert not extra


def test_trainer_loads_nothing_of_the_emulator() -> None:
    """The trainer is usable alone."""
    assert "tuning_emulator" not in list_loaded("tuning_trainer.worker")
