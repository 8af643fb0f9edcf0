"""A job from its examples to its adapter: events, determinism, resumption, failures."""

from __future__ import annotations

import dataclasses
import errno
import json
import logging
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models import PAIRS, make_job, pair, write_examples, write_gpt2, write_llama
from tuning_trainer.answering.generate import answer
from tuning_trainer.data.dataset import Batch
from tuning_trainer.export import merge_adapter
from tuning_trainer.learning.checkpoint import read_state
from tuning_trainer.learning.loop import BROKEN, FULL_DISK, NO_MEMORY, explain_failure, run_job
from tuning_trainer.model import open_tuned
from tuning_trainer.native.tuned import NativeTuned
from tuning_trainer.spec import (
    Cancelled,
    Checkpoint,
    Done,
    Evaluation,
    Event,
    Failed,
    InvalidJobError,
    Job,
    Prompt,
    Started,
    Step,
    Turn,
    format_job,
)


def train(job: Job, stop_after: int | None = None) -> list[Event]:
    """All events of a run, which is asked to stop once ``stop_after`` steps are done."""
    events: list[Event] = []

    def stopped() -> bool:
        return stop_after is not None and any(isinstance(e, Step) and e.step == stop_after for e in events)

    run_job(job, events.append, stopped)
    return events


def steps(events: list[Event]) -> list[Step]:
    return [event for event in events if isinstance(event, Step)]


def adapter_bytes(events: list[Event]) -> bytes:
    last = events[-1]
    assert isinstance(last, Done), last
    return (Path(last.adapter) / "adapter_model.safetensors").read_bytes()


def test_documented_job_reports_every_step_and_learns(tiny: Path, tmp_path: Path) -> None:
    events = train(make_job(tmp_path, tiny, checkpoint_steps=(4, 8), learning_rate=1e-2))
    assert events[0] == Started(15, 19, "cpu", "float32", 1, max_tokens=256)
    assert [step.step for step in steps(events)] == list(range(1, 20))
    assert [step.epoch for step in steps(events)][-1] == 5
    assert [event.step for event in events if isinstance(event, Checkpoint)] == [4, 8, 19]
    assert sum(s.loss for s in steps(events)[-4:]) < sum(s.loss for s in steps(events)[:4])
    assert sum(s.correct for s in steps(events)[-4:]) > 2 * sum(s.correct for s in steps(events)[:4])
    assert all(step.predictions > 0 and step.correct <= step.predictions for step in steps(events))


