"""Tokens are drawn as the settings say."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from tuning_trainer.answering.sampling import Sampling, choose_token

SCORES = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()[torch.tensor([2, 0, 3, 1])]
"""Chances .15, .5, .05, .3."""


def draw(sampling: Sampling, count: int = 2000) -> dict[int, float]:
    generator = torch.Generator().manual_seed(0)
    drawn = Counter(choose_token(SCORES, sampling, generator) for _ in range(count))
    return {token: number / count for token, number in drawn.items()}


def test_plain_draws_follow_the_chances() -> None:
    assert draw(Sampling(1.0)) == pytest.approx({1: 0.5, 3: 0.3, 0: 0.15, 2: 0.05}, abs=0.04)


def test_temperature_sharpens() -> None:
    assert draw(Sampling(0.5))[1] == pytest.approx(0.25 / (0.25 + 0.09 + 0.0225 + 0.0025), abs=0.04)


@pytest.mark.parametrize(
    ("sampling", "left"),
    [
        (Sampling(), {1}),
        (Sampling(1.0, top_k=1), {1}),
        (Sampling(1.0, top_k=2), {1, 3}),
        (Sampling(1.0, top_k=99), {0, 1, 2, 3}),
        (Sampling(1.0, top_p=0.0), {1}),
        (Sampling(1.0, top_p=0.49), {1}),
        (Sampling(1.0, top_p=0.79), {1, 3}),
        (Sampling(1.0, top_p=0.81), {0, 1, 3}),
        (Sampling(1.0, top_p=0.9, top_k=1), {1}),
    ],
)
def test_limits_leave_only_the_likeliest(sampling: Sampling, left: set[int]) -> None:
    assert set(draw(sampling)) == left


def test_same_seed_draws_the_same() -> None:
    one, other = (torch.Generator().manual_seed(7) for _ in range(2))
    assert [choose_token(SCORES, Sampling(1.0), one) for _ in range(50)] == [
        choose_token(SCORES, Sampling(1.0), other) for _ in range(50)
    ]
