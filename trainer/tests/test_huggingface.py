"""The path through transformers and peft trains the same way as the native one, and other architectures too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.families import write_family
from tests.models import make_job, write_gemma, write_gpt2, write_qwen
from tuning_trainer.answering.generate import answer
from tuning_trainer.data.dataset import encode_examples, read_examples
from tuning_trainer.learning.loop import run_job
from tuning_trainer.learning.objective import Likelihood
from tuning_trainer.learning.optimizer import AdamW
from tuning_trainer.learning.schedule import Plan
from tuning_trainer.model import TunedModel
from tuning_trainer.native.tuned import NativeTuned
from tuning_trainer.spec import Done, Event, Failed, Job, Prompt, Step, Turn

pytestmark = pytest.mark.slow


def losses(model: TunedModel, job: Job) -> list[float]:
    data = encode_examples(read_examples(job.examples), model.chat, model.max_tokens)
    objective, optimizer = Likelihood(model, data, "cpu"), AdamW(model.parameters(), job.learning_rate)
    plan = Plan(len(data.rows), job.epochs, job.batch_size, job.seed)
    values = []
    for step in range(1, plan.steps + 1):
        loss = objective.score(objective.prepare(plan.batch(step)), plan.batch(step)).loss
        torch.autograd.backward(loss)
        optimizer.step()
        values.append(float(loss.detach()))
    return values


@pytest.mark.parametrize("method", ["supervised", "full"])
def test_losses_equal_the_native_ones_on_the_same_directory(method: Any, tiny: Path, tmp_path: Path) -> None:
    from tuning_trainer.huggingface.tuned import HuggingFaceTuned

    job = make_job(tmp_path, tiny, learning_rate=3e-3, seed=2, method=method)
    native = losses(NativeTuned(job, tiny, None, "cpu", "float32"), job)
    other = losses(HuggingFaceTuned(job, tiny, None, "cpu", "float32"), job)
    assert native == pytest.approx(other, abs=1e-4)
    assert native[-1] < native[0]


@pytest.mark.parametrize("write", [write_qwen, write_gpt2, write_gemma])
def test_users_own_architecture_is_tuned_and_answers(write: Any, tmp_path: Path) -> None:
    base = write(tmp_path / "base")
    events: list[Event] = []
    run_job(make_job(tmp_path, base, learning_rate=1e-2, epochs=20, adapter_size=8), events.append)
    done = events[-1]
    assert isinstance(done, Done), done
    steps = [event for event in events if isinstance(event, Step)]
    assert steps[-1].loss < steps[0].loss - 0.2
    assert steps[-1].correct > steps[0].correct
    prompt = Prompt((Turn("user", "3"),), base_model=str(base), max_output_tokens=6)
    before = answer(prompt)
    tuned = answer(Prompt((Turn("user", "3"),), base_model=str(base), adapter=done.adapter, max_output_tokens=6))
    assert before != tuned
    assert answer(prompt) == before


def test_same_seed_same_bytes_and_resumption(tmp_path: Path) -> None:
    base = write_gpt2(tmp_path / "base")

    def train(name: str, stop_after: int | None = None) -> Event:
        events: list[Event] = []
        stopped = lambda: stop_after is not None and len(events) > stop_after  # noqa: E731
        return run_job(make_job(tmp_path, base, id=name), events.append, stopped)

    whole = train("whole")
    assert train("parts", 9).event == "cancelled"
    parts = train("parts")
    assert isinstance(whole, Done)
    assert isinstance(parts, Done)
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (Path(whole.adapter) / name).read_bytes() == (Path(parts.adapter) / name).read_bytes()


def test_adapter_of_the_other_path_is_understood(tiny: Path, tmp_path: Path) -> None:
    """A native adapter continues through peft at the loss where it stood."""
    from tuning_trainer.huggingface.tuned import HuggingFaceTuned

    done = run_job(make_job(tmp_path, tiny, learning_rate=1e-2), lambda _: None)
    assert isinstance(done, Done)
    job = make_job(tmp_path, tiny, id="more", adapter=done.adapter)
    native = losses(NativeTuned(job, tiny, done.adapter, "cpu", "float32"), job)
    other = losses(HuggingFaceTuned(job, tiny, done.adapter, "cpu", "float32"), job)
    assert native == pytest.approx(other, abs=1e-4)


def test_more_adapters_than_are_kept_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tuning_trainer.huggingface import shelf

    monkeypatch.setattr(shelf, "KEPT_ADAPTERS", 1)
    base = write_family(tmp_path / "base", "Qwen3", attention_bias=True)
    done = [run_job(make_job(tmp_path, base, id=f"j{i}", seed=i, learning_rate=1e-2), lambda _: None) for i in (0, 1)]

    def ask(number: int) -> object:
        last = done[number]
        assert isinstance(last, Done)
        return answer(Prompt((Turn("user", "3"),), base_model=str(base), adapter=last.adapter, max_output_tokens=6))

    assert [ask(0), ask(1)] == [ask(0), ask(1)]
    assert ask(0) != ask(1)


@pytest.mark.parametrize("write", [write_qwen, write_gpt2])
def test_pickled_weights_are_refused(write: Any, tmp_path: Path) -> None:
    base = write(tmp_path / "base")
    torch.save({}, base / "pytorch_model.bin")
    (base / "model.safetensors").unlink()
    last = run_job(make_job(tmp_path, base), lambda _: None)
    assert isinstance(last, Failed)
    assert last.code == 3
    assert str(base) in last.message


def test_code_of_a_directory_is_never_run(tmp_path: Path) -> None:
    import json

    base = write_qwen(tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}
    (base / "config.json").write_text(json.dumps(config))
    mark = tmp_path / "ran"
    (base / "own.py").write_text(f"open({str(mark)!r}, 'w')\n")
    last = run_job(make_job(tmp_path, base), lambda _: None)
    assert isinstance(last, Failed)
    assert last.code == 3
    assert not mark.exists()
