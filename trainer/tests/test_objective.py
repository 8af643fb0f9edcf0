"""Losses equal those computed independently by transformers from the definitions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from tests.models import make_job, pair, write_examples
from tuning_trainer.data.chat import Encoded
from tuning_trainer.data.dataset import encode_examples
from tuning_trainer.learning.loop import run_job
from tuning_trainer.learning.objective import Likelihood, Preference
from tuning_trainer.model import TunedModel, open_tuned
from tuning_trainer.spec import Event, Step

PREFERENCES = [pair("hello there", "Sure, gladly!", rejected="no"), pair("what now", "yes", rejected="go away at once")]


@pytest.fixture
def model(tiny: Path, tmp_path: Path) -> TunedModel:
    return open_tuned(make_job(tmp_path, tiny, seed=3), "cpu", "float32")


def answer_log_probability(model: Any, row: Encoded) -> float:
    """By transformers, one row alone, straight from the definition."""
    with torch.no_grad():
        logs = model(torch.tensor([row.ids])).logits[0].log_softmax(-1)
    return sum(float(logs[i - 1, token]) for i, token in enumerate(row.ids) if row.scored[i])


def load_reference(directory: Path) -> Any:
    from transformers import AutoModelForCausalLM

    loader: Any = AutoModelForCausalLM
    return loader.from_pretrained(directory, dtype=torch.float32)


@pytest.mark.slow
def test_likelihood_is_the_mean_over_the_tokens_of_the_batch(model: TunedModel, tiny: Path) -> None:
    data = encode_examples([pair("a", "bcd"), pair("long question", "e")], model.chat, 100)
    objective = Likelihood(model, data, "cpu")
    score = objective.score(objective.prepare([0, 1]), [0, 1])
    rows = [row for (row,) in data.rows]
    tokens = sum(sum(row.scored) for row in rows)
    reference = load_reference(tiny)
    assert score.predictions == tokens
    assert float(score.loss.detach()) == pytest.approx(
        -sum(answer_log_probability(reference, row) for row in rows) / tokens, abs=1e-5
    )


def test_preference_loss_starts_at_log_two_without_margin(model: TunedModel) -> None:
    data = encode_examples(PREFERENCES, model.chat, 100, preference=True)
    objective = Preference(model, data, "cpu", beta=0.1, batch_size=2)
    score = objective.score(objective.prepare([0, 1]), [0, 1])
    assert float(score.loss.detach()) == pytest.approx(math.log(2), abs=1e-6)
    assert float(score.margin) == pytest.approx(0, abs=1e-6)
    assert score.predictions == 2


@pytest.mark.slow
def test_preference_loss_and_margin_are_those_of_the_definition(tiny: Path, tmp_path: Path) -> None:
    """The reported numbers equal -log σ(β·Δ), computed by transformers and peft from the saved adapter."""
    from peft import PeftModel

    write_examples(tmp_path / "examples.jsonl", PREFERENCES)
    events: list[Event] = []
    job = make_job(tmp_path, tiny, method="preference", epochs=4, batch_size=2, beta=0.3, checkpoint_steps=(3,))
    run_job(job, events.append)
    last = [event for event in events if isinstance(event, Step)][-1]
    base = load_reference(tiny)
    data = encode_examples(PREFERENCES, open_tuned(job, "cpu", "float32").chat, 100, preference=True)
    before = [[answer_log_probability(base, row) for row in both] for both in data.rows]
    tuned = PeftModel.from_pretrained(base, Path(job.directory) / "checkpoints" / "step-00000003")
    after = [[answer_log_probability(tuned, row) for row in both] for both in data.rows]
    margins = [0.3 * ((a[0] - b[0]) - (a[1] - b[1])) for a, b in zip(after, before, strict=True)]
    assert last.step == 4
    assert last.margin == pytest.approx(sum(margins) / 2, abs=1e-4)
    assert last.margin > 0.01
    assert last.loss == pytest.approx(float(-F.logsigmoid(torch.tensor(margins)).mean()), abs=1e-4)
    assert last.correct == 2
