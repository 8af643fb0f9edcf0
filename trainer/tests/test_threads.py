"""How many threads, and how they wait."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tuning_trainer import threads
from tuning_trainer.threads import PASSIVE, SMALL_MODEL, IdleCores, choose_threads, count_cores, wait_passively


class Idle(IdleCores):
    """A machine that leaves so many cores free."""

    def __init__(self, cores: float) -> None:
        super().__init__()
        self.cores = cores

    def count(self) -> float:
        return self.cores


@pytest.mark.parametrize(
    ("size", "share", "idle", "wanted"),
    [
        (SMALL_MODEL - 1, 1, 8.0, 1),
        (SMALL_MODEL, 1, 8.0, 8),
        (SMALL_MODEL, 1, 3.4, 4),
        (SMALL_MODEL, 1, 3.2, 3),
        (SMALL_MODEL, 1, 1.0, 1),
        (SMALL_MODEL, 1, 0.2, 1),
        (SMALL_MODEL, 1, 11.0, 8),
        (SMALL_MODEL, 2, 8.0, 4),
        (SMALL_MODEL, 20, 8.0, 1),
        (SMALL_MODEL, 1, None, 8),
    ],
)
def test_threads_follow_size_and_what_is_free(
    size: int, share: int, idle: float | None, wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "count_cores", lambda: 8)
    assert choose_threads(size, share, None if idle is None else Idle(idle)) == wanted


def test_idle_cores_of_this_machine() -> None:
    found = IdleCores().count()
    assert -0.5 < found < (os.cpu_count() or 1) + 0.5


def test_work_of_others_is_seen_and_our_own_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds of idling in one second, and half a second of our own work, are two and a half free cores."""
    clocks = iter(((10.0, 5.0, 100.0), (11.0, 5.5, 102.0)))
    monkeypatch.setattr(threads, "_read_clocks", lambda: next(clocks))
    assert IdleCores().count() == 2.5


@pytest.mark.parametrize(("value", "wanted"), [("1", 1), ("1,4", 1), ("0", 1), ("many", None), ("", None)])
def test_a_users_limit_is_kept(value: str, wanted: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    unlimited = count_cores()
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert count_cores() == (unlimited if wanted is None else wanted)


def test_threads_wait_passively_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PASSIVE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOMP_SPINCOUNT", "77")
    wait_passively()
    assert {name: os.environ[name] for name in PASSIVE} == PASSIVE | {"GOMP_SPINCOUNT": "77"}


@pytest.mark.process
@pytest.mark.parametrize("command", ["worker", "job.json"])
def test_waiting_is_settled_before_torch_is_loaded(command: str, tmp_path: Path) -> None:
    """OpenMP reads the environment when its library is loaded, and never again."""
    code = (
        "import os, sys, types; torch = types.ModuleType('torch')\n"
        "class Stop:\n"
        "  def find_spec(self, name, *_):\n"
        "    if name == 'torch': print(os.environ.get('OMP_WAIT_POLICY'), file=sys.stderr, flush=True); os._exit(7)\n"
        "sys.meta_path.insert(0, Stop())\n"
        "from tuning_trainer.__main__ import main; main(sys.argv[1:])\n"
    )
    (tmp_path / "job.json").write_text('{"id": "1", "directory": ".", "examples": "none"}')
    clean = {name: value for name, value in os.environ.items() if name not in PASSIVE}
    run = subprocess.run(
        [sys.executable, "-c", code, command], capture_output=True, text=True, check=False, cwd=tmp_path, env=clean
    )
    assert (run.returncode, run.stderr) == (7, "PASSIVE\n")
