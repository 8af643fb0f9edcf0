"""The same work on every device and in every precision, on both kinds of models.

On a machine without a GPU, bfloat16 is computed by the CPU, which shows faults of precision, and a second device is
pretended, which shows faults of devices; tests marked ``cuda`` do the same on a real one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models import make_job, pair, write_examples, write_gemma, write_gpt2, write_llama
from tests.pretended_device import PretendedDevice
from tuning_trainer import model
from tuning_trainer.answering import generate
from tuning_trainer.export import merge_adapter
from tuning_trainer.learning import graphs, loop
from tuning_trainer.learning import learner as learning
from tuning_trainer.learning.checkpoint import checkpoint_directory
from tuning_trainer.spec import Cancelled, Done, Event, Job, Prompt, Started, Step, Turn

PAIRS = [pair(f"say {word}", word, rejected="no") for word in "one two three four five six".split()]


@dataclass(frozen=True)
class Place:
    """Where a test computes, and how near to float32 on the CPU it comes."""

    device: str
    precision: str
    pretended: bool = False

    @property
    def tolerance(self) -> float:
        return 0.05 if self.precision == "bfloat16" else 1e-4 if self.device == "cpu" or self.pretended else 1e-3


REAL = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: work on a GPU was NOT checked"),
]
UNREAL = pytest.mark.skipif(torch.cuda.is_available(), reason="a real CUDA device is there")
PLACES = [
    pytest.param(Place("cpu", "float32"), id="cpu-float32"),
    pytest.param(Place("cpu", "bfloat16"), id="cpu-bfloat16"),
    pytest.param(Place("cuda", "float32", pretended=True), id="pretended-float32", marks=UNREAL),
    pytest.param(Place("cuda", "float32"), id="cuda-float32", marks=REAL),
    pytest.param(Place("cuda", "bfloat16"), id="cuda-bfloat16", marks=REAL),
]
WRITERS: dict[str, Callable[[Path], Path]] = {
    "native": write_llama,
    "windowed": write_gemma,
    "transformers": write_gpt2,
}

pytestmark = pytest.mark.slow


def choose(monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    """Everything that is opened from now on is there."""
    for module in (model, loop, generate):
        monkeypatch.setattr(module, "choose_device", lambda *_: (place.device, place.precision))


class AtOnce:
    """Computes where it is asked: a pretended device is one thread's."""

    def __init__(self, *_: Any) -> None:
        pass

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(function(*arguments))
        return done


