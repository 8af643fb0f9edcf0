"""Default hyperparameters: what was recorded comes out, and more examples never mean more epochs."""

from __future__ import annotations

import pytest

from tuning_emulator.core.errors import GRADES, Fact
from tuning_emulator.facts.base_models import find_base_model
from tuning_emulator.facts.defaults import ROWS, VERTEX_EPOCHS, gemini_defaults, vertex_defaults, vertex_epochs
from tuning_emulator.facts.differences import DIVERGENCES
from tuning_emulator.facts.limits import ROWS as LIMITS


def test_gemini_defaults_of_a_small_dataset_are_the_recorded_ones() -> None:
    """15 examples: 5 epochs, batch 4, rate 0.001 (table of the documentation, echoed by the service)."""
    found = gemini_defaults(15)
    assert (found.epochs, found.batch_size, found.learning_rate) == (5, 4, 0.001)


def test_gemini_defaults_of_a_large_dataset_are_the_other_documented_ones() -> None:
    """The proto names batch 16 and rate 0.0002 for more examples."""
    found = gemini_defaults(100_000)
    assert (found.epochs, found.batch_size, found.learning_rate) == (5, 16, 0.0002)


@pytest.mark.parametrize(("examples", "epochs"), [(166, 40), (500, 10)])
def test_vertex_epochs_are_those_that_were_seen(examples: int, epochs: int) -> None:
    """Two jobs that asked for nothing resolved to these."""
    assert vertex_epochs(examples) == epochs


def test_more_examples_never_mean_more_epochs() -> None:
    """The table ascends in examples, descends in epochs and ends without a limit."""
    limits = [up_to for up_to, _ in VERTEX_EPOCHS]
    assert limits[-1] == 0
    assert limits[:-1] == sorted(limits[:-1])
    counts = [vertex_epochs(one) for one in (1, 200, 201, 500, 501, 5000, 5001, 10_000_000)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] >= 1


@pytest.mark.parametrize(
    ("identifier", "method", "adapter_size", "epochs", "learning_rate"),
    [
        ("gemini-1.5-flash-002", "supervised", 8, 10, 1e-3),
        ("gemini-2.5-flash", "preference", 4, 10, 1e-3),
        ("google/gemma3@gemma-3-27b-it", "supervised", 4, 1, 1e-4),
        ("google/gemma3@gemma-3-27b-it", "full", 4, 1, 2e-5),
        ("google/gemma3@gemma-3-1b-it", "supervised", 0, 1, 2e-5),
        ("gemini-3.5-flash", "reinforcement", 16, 7, 1e-3),
    ],
)
def test_vertex_defaults_follow_model_and_method(
    identifier: str, method: str, adapter_size: int, epochs: int, learning_rate: float
) -> None:
    """500 examples: the model decides the adapter size, open models and reinforcement have rules of their own."""
    model = find_base_model("vertex", identifier)
    assert model is not None
    found = vertex_defaults(model, method, 500)
    assert (found.adapter_size, found.epochs, found.learning_rate) == (adapter_size, epochs, learning_rate)
    assert found.learning_rate_multiplier == 1.0


def test_a_model_that_no_row_has_gets_defaults_too() -> None:
    """Custom base models."""
    assert vertex_defaults(None, "supervised", 1).adapter_size == 4


def test_a_dataset_without_examples_divides_nothing_by_zero() -> None:
    """Reinforcement's rule divides by the number of prompts."""
    assert vertex_defaults(None, "reinforcement", 0).epochs == 10


def test_every_default_and_limit_is_a_positive_number() -> None:
    """No default is 0 by mistake."""
    facts = [row for row in (*ROWS, *LIMITS) if isinstance(row, Fact)]
    rows = [row for row in facts if isinstance(row.value, int | float)]
    assert [row.name for row in rows if row.value <= 0] == ["teacher_sampling"], "which draws nothing"
    assert {row.grade for row in rows} <= set(GRADES)


def test_every_divergence_is_told_whole() -> None:
    """What the service does, what happens here, and why: unique names, sentences."""
    assert len({one.name for one in DIVERGENCES}) == len(DIVERGENCES)
    for one in DIVERGENCES:
        for text in (one.real, one.here, one.reason):
            assert text.endswith(".")
