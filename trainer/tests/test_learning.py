"""A step is the same step however its batch is divided, and whatever is prepared ahead."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models import PAIRS, make_job, pair
from tuning_trainer.data.dataset import Batch, encode_examples
from tuning_trainer.learning.learner import Learner, Totals
from tuning_trainer.learning.objective import Likelihood, Objective, Preference
from tuning_trainer.learning.optimizer import AdamW
from tuning_trainer.learning.ranks import Ranks
from tuning_trainer.learning.row_threads import RowThreads
from tuning_trainer.model import TunedModel, open_tuned

BATCH = [4, 9, 0, 14, 7, 2]


class Kept(AdamW):
    """Keeps the gradients of the last step."""

    def step(self) -> None:
        self.seen = [p.grad.clone() for p in self.parameters if p.grad is not None]
        super().step()


def objective_of(method: str, model: TunedModel) -> Objective:
    examples = [pair(*each, rejected="never") for each in PAIRS]
    data = encode_examples(examples, model.chat, 200, preference=method == "preference")
    return Preference(model, data, "cpu", 0.1, 4) if method == "preference" else Likelihood(model, data, "cpu")


def take_step(
    model: TunedModel, objective: Objective, tokens: int, threads: int = 1
) -> tuple[Totals, list[Tensor], Learner]:
    """One step at a rate of 0, and its gradients, not clipped."""
    optimizer = Kept(model.parameters(), 0.0, clip=0.0)
    learner = Learner("job", model, objective, optimizer, Ranks(), tokens, "cpu", threads)
    totals = learner.step(BATCH)
    return totals, optimizer.seen, learner


@pytest.mark.parametrize("method", ["supervised", "preference", "full"])
@pytest.mark.parametrize(("tokens", "threads"), [(1, 1), (30, 1), (70, 1), (1 << 20, 2), (150, 3), (1 << 20, 9)])
def test_parts_give_the_gradients_of_the_whole(
    method: Any, tokens: int, threads: int, tiny: Path, tmp_path: Path
) -> None:
    """Weighted by scored tokens, to a millionth; rows alone are checkpointed too, and threads share the rows."""
    model = open_tuned(make_job(tmp_path, tiny, method=method), "cpu", "float32")
    objective = objective_of(method, model)
    whole, wanted, _ = take_step(model, objective, 1 << 20)
    parts, found, _ = take_step(model, objective, tokens, threads)
    assert (parts.predictions, parts.correct) == (whole.predictions, whole.correct)
    assert parts.loss == pytest.approx(whole.loss, rel=1e-6)
    size = sum(float(each.double().square().sum()) for each in wanted) ** 0.5
    apart = sum(float((a - b).double().square().sum()) for a, b in zip(found, wanted, strict=True)) ** 0.5
    assert size > 0
    assert apart < 1e-6 * size


@pytest.mark.parametrize("method", ["supervised", "preference"])
def test_threads_evaluate_what_one_does(method: str, tiny: Path, tmp_path: Path) -> None:
    """No gradients are kept meanwhile."""
    model = open_tuned(make_job(tmp_path, tiny), "cpu", "float32")
    objective = objective_of(method, model)
    one, three = (
        Learner("job", model, objective, AdamW(model.parameters(), 0.0), Ranks(), 1 << 20, "cpu", threads)
        for threads in (1, 3)
    )
    wanted, found = one.evaluate(objective, 2), three.evaluate(objective, 2)
    assert (found.predictions, found.correct) == (wanted.predictions, wanted.correct)
    assert (found.loss, found.margin) == pytest.approx((wanted.loss, wanted.margin), rel=1e-6)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_failing_share_ends_the_step_once_all_have_ended() -> None:
    """Nobody works on behind the back of a step that is tried again."""
    ended: list[int] = []
    fails = threading.Event()

    def work(share: int) -> None:
        if share == 0:
            fails.set()
            raise MemoryError
        fails.wait(60)
        time.sleep(0.1)  # so that whoever does not wait is seen
        ended.append(share)

    with pytest.raises(MemoryError):
        RowThreads(2).map(work, [0, 1])
    assert ended == [1]


@pytest.mark.parametrize("method", ["supervised", "full"])
def test_rows_have_threads_where_the_model_lets_them(
    method: Any, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full tuning would hold the gradients of all weights once for each; too little memory for two rows: one thread."""
    model = open_tuned(make_job(tmp_path, tiny, method=method), "cpu", "float32")
    objective = objective_of("supervised", model)
    names: set[str] = set()
    hidden = model.hidden

    def watch(batch: Batch, checkpointing: bool = False) -> Tensor:
        names.add(threading.current_thread().name)
        return hidden(batch, checkpointing)

    monkeypatch.setattr(model, "hidden", watch)
    take_step(model, objective, 1 << 20, threads=2)
    here = threading.current_thread().name
    assert (here in names) == (method == "full")
    names.clear()
    take_step(model, objective, max(objective.lengths), threads=2)
    assert names == {here}


