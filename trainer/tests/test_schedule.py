"""Which examples go into which step."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tuning_trainer.learning.schedule import Plan


def test_documented_job_has_nineteen_steps_whose_epochs_follow_the_service() -> None:
    """15 examples, 5 epochs, batches of 4: batches run on across the ends of epochs."""
    plan = Plan(15, 5, 4, seed=0)
    assert plan.steps == 19
    assert [plan.epoch(step) for step in (1, 3, 4, 8, 18, 19)] == [0, 0, 1, 2, 4, 5]
    assert [step for step in range(1, 20) if plan.ends_epoch(step)] == [4, 8, 12, 15, 19]
    assert len(plan.batch(19)) == 3


@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 50), st.integers(0, 3))
def test_every_example_is_seen_once_per_epoch(examples: int, epochs: int, batch: int, seed: int) -> None:
    plan = Plan(examples, epochs, batch, seed)
    seen = [number for step in range(1, plan.steps + 1) for number in plan.batch(step)]
    assert Counter(seen) == Counter(dict.fromkeys(range(examples), epochs))
    for epoch in range(epochs):
        assert sorted(seen[epoch * examples : (epoch + 1) * examples]) == list(range(examples))


def test_order_depends_on_seed_and_epoch() -> None:
    plan = Plan(20, 2, 20, seed=1)
    assert plan.batch(1) != plan.batch(2)
    assert plan.batch(1) == Plan(20, 5, 20, seed=1).batch(1)
    assert plan.batch(1) != Plan(20, 2, 20, seed=2).batch(1)


def test_last_step_always_writes_a_checkpoint() -> None:
    plan = Plan(10, 1, 2, 0, checkpoint_steps=(2,))
    assert [step for step in range(1, 6) if plan.saves_checkpoint(step)] == [2, 5]
