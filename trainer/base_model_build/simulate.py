"""First-order meta-tuning: the base learns to be tuned.

Users' jobs are run side by side exactly as the trainer runs them: the same first adapters, orders, batches, settings.
Then the gradient of new items at the tuned weights is added to the base's gradient. Second derivatives are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

import torch
from torch import Tensor

from base_model_build.generator.users import Maker, User
from base_model_build.gradients import Gradients
from base_model_build.network import Branches, init_branches
from base_model_build.rows import Encoder, Row, Table, make_table
from tuning_trainer.learning.optimizer import AdamW
from tuning_trainer.learning.schedule import Plan
from tuning_trainer.native.architecture import Config, Weights

BATCH_SIZE: Final = 4
LEARNING_RATE: Final = 1e-3
REMEMBERED: Final = 4
"""Shown examples that are asked again, so that what was shown is also kept."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of simulated job.

    Attributes:
        maker: Who the users are.
        jobs: How many run side by side.
        examples, epochs: As the user asks for them.
        questions: New items that each is asked afterwards.
        width: Longest example or question in tokens; a user whose texts are mostly longer is drawn again.
        ranks: Adapter size, the same for all jobs of a set -> how often.
        learning_rate: The trainer's own, or more for fewer epochs: as far in fewer steps.
    """

    maker: Maker
    jobs: int
    examples: int
    epochs: int
    questions: int
    width: int
    ranks: Mapping[int, float]
    learning_rate: float = LEARNING_RATE

    @property
    def steps(self) -> int:
        """Optimiser steps of a job."""
        return Plan(self.examples, self.epochs, BATCH_SIZE, 0).steps


@dataclass(frozen=True, slots=True)
class Jobs:
    """Simulated jobs of one kind, ready to run.

    Attributes:
        shown: The examples of all jobs, one job after the other.
        asked: The questions likewise.
        orders: int64 (steps, jobs · batch size), rows of ``shown``; -1 where a last batch is short.
    """

    kind: Kind
    shown: Table
    asked: Table
    orders: Tensor
    branches: Branches


def _encode_user(kind: Kind, encoder: Encoder, random: Random) -> tuple[list[Row], list[Row]]:
    """Examples and questions that fit; users are drawn until one has enough of both."""
    while True:
        try:
            user: User = kind.maker(random, kind.examples, kind.questions)
        except ValueError:  # a task whose items are all held out
            continue
        rows = encoder.encode_pairs(user.shown + user.asked)
        shown = [row for row in rows[: kind.examples] if len(row.tokens) <= kind.width]
        asked = [row for row in rows[kind.examples :] if len(row.tokens) <= kind.width]
        if len(shown) >= 0.7 * kind.examples and len(asked) >= 0.3 * kind.questions:
            shown = (shown * 2)[: kind.examples]
            new = (asked * 4)[: kind.questions]
            return shown, new + shown[: min(REMEMBERED, len(shown))]


def draw_jobs(kind: Kind, encoder: Encoder, config: Config, name: str) -> Jobs:
    """A set of jobs; ``name`` decides everything about them."""
    random = Random(name)
    users = [_encode_user(kind, encoder, random) for _ in range(kind.jobs)]
    seeds = [random.randrange(2**31) for _ in users]
    ranks = random.choices(list(kind.ranks), list(kind.ranks.values())) * kind.jobs
    return make_jobs(kind, users, init_branches(config, ranks, seeds), seeds)


def make_jobs(kind: Kind, users: list[tuple[list[Row], list[Row]]], branches: Branches, seeds: list[int]) -> Jobs:
    """Jobs of these users' examples and questions, in the orders that the trainer gives to these seeds."""
    orders = torch.full((kind.steps, len(users), BATCH_SIZE), -1)
    for job, seed in enumerate(seeds):
        plan = Plan(kind.examples, kind.epochs, BATCH_SIZE, seed)
        for step in range(plan.steps):
            numbers = torch.tensor(plan.batch(step + 1)) + job * kind.examples
            orders[step, job, : len(numbers)] = numbers
    shown = make_table([row for rows, _ in users for row in rows])
    asked = make_table([row for _, rows in users for row in rows])
    return Jobs(kind, shown, asked, orders.flatten(1), branches)


def tune_jobs(
    gradients: Gradients,
    frozen: Weights,
    jobs: Jobs,
    report: Callable[[int, Tensor, Branches], None] = lambda step, losses, branches: None,
) -> Branches:
    """Runs the jobs to their end over frozen weights; ``report`` hears every step's losses (jobs,) and its result."""
    parameters = [tensor.clone().requires_grad_() for tensor in jobs.branches.parameters()]
    branches = jobs.branches.replace(parameters)
    optimizer = AdamW(parameters, jobs.kind.learning_rate, clip=0.0)
    for step, numbers in enumerate(jobs.orders):
        table = jobs.shown.pick(numbers)
        losses, found = gradients.of_shown(frozen, table, jobs.kind.jobs, branches, parameters)
        for parameter, gradient in zip(parameters, found, strict=True):
            parameter.grad = gradient
        optimizer.step()
        report(step, losses, branches)
    return branches.replace([parameter.detach() for parameter in parameters])


def drop_lost(branches: Branches) -> tuple[Branches, int]:
    """Jobs that ran away count as untuned: their adapters become zero. Also how many they are."""
    parameters = branches.parameters()
    fine = torch.stack([p.isfinite().transpose(0, 1).flatten(1).all(1) for p in parameters]).all(0)
    kept = [torch.where(fine.view(1, -1, *(1,) * (p.dim() - 2)), p, torch.zeros_like(p)) for p in parameters]
    return branches.replace(kept), int((~fine).sum())