def test_short_rows_are_no_longer_padded_to_a_long_one(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_tuned(make_job(tmp_path, tiny), "cpu", "float32")
    rows = [pair("?!" * 80, "a"), *[pair("b", "c")] * 8]
    objective = Likelihood(model, encode_examples(rows, model.chat, 256), "cpu")
    learner = Learner("job", model, objective, AdamW(model.parameters(), 0.0), Ranks(), 1 << 20, "cpu")
    sizes: list[tuple[int, ...]] = []
    hidden = model.hidden

    def watch(batch: Batch, checkpointing: bool = False) -> Tensor:
        sizes.append(tuple(batch.inputs.shape))
        return hidden(batch, checkpointing)

    monkeypatch.setattr(model, "hidden", watch)
    learner.step(range(9))
    assert [size[0] for size in sizes] == [1, 8]
    assert sizes[0][1] > 10 * sizes[1][1]


def test_what_was_prepared_ahead_is_what_is_wanted(tiny: Path, tmp_path: Path) -> None:
    """As on a GPU, where a thread prepares the next batch: the same losses, also where another batch comes instead."""
    model = open_tuned(make_job(tmp_path, tiny), "cpu", "float32")
    objective = objective_of("supervised", model)
    plain, ahead = (
        Learner("job", model, objective, AdamW(model.parameters(), 0.0), Ranks(), 1 << 20, device)
        for device in ("cpu", "cuda")
    )
    batches = [[0, 1], [2, 3], [4, 5], [6, 7]]
    wanted = [plain.step(batch) for batch in batches]
    following = [[2, 3], [8, 9], [6, 7], ()]
    assert [ahead.step(batch, after) for batch, after in zip(batches, following, strict=True)] == wanted


def test_failure_to_prepare_ahead_is_told(tiny: Path, tmp_path: Path) -> None:
    model = open_tuned(make_job(tmp_path, tiny), "cpu", "float32")
    learner = Learner(
        "job", model, objective_of("supervised", model), AdamW(model.parameters(), 0.0), Ranks(), 1 << 20, "cuda"
    )
    learner.step([0], [999])
    with pytest.raises(IndexError):
        learner.step([999])


def test_shares_of_ranks_are_about_alike_and_everything() -> None:
    lengths = [40, 10, 10, 10, 10, 5, 35, 20]
    shares = [Ranks(rank, 3).share(range(8), lengths) for rank in range(3)]
    assert sorted(number for share in shares for number in share) == list(range(8))
    assert {sum(lengths[number] for number in share) for share in shares} == {45, 50}
    assert Ranks(3, 4).share([0, 1], lengths) == []


@torch.no_grad()
def test_one_rank_changes_nothing() -> None:
    values = [torch.ones(3)]
    Ranks().add(values)
    assert torch.equal(values[0], torch.ones(3))
    assert Ranks().agree(True)
    assert Ranks().add_numbers(1, 2.5) == [1, 2.5]