def test_events_are_on_disk_too(tiny: Path, tmp_path: Path) -> None:
    job = make_job(tmp_path, tiny, checkpoint_steps=(4,))
    events = train(job)
    lines = [json.loads(line) for line in (Path(job.directory) / "events.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == [event.event for event in events]
    times = [line["time_ns"] for line in lines]
    assert times == sorted(times)


def test_validation_is_scored_once_per_epoch_over_all_its_tokens(tiny: Path, tmp_path: Path) -> None:
    check = write_examples(tmp_path / "check.jsonl", [pair("5", "xyz"), pair("9", "qqqqqqqq"), pair("x", "y")])
    events = train(make_job(tmp_path, tiny, validation=str(check), batch_size=2, epochs=3))
    evaluations = [event for event in events if isinstance(event, Evaluation)]
    assert [each.epoch for each in evaluations] == [1, 2, 3]
    assert {each.predictions for each in evaluations} == {len("xyz") + len("qqqqqqqq") + len("y") + 3}
    assert evaluations[-1].loss < evaluations[0].loss


@pytest.mark.parametrize("method", ["supervised", "preference"])
def test_a_batch_goes_through_in_parts_where_memory_is_small(method: str, tiny: Path, tmp_path: Path) -> None:
    """The same losses, hits and counts as at once, but for rounding; a resumed run keeps its parts."""
    examples = write_examples(tmp_path / "examples.jsonl", [pair(*each, rejected="never") for each in PAIRS])
    seen = []
    for name, memory in (("whole", 0), ("parts", 100_000), ("rows", 1)):
        common: dict[str, Any] = {"batch_size": 15, "method": method, "examples": str(examples)}
        job = make_job(tmp_path, tiny, id=name, activation_memory_bytes=memory, **common)
        train(job, stop_after=3)
        seen.append(steps(train(dataclasses.replace(job, activation_memory_bytes=0))))
    for other in seen[1:]:
        for whole, parts in zip(seen[0], other, strict=True):
            assert parts.loss == pytest.approx(whole.loss, rel=1e-4)
            assert (parts.step, parts.predictions, parts.correct) == (whole.step, whole.predictions, whole.correct)
    states = [read_state(make_job(tmp_path, tiny, id=name, **common)) for name in ("parts", "rows")]
    assert [state.part_tokens for state in states if state] == [16, 1]


@pytest.mark.parametrize(("room", "ends"), [(90, Done), (30, Failed)])
def test_too_little_memory_is_tried_again_with_less(
    room: int,
    ends: type[Event],
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Once, with a quarter of the tokens, and the job is the same but for rounding; then it says what helps."""
    wanted = steps(train(make_job(tmp_path, tiny, id="whole", batch_size=15)))
    hidden = NativeTuned.hidden

    def fail(model: NativeTuned, batch: Batch, checkpointing: bool = False) -> torch.Tensor:
        if batch.inputs.numel() > room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return hidden(model, batch, checkpointing)

    monkeypatch.setattr(NativeTuned, "hidden", fail)  # a machine that is too small
    events = train(make_job(tmp_path, tiny, batch_size=15))
    assert isinstance(events[-1], ends), events[-1]
    if ends is Failed:
        assert events[-1] == Failed(8, NO_MEMORY)
        return
    assert [one.loss for one in steps(events)] == pytest.approx([one.loss for one in wanted], rel=1e-4)
    assert [one.message for one in caplog.records] == [
        "job: too little memory for a step, which is taken 90 tokens at a time"
    ]


def test_same_seed_same_bytes(tiny: Path, tmp_path: Path) -> None:
    one, two, other = (train(make_job(tmp_path, tiny, id=f"j{i}", seed=seed)) for i, seed in enumerate((7, 7, 8)))
    assert adapter_bytes(one) == adapter_bytes(two)
    assert [step.loss for step in steps(one)] == [step.loss for step in steps(two)]
    assert adapter_bytes(one) != adapter_bytes(other)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["supervised", "preference"])
def test_stopped_job_goes_on_bit_for_bit(method: str, tiny: Path, tmp_path: Path) -> None:
    examples = write_examples(tmp_path / "examples.jsonl", [pair(*each, rejected="never") for each in PAIRS])
    common: dict[str, Any] = {"method": method, "examples": str(examples), "checkpoint_steps": (4, 12)}
    whole = train(make_job(tmp_path, tiny, id="whole", **common))
    job = make_job(tmp_path, tiny, id="parts", **common)
    first = train(job, stop_after=9)
    assert first[-1] == Cancelled(9)
    second = train(job)
    started = second[0]
    assert isinstance(started, Started)
    assert started.resumed_from == 9
    assert steps(first) + steps(second) == steps(whole)
    assert adapter_bytes(second) == adapter_bytes(whole)
    lines = [json.loads(line) for line in (Path(job.directory) / "events.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["event"] == "step"] == list(range(1, 20))


@pytest.mark.process
def test_killed_job_goes_on_bit_for_bit(tiny: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle of training, for real; the next run repeats only what was not saved."""
    common: dict[str, Any] = {"epochs": 60, "checkpoint_steps": tuple(range(10, 220, 10))}
    whole = train(make_job(tmp_path, tiny, id="whole", **common))
    job = make_job(tmp_path, tiny, id="killed", **common)
    file = tmp_path / "job.json"
    file.write_text(format_job(job))
    command = [sys.executable, "-m", "tuning_trainer", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if json.loads(line).get("step", 0) >= 47:
                process.send_signal(signal.SIGKILL)
                break
        assert process.wait() == -signal.SIGKILL
    second = train(job)
    started = second[0]
    assert isinstance(started, Started)
    assert 40 <= started.resumed_from < 225
    assert adapter_bytes(second) == adapter_bytes(whole)
    assert steps(second) == steps(whole)[started.resumed_from :]


def test_finished_job_is_not_trained_again(tiny: Path, tmp_path: Path) -> None:
    job = make_job(tmp_path, tiny)
    first, second = train(job), train(job)
    assert steps(second) == []
    assert second[-1] == first[-1]


def test_directory_of_another_job_is_refused(tiny: Path, tmp_path: Path) -> None:
    job = make_job(tmp_path, tiny)
    train(job, stop_after=3)
    events = train(dataclasses.replace(job, learning_rate=2e-3))
    assert isinstance(events[-1], Failed)
    assert "state of another job" in events[-1].message
    assert train(job)[-1] == Done(str(Path(job.directory) / "checkpoints" / "step-00000019"))


@pytest.mark.slow
def test_thread_count_is_kept_when_resuming(tiny: Path, tmp_path: Path) -> None:
    job = make_job(tmp_path, tiny, threads=2)
    train(job, stop_after=3)
    started = train(dataclasses.replace(job, threads=0))[0]
    torch.set_num_threads(1)
    assert isinstance(started, Started)
    assert started.threads == 2


def test_adapter_is_continued(tiny: Path, tmp_path: Path) -> None:
    first = train(make_job(tmp_path, tiny, id="first", learning_rate=1e-2))
    done = first[-1]
    assert isinstance(done, Done)
    second = train(make_job(tmp_path, tiny, id="second", adapter=done.adapter))
    fresh = train(make_job(tmp_path, tiny, id="fresh"))
    assert steps(second)[0].loss < steps(fresh)[0].loss - 0.2
    assert steps(second)[0].correct > steps(fresh)[0].correct
    wrong = train(make_job(tmp_path, tiny, id="wrong", adapter=done.adapter, adapter_size=8))
    assert isinstance(wrong[-1], Failed)
    assert wrong[-1].code == 3
    assert "adapter_size: 8 differs from 4" in wrong[-1].message


@pytest.mark.slow
@pytest.mark.parametrize("write", [write_llama, write_gpt2])
def test_full_tuning_writes_a_model_that_answers_and_is_tuned_on(write: Any, tmp_path: Path) -> None:
    base = write(tmp_path / "base")
    before = (base / "model.safetensors").read_bytes()
    events = train(make_job(tmp_path, base, method="full", learning_rate=1e-2, epochs=12))
    done = events[-1]
    assert isinstance(done, Done)
    assert steps(events)[-1].loss < 0.5 * steps(events)[0].loss
    assert (base / "model.safetensors").read_bytes() == before
    alone = answer(Prompt((Turn("user", "3"),), base_model=done.adapter, max_output_tokens=5))
    over = answer(Prompt((Turn("user", "3"),), base_model=str(base), adapter=done.adapter, max_output_tokens=5))
    assert alone == over
    again = train(make_job(tmp_path, base, id="again", adapter=done.adapter, adapter_size=2))
    assert isinstance(again[-1], Done)
    assert steps(again)[0].loss < 0.5 * steps(events)[0].loss


@pytest.mark.slow
def test_fully_tuned_model_is_loaded_by_transformers(tiny: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    job = make_job(tmp_path, tiny, method="full")
    done = train(job)[-1]
    assert isinstance(done, Done)
    loader: Any = AutoModelForCausalLM
    loaded = loader.from_pretrained(done.adapter, dtype=torch.float32)
    ours = open_tuned(make_job(tmp_path, done.adapter, id="x", method="full"), "cpu", "float32")
    assert sum(p.numel() for p in loaded.parameters()) == ours.size


def test_long_examples_are_cut_and_their_numbers_reported(tiny: Path, tmp_path: Path) -> None:
    """Steps are those of all examples, as the service would count them."""
    examples = write_examples(tmp_path / "examples.jsonl", [pair("1", "2"), pair("x" * 300, "2"), pair("3", "4")])
    started = train(make_job(tmp_path, tiny, examples=str(examples)))[0]
    assert isinstance(started, Started)
    assert (started.examples, started.dropped, started.cut, started.total_steps) == (3, (), (1,), 4)
    assert started.max_tokens == 256


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"base_model": "/nowhere"}, "base_model: '/nowhere'"),
        ({"examples": "/nowhere.jsonl"}, "/nowhere.jsonl"),
        ({"directory": "/nowhere"}, "directory: '/nowhere' does not exist"),
        ({"adapter": "/nowhere"}, "no adapter_config.json"),
        ({"max_tokens": 2}, "all 15 are longer than 2 tokens"),
        ({"learning_rate": 1e30}, "learning_rate: 1e+30 is too high"),
        ({"method": "preference"}, "rejected"),
    ],
)
def test_bad_job_fails_with_the_fields_name(fields: dict[str, Any], message: str, tiny: Path, tmp_path: Path) -> None:
    events = train(dataclasses.replace(make_job(tmp_path, tiny), **fields))
    last = events[-1]
    assert isinstance(last, Failed)
    assert last.code == 3
    assert message in last.message


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_missing_cuda_is_said(tiny: Path, tmp_path: Path) -> None:
    last = train(make_job(tmp_path, tiny, device="cuda"))[-1]
    assert isinstance(last, Failed)
    assert "sees no CUDA device" in last.message


def test_an_adapter_is_not_used_on_other_weights(tiny: Path, tmp_path: Path) -> None:
    """It would answer nonsense, and nobody would know why: not in answers, in further tuning or merged."""
    base = tmp_path / "base"
    shutil.copytree(tiny, base)
    last = train(make_job(tmp_path, base))[-1]
    assert isinstance(last, Done)
    prompt = Prompt((Turn("user", "one"),), base_model=str(base), adapter=last.adapter)
    assert answer(prompt).answers
    shutil.rmtree(base)
    write_llama(base, seed=1)  # as a newer version ships other weights under the same name
    with pytest.raises(InvalidJobError, match="adapter: it was trained on other weights than its base model has here"):
        answer(prompt)
    again = train(make_job(tmp_path, base, id="again", adapter=last.adapter))[-1]
    assert isinstance(again, Failed)
    assert "trained on other weights" in again.message
    with pytest.raises(InvalidJobError, match="trained on other weights"):
        merge_adapter(Path(last.adapter), tmp_path / "merged", str(base))
    assert not (tmp_path / "merged").exists()


def test_high_learning_rate_is_warned_of(tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="tuning_trainer.learning.loop"):
        train(make_job(tmp_path, tiny, learning_rate=3e-3))
        assert not caplog.records
        train(make_job(tmp_path, tiny, id="high", learning_rate=1e-2))
    assert "learning rate of 0.01" in caplog.text


def test_low_precision_trains_with_side_branches(tiny: Path, tmp_path: Path) -> None:
    """What a GPU runs in bfloat16, on the CPU: the losses are those of float32 within the precision."""
    from tuning_trainer.data.dataset import encode_examples, read_examples
    from tuning_trainer.learning.objective import Likelihood

    job = make_job(tmp_path, tiny)
    losses = []
    for precision in ("float32", "bfloat16"):
        model = open_tuned(job, "cpu", precision)
        data = encode_examples(read_examples(job.examples), model.chat, 100)
        objective = Likelihood(model, data, "cpu")
        loss = objective.score(objective.prepare(range(8)), range(8)).loss
        torch.autograd.backward(loss)
        assert all(p.grad is not None and p.dtype == torch.float32 for p in model.parameters())
        losses.append(float(loss.detach()))
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_interrupted_run_leaves_no_temporary_files(tiny: Path, tmp_path: Path) -> None:
    job = make_job(tmp_path, tiny, checkpoint_steps=(2, 4, 6))
    train(job, stop_after=5)
    train(job)
    hidden = [path for path in Path(job.directory).rglob(".*") if path.name != "."]
    assert hidden == []


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (MemoryError(), 8, NO_MEMORY),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: …"),
            8,
            NO_MEMORY,
        ),
        (torch.OutOfMemoryError("CUDA out of memory."), 8, NO_MEMORY),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), 8, NO_MEMORY),
        (OSError(errno.ENOSPC, "No space left on device"), 13, FULL_DISK),
        (RuntimeError("something else"), 13, BROKEN),
    ],
)
def test_what_a_machine_lacks_is_told_apart(error: Exception, code: int, text: str) -> None:
    """Memory, as Python, torch and the system say it; space; and a fault of ours."""
    assert explain_failure(error) == Failed(code, text)


def test_a_full_disk_is_told_though_it_cannot_be_written_down(tiny: Path, tmp_path: Path) -> None:
    """The last event comes, or who asked would hear no more than that a process has ended."""
    job, heard = make_job(tmp_path, tiny), list[Event]()
    events = Path(job.directory) / "events.jsonl"

    def report(event: Event) -> None:
        heard.append(event)
        if isinstance(event, Started):
            events.unlink()
            events.symlink_to("/dev/full")

    assert run_job(job, report) == heard[-1] == Failed(13, FULL_DISK)