def pretend(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only CUDA has: recordings are computed anew each time, batches are prepared in turn, memory is free."""
    monkeypatch.setattr(graphs, "CudaRecorder", lambda: lambda compute: compute)
    monkeypatch.setattr(learning, "ThreadPoolExecutor", AtOnce)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (8 << 30, 8 << 30))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Each place in turn, chosen for all that the trainer opens."""
    chosen: Place = request.param
    choose(monkeypatch, chosen)
    if chosen.pretended:
        pretend(monkeypatch)
    with PretendedDevice() if chosen.pretended else nullcontext():
        yield chosen
    for cache in ("_load", "_shelf"):  # bases in memory are of this place
        for module in (__import__("tuning_trainer.native.tuned", fromlist=[cache]), _huggingface()):
            if hasattr(module, cache):
                getattr(module, cache).cache_clear()


def _huggingface() -> Any:
    import tuning_trainer.huggingface.tuned

    return tuning_trainer.huggingface.tuned


@pytest.fixture(params=WRITERS, scope="module")
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of each kind."""
    return WRITERS[request.param](tmp_path_factory.mktemp("models") / request.param)


def run(job: Job, stopped: Callable[[], bool] = lambda: False) -> list[Event]:
    events: list[Event] = []
    loop.run_job(job, events.append, stopped)
    return events


def job_of(folder: Path, base: Path, **fields: Any) -> Job:
    write_examples(folder / "examples.jsonl", PAIRS)
    return make_job(folder, base, **{"learning_rate": 3e-3, "device": "auto", "epochs": 3, "batch_size": 3} | fields)


def losses(events: list[Event]) -> list[float]:
    return [event.loss for event in events if isinstance(event, Step)]


def adapter_of(events: list[Event]) -> Path:
    last = events[-1]
    assert isinstance(last, Done), last
    return Path(last.adapter)


def ask(base: Path, adapters: list[Path | None], **fields: Any) -> list[str]:
    """Answers of several models at once."""
    answering = generate.Answering()
    for number, adapter in enumerate(adapters):
        name = str(adapter) if adapter else None
        prompt = Prompt((Turn("user", "say one"),), base_model=str(base), adapter=name, max_output_tokens=6, **fields)
        answering.submit(str(number), prompt)
    answers: dict[str, str] = {}
    while answering.busy:
        for output in answering.advance():
            assert isinstance(output, generate.Finished), output
            answers[output.id] = output.reply.answers[0].text
    return [answers[str(number)] for number in range(len(adapters))]


@pytest.mark.parametrize("method", ["supervised", "full", "preference", "distillation"])
def test_every_method_learns_there_as_on_the_cpu(
    method: str, place: Place, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss for loss near those in float32 on the CPU, validation too; the first event says where."""
    validation = str(write_examples(tmp_path / "validation.jsonl", PAIRS[:2]))
    events = run(job_of(tmp_path, base, id="there", method=method, validation=validation))
    started = events[0]
    assert isinstance(started, Started), started
    assert (started.device, started.precision) == (place.device, place.precision)
    assert adapter_of(events).exists()
    choose(monkeypatch, Place("cpu", "float32"))
    here = run(job_of(tmp_path, base, id="here", method=method, validation=validation))
    assert losses(events) == pytest.approx(losses(here), rel=place.tolerance, abs=place.tolerance)
    assert losses(events)[-1] < losses(events)[0]


def test_a_job_goes_on_where_it_stopped(place: Place, base: Path, tmp_path: Path) -> None:
    whole = losses(run(job_of(tmp_path, base, id="whole")))
    job, seen = job_of(tmp_path, base, id="halves"), 0

    def stopped() -> bool:
        nonlocal seen
        seen += 1
        return seen > 3

    first = run(job, stopped)
    assert isinstance(first[-1], Cancelled)
    second = run(job)
    assert losses(first) + losses(second) == pytest.approx(whole, rel=1e-3 if place.device == "cuda" else 1e-6)
    assert checkpoint_directory(job, 6).exists()


def test_tuning_goes_on_from_an_adapter_and_from_a_fully_tuned_model(place: Place, base: Path, tmp_path: Path) -> None:
    for method in ("supervised", "full"):
        first = run(job_of(tmp_path, base, id=f"first-{method}", method=method))
        second = run(job_of(tmp_path, base, id=f"second-{method}", method=method, adapter=str(adapter_of(first))))
        assert adapter_of(second).exists()
        assert losses(second)[0] < losses(first)[0]


def test_many_models_answer_there_at_once_and_merged_ones_alike(place: Place, base: Path, tmp_path: Path) -> None:
    """Base, adapters and a fully tuned model in one go, as alone; the merged model as base and adapter."""
    fields = {"epochs": 30, "learning_rate": 1e-2}
    one, two = (adapter_of(run(job_of(tmp_path, base, id=name, seed=seed, **fields))) for seed, name in enumerate("ab"))
    full = adapter_of(run(job_of(tmp_path, base, id="full", method="full", epochs=1)))
    models = [None, one, two, full]
    together = ask(base, models)
    assert together == [ask(base, [each])[0] for each in models]
    assert together[1] == "one"
    merge_adapter(one, tmp_path / "merged")
    assert ask(tmp_path / "merged", [None]) == [together[1]]


def test_what_is_sampled_scored_and_held_to_a_form_is_there_too(place: Place, base: Path, tmp_path: Path) -> None:
    from tuning_trainer.spec import Form

    if base.name == "native":
        assert ask(base, [None], form=Form(choices=("yes", "no")))[0] in ("yes", "no")
    drawn = {"temperature": 0.9, "top_k": 5, "top_p": 0.9, "frequency_penalty": 0.5, "alternatives": 3, "seed": 1}
    assert ask(base, [None, None], **drawn)[0] == ask(base, [None], **drawn)[0]
