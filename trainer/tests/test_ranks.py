"""A job of several processes is the job of one: losses, adapters, ends. Gloo on the CPU, real processes."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from safetensors.torch import load_file

from tests.models import PAIRS, make_job, pair, write_examples
from tests.test_worker import WorkerProcess, ended, stepping
from tuning_trainer.learning.loop import run_job
from tuning_trainer.learning.rank_processes import choose_backend
from tuning_trainer.spec import (
    Cancelled,
    Done,
    Evaluation,
    Event,
    Failed,
    InvalidJobError,
    Job,
    Started,
    Step,
    format_job,
)

pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.fixture(scope="module")
def worker(process: None) -> Iterator[WorkerProcess]:
    made = WorkerProcess("--processes=2")
    yield made
    made.close()


def train(job: Job, stop_after: int | None = None) -> list[Event]:
    events: list[Event] = []
    run_job(job, events.append, lambda: any(isinstance(e, Step) and e.step == stop_after for e in events))
    return events


def figures(events: list[Event]) -> list[tuple[int, float, int, int]]:
    """Of all steps and evaluations."""
    found = [event for event in events if isinstance(event, Step | Evaluation)]
    return [(event.step, event.loss, event.predictions, event.correct) for event in found]


def check_alike(some: list[Event], others: list[Event]) -> None:
    for one, other in zip(figures(some), figures(others), strict=True):
        assert (one[0], one[2], one[3]) == (other[0], other[2], other[3])
        assert one[1] == pytest.approx(other[1], rel=1e-5)
    last, first = some[-1], others[-1]
    assert isinstance(last, Done)
    assert isinstance(first, Done)
    tensors = [load_file(Path(each.adapter) / "adapter_model.safetensors") for each in (last, first)]
    for name, tensor in tensors[0].items():
        assert float((tensor - tensors[1][name]).abs().max()) < 1e-5


@pytest.mark.parametrize("method", ["supervised", "preference"])
def test_several_processes_train_as_one_does(method: Any, tiny: Path, tmp_path: Path) -> None:
    """Three on batches of four, the last one of which has three examples, with validation."""
    write_examples(tmp_path / "examples.jsonl", [pair(*each, rejected="never") for each in PAIRS])
    common: dict[str, Any] = {"validation": str(tmp_path / "examples.jsonl"), "method": method}
    alone = train(make_job(tmp_path, tiny, id="alone", **common))
    before = set(psutil.Process().children(recursive=True))  # of other tests in this process
    several = train(make_job(tmp_path, tiny, id="several", processes=3, **common))
    started = several[0]
    assert isinstance(started, Started)
    assert started.processes == 3
    check_alike(several, alone)
    assert set(psutil.Process().children(recursive=True)) <= before


def test_a_job_goes_on_with_another_number_of_processes(tiny: Path, tmp_path: Path) -> None:
    alone = train(make_job(tmp_path, tiny, id="alone"))
    job = make_job(tmp_path, tiny, processes=2)
    first = train(job, stop_after=5)
    assert first[-1] == Cancelled(5)
    second = train(dataclasses.replace(job, processes=1), stop_after=11)
    third = train(dataclasses.replace(job, processes=2))
    check_alike([*first[:-1], *second[1:-1], *third[1:]], alone)


def test_no_process_has_nothing_to_do(tiny: Path, tmp_path: Path) -> None:
    started = train(make_job(tmp_path, tiny, processes=64, batch_size=1, epochs=1))[0]
    assert isinstance(started, Started)
    assert started.processes == 1


@pytest.mark.parametrize(
    ("fields", "text"),
    [({"learning_rate": 1e30}, "learning_rate: 1e+30 is too high"), ({"examples": "/none"}, "/none")],
)
def test_a_bad_job_fails_as_that_of_one_process_does(
    fields: dict[str, Any], text: str, tiny: Path, tmp_path: Path
) -> None:
    before = set(psutil.Process().children(recursive=True))  # of other tests in this process
    last = train(dataclasses.replace(make_job(tmp_path, tiny, processes=2), **fields))[-1]
    assert isinstance(last, Failed)
    assert (last.code, text in last.message) == (3, True)
    assert set(psutil.Process().children(recursive=True)) <= before


def ranks_of(worker: WorkerProcess) -> list[psutil.Process]:
    """The processes of other ranks."""
    return [one for one in worker.family() if "rank" in one.cmdline()]


@pytest.mark.parametrize("which", ["first", "other"])
def test_a_killed_process_ends_the_others_and_the_job_goes_on(
    which: str, worker: WorkerProcess, tiny: Path, tmp_path: Path
) -> None:
    job = make_job(tmp_path, tiny, epochs=200)
    worker.train(job)
    worker.read_until(lambda message: message.get("step") == 20)
    (other,) = ranks_of(worker)
    family = [other, other.parent()]
    (other if which == "other" else other.parent()).send_signal(signal.SIGKILL)
    last = worker.read_until(lambda message: "error" in message)[-1]
    assert (last["job"], last["signal"]) == ("job", signal.SIGKILL)
    assert psutil.wait_procs(family, timeout=30)[1] == []
    worker.train(dataclasses.replace(job))
    assert worker.read_until(lambda message: message.get("event") == "started")[-1]["processes"] == 2
    assert worker.cancel("job")[-1]["event"] == "cancelled"


def test_cancel_ends_every_process(worker: WorkerProcess, tiny: Path, tmp_path: Path) -> None:
    worker.train(make_job(tmp_path, tiny, id="long", epochs=2000))
    worker.read_until(stepping("long"))
    family = ranks_of(worker)
    assert len(family) == 1
    last = worker.cancel("long")[-1]
    assert last["event"] == "cancelled"
    assert psutil.wait_procs(family, timeout=30)[1] == []
    worker.train(make_job(tmp_path, tiny, id="short", epochs=1, processes=1))
    assert worker.read_until(lambda message: message.get("job") == "short" and ended(message))[-1]["event"] == "done"


def test_a_program_alone_says_which_process_was_killed(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(format_job(make_job(tmp_path, tiny, epochs=2000, processes=2)))
    command = [sys.executable, "-m", "tuning_trainer", str(tmp_path / "job.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        for line in process.stdout:
            if json.loads(line).get("step") == 3:
                (other,) = psutil.Process(process.pid).children()
                other.kill()
        said = process.stderr.read()
    assert process.returncode == 1
    assert "the process of rank 1 was ended by signal 9; the same job goes on where it was" in said


def test_each_process_wants_a_gpu(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    job = make_job(tmp_path, tiny, device="cuda")
    assert choose_backend(job, 2) == "nccl"
    assert choose_backend(dataclasses.replace(job, device="cpu"), 3) == "gloo"
    with pytest.raises(InvalidJobError, match="processes: each of 3 takes a GPU of its own, and torch sees 2"):
        choose_backend(job, 3)
