"""Recorded steps are those that are computed as they come. What records is CUDA's; here a pass is simply repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models import PAIRS, make_job, pair
from tuning_trainer.data.dataset import encode_examples
from tuning_trainer.learning.graphs import MOST_GRAPHS, RECORDED_FROM, CudaRecorder, Graphs, Pass, round_up
from tuning_trainer.learning.loop import run_job
from tuning_trainer.learning.objective import Likelihood
from tuning_trainer.model import TunedModel, open_tuned
from tuning_trainer.spec import Event, Step


@pytest.fixture
def model(tiny: Path, tmp_path: Path) -> TunedModel:
    return open_tuned(make_job(tmp_path, tiny, seed=3), "cpu", "float32")


def again(compute: Pass) -> Pass:
    return compute


def likelihood(model: TunedModel) -> Likelihood:
    return Likelihood(model, encode_examples([pair(*each) for each in PAIRS], model.chat, 200), "cpu")


def gradients(model: TunedModel) -> list[torch.Tensor]:
    found = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    for parameter in model.parameters():
        parameter.grad = None
    return found


def test_a_padded_pass_gives_loss_hits_and_gradients_of_the_batch(model: TunedModel) -> None:
    """Two parts of a batch, of different lengths but one shape: gradients add up, and nothing is left of before."""
    objective, graphs = likelihood(model), Graphs("job", model, again)
    parts = [[3, 4, 5], [0, 1, 2]]
    batches = [objective.prepare(part) for part in parts]
    for _ in range(RECORDED_FROM - 1):
        assert graphs.take(batches[0], False, 10) is None
    total = objective.count(range(6))
    for batch, part in zip(batches, parts, strict=True):
        wanted = objective.score(batch, part)
        torch.autograd.backward(wanted.loss * (wanted.predictions / total))
        plain = gradients(model)
        found = graphs.take(batch, False, total)
        assert found is not None
        assert (found.predictions, int(found.correct)) == (wanted.predictions, int(wanted.correct))
        assert float(found.loss) == pytest.approx(float(wanted.loss.detach()), rel=1e-6)
        for one, other in zip(gradients(model), plain, strict=True):
            torch.testing.assert_close(one, other, atol=1e-7, rtol=1e-4)
    for batch in batches:
        graphs.take(batch, False, total)
    whole = objective.score(objective.prepare(range(6)), range(6))
    together = gradients(model)
    torch.autograd.backward(whole.loss)
    for one, other in zip(together, gradients(model), strict=True):
        torch.testing.assert_close(one, other, atol=1e-7, rtol=1e-4)


def test_what_cannot_be_recorded_is_said_once_and_computed_plainly(
    model: TunedModel, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: Pass) -> Pass:
        raise RuntimeError("operation not permitted when stream is capturing")

    objective, graphs = likelihood(model), Graphs("job", model, refuse)
    batch = objective.prepare([0])
    assert [graphs.take(batch, False, 9) for _ in range(2 * RECORDED_FROM)] == [None] * 2 * RECORDED_FROM
    assert [one.message for one in caplog.records] == [
        "job: no CUDA graphs, so its steps are slower: operation not permitted when stream is capturing"
    ]
    assert all(parameter.grad is None for parameter in model.parameters())


def test_so_many_shapes_are_recorded_and_no_more(model: TunedModel) -> None:
    objective, made = likelihood(model), list[Any]()
    graphs = Graphs("job", model, lambda compute: made.append(compute) or compute)  # type: ignore[func-returns-value]
    for rows in range(1, MOST_GRAPHS + 4):
        batch = objective.prepare([number % 15 for number in range(rows)])
        found = [graphs.take(batch, False, 9) for _ in range(RECORDED_FROM)]
        assert (found[-1] is None) is (rows > MOST_GRAPHS)
    assert len(made) == MOST_GRAPHS


def test_shapes_are_few_and_not_much_larger() -> None:
    found = {round_up(count) for count in range(1, 8193)}
    assert len(found) < 50
    assert all(count <= round_up(count) < count + max(32, count / 7) for count in range(1, 8193))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: CUDA graphs were NOT checked")
@pytest.mark.parametrize("method", ["supervised", "full"])
def test_recorded_steps_are_the_plain_ones_on_a_gpu(
    method: Any, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The documented job, with graphs and without; most of its steps are replayed."""
    replays: list[int] = []
    record = CudaRecorder.__call__

    def count(recorder: CudaRecorder, compute: Pass) -> Pass:
        replay = record(recorder, compute)
        return lambda: replays.append(1) or replay()  # type: ignore[func-returns-value]

    monkeypatch.setattr(CudaRecorder, "__call__", count)
    losses = []
    for name, first in (("plain", 1000), ("graphs", 1)):
        monkeypatch.setattr("tuning_trainer.learning.graphs.RECORDED_FROM", first)
        events: list[Event] = []
        run_job(make_job(tmp_path, tiny, id=name, device="cuda", method=method), events.append)
        losses.append([event.loss for event in events if isinstance(event, Step)])
    assert len(replays) >= 15
    assert "no CUDA graphs" not in caplog.text
    assert losses[1] == pytest.approx(losses[0], rel=2e-2)
