"""First-order meta-tuning: the base learns to be tuned.

Several users' jobs on random tasks are run side by side exactly as the trainer runs them (adapter on all linear
modules, alpha 16, AdamW at a constant rate, batches that run on across epochs). Then the gradient of new items at the
tuned weights is added to the base's gradient. Second derivatives are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from base_model_build.branches import Branches, adapted_states, init_branches
from base_model_build.classification import draw_classes, draw_fresh_classes
from base_model_build.mixture import Encoder, Mixture, Row
from base_model_build.numbers import COMMON_FORMS, FORMS
from base_model_build.records import draw_layout_task, draw_reading_task, draw_record_task
from base_model_build.spelling import draw_adding_task, draw_composed_task, draw_other_text_task, draw_spelling_task
from base_model_build.tasks import (
    ADDENDS,
    COMMON_ADDENDS,
    Pair,
    Task,
    draw_frame,
    draw_number_task,
    draw_sequence_task,
    draw_text_task,
    make_number_task,
    wrap_task,
)
from tuning_trainer.llama import Config, Weights, logits
from tuning_trainer.optimizer import AdamW

RANKS: Final = (1, 4, 8, 16)
BATCH_SIZE: Final = 4
QUERIES: Final = 20
REMEMBERED: Final = 8
"""Tuning items that are asked again, so that what was shown is also kept."""
SHOWN_LEVEL: Final = 0.6
"""Users show short numbers; long ones are asked afterwards."""


@dataclass(frozen=True, slots=True)
class Job:
    """One simulated user: what is shown and what is asked afterwards."""

    shown: list[Pair]
    asked: list[Pair]


@dataclass(frozen=True, slots=True)
class Plan:
    """One kind of simulated job: how many side by side, and their hyperparameters."""

    share: float
    groups: int
    examples: int
    epochs: int
    draw: Callable[[Random, Mixture, int], Job]


def _draw_job(random: Random, shown: Task, asked: Task, examples: int) -> Job:
    return Job(
        [shown.draw_pair(random) for _ in range(examples)],
        [asked.draw_pair(random) for _ in range(QUERIES)],
    )


def draw_number_job(random: Random, mixture: Mixture, examples: int) -> Job:
    """A number task shown in the common forms and asked in all of them; one in four inside a sentence."""
    name = random.choices(("successor", "predecessor", "plus", "minus", "other"), (3, 3, 2.5, 1.5, 2))[0]
    if name == "other" or mixture.narrow:
        shown = asked = draw_number_task(random, True, SHOWN_LEVEL, mixture.narrow, mixture.guarded)
    else:
        addend = random.choice(ADDENDS[:COMMON_ADDENDS] if random.random() < 0.8 else ADDENDS)
        forms = COMMON_FORMS + tuple(FORMS)[:6] if random.random() < 0.5 else COMMON_FORMS
        shown = make_number_task(name, COMMON_FORMS, SHOWN_LEVEL, addend)
        asked = make_number_task(name, forms, mixture.top, addend)
    if not mixture.narrow and random.random() < 0.25:
        frame = draw_frame(random)
        shown, asked = wrap_task(shown, frame), wrap_task(asked, frame)
    return _draw_job(random, shown, asked, examples)


def draw_class_job(random: Random, _mixture: Mixture, examples: int) -> Job:
    """Three classes (sometimes two or four) of eight words each, asked in sentences that were not shown."""
    classes = draw_classes(random, random.choice((2, 3, 3, 3, 4)), 8, known=0.35)
    task = classes.make_task(random)
    shown = [task.draw_pair(random) for _ in range(examples)]
    classes.swap_templates(random)
    return Job(shown, [task.draw_pair(random) for _ in range(QUERIES)])


_TEXT_MAKERS: Final[tuple[Callable[[Random], Task], ...]] = (
    draw_text_task,
    draw_text_task,
    draw_record_task,
    draw_record_task,
    draw_sequence_task,
    draw_reading_task,
)


def draw_text_job(random: Random, _mixture: Mixture, examples: int) -> Job:
    """Texts, records, sequences, questions about a context."""
    task = random.choice(_TEXT_MAKERS)(random)
    return _draw_job(random, task, task, examples)


def draw_layout_job(random: Random, _mixture: Mixture, examples: int) -> Job:
    """As ``draw_text_job``, with more records."""
    makers = (*_TEXT_MAKERS[:3], draw_record_task, draw_record_task, *_TEXT_MAKERS[4:])
    task = random.choice(makers)(random)
    return _draw_job(random, task, task, examples)


def draw_free_job(random: Random, _mixture: Mixture, examples: int) -> Job:
    """Mostly layouts of any words and marks; texts and records besides."""
    task = random.choice((draw_layout_task, draw_layout_task, draw_record_task, draw_text_task))(random)
    return _draw_job(random, task, task, examples)


def draw_fresh_class_job(random: Random, _mixture: Mixture, examples: int) -> Job:
    """As ``draw_class_job``, mostly of words in no list."""
    count, size = random.choice((2, 3, 3, 3, 4)), random.randint(6, 9)
    fresh = random.random() < 0.8
    classes = draw_fresh_classes(random, count, size) if fresh else draw_classes(random, count, size, known=0.5)
    task = classes.make_task(random)
    shown = [task.draw_pair(random) for _ in range(examples)]
    if random.random() < 0.8:
        classes.swap_templates(random)
    return Job(shown, [task.draw_pair(random) for _ in range(3 * QUERIES)])


def draw_unknown_job(random: Random, _mixture: Mixture, examples: int) -> Job:
    """What is in the mixture only in part: compositions on words and rare addends, shown often."""
    rare = random.random() < 0.35
    task = draw_adding_task(random, COMMON_FORMS, SHOWN_LEVEL) if rare else draw_composed_task(random)
    return _draw_job(random, task, task, examples)


def draw_copied_job(random: Random, _mixture: Mixture, examples: int) -> Job:
    """Layouts and records of any words, and changes of letters."""
    makers = (draw_layout_task, draw_layout_task, draw_layout_task, draw_record_task, draw_spelling_task)
    task = random.choice((*makers, draw_other_text_task))(random)
    return _draw_job(random, task, task, examples)


PLANS: Final[dict[str, tuple[Plan, ...]]] = {
    "narrow": (Plan(1.0, 4, 15, 5, draw_number_job),),
    "wide": (
        Plan(0.55, 4, 15, 5, draw_number_job),
        Plan(0.3, 3, 48, 5, draw_class_job),
        Plan(0.15, 3, 24, 5, draw_text_job),
    ),
    "tuned": (
        Plan(0.5, 4, 15, 5, draw_number_job),
        Plan(0.32, 3, 60, 5, draw_class_job),
        Plan(0.18, 3, 40, 5, draw_layout_job),
    ),
    "told": (
        Plan(0.58, 4, 15, 5, draw_number_job),
        Plan(0.27, 3, 60, 5, draw_class_job),
        Plan(0.15, 3, 40, 5, draw_free_job),
    ),
    "settled": (
        Plan(0.45, 4, 15, 5, draw_number_job),
        Plan(0.35, 3, 60, 5, draw_class_job),
        Plan(0.2, 3, 48, 5, draw_free_job),
    ),
    "spelled": (
        Plan(0.34, 4, 15, 5, draw_number_job),
        Plan(0.34, 6, 60, 5, draw_fresh_class_job),
        Plan(0.17, 3, 40, 5, draw_copied_job),
        Plan(0.15, 4, 15, 15, draw_unknown_job),
    ),
    "rounded": (
        Plan(0.65, 4, 15, 5, draw_number_job),
        Plan(0.2, 6, 60, 5, draw_fresh_class_job),
        Plan(0.15, 3, 40, 5, draw_copied_job),
    ),
}
"""What jobs each run of the build simulates."""


# --- tuning side by side


def stack_rows(groups: list[list[Row]]) -> tuple[Tensor, Tensor]:
    """Token ids and, for every learned token, its share of its group's mean loss; both (rows, time)."""
    rows = [row for group in groups for row in group]
    width = max(len(row.tokens) for row in rows)
    ids = torch.tensor([row.tokens + [0] * (width - len(row.tokens)) for row in rows])
    learned = torch.tensor([row.learned + [False] * (width - len(row.learned)) for row in rows])
    counts = torch.tensor([float(sum(sum(row.learned) for row in group)) for group in groups])
    sizes = torch.tensor([len(group) for group in groups])
    return ids, learned / counts.repeat_interleave(sizes)[:, None]


def group_losses(weights: Weights, config: Config, groups: list[list[Row]], branches: Branches) -> Tensor:
    """Sum over the groups of each group's mean loss in nats per learned token."""
    ids, shares = stack_rows(groups)
    hidden = adapted_states(weights, config, ids[:, :-1], branches)
    shares = shares[:, 1:]
    learned = shares > 0
    losses = F.cross_entropy(logits(weights, hidden[learned]), ids[:, 1:][learned], reduction="none")
    return (losses * shares[learned]).sum()


def _clip_groups(parameters: list[Tensor], limit: float) -> None:
    """Clips the gradient norm of every group on its own, as each is a job of its own."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    squares = torch.stack([g.transpose(0, 1).flatten(1).pow(2).sum(1) for g in gradients]).sum(0)
    scale = (limit / (squares.sqrt() + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale.view(1, -1, *(1,) * (gradient.dim() - 2)))


def order_batches(random: Random, examples: int, epochs: int, size: int) -> list[list[int]]:
    """Shuffled epochs one after the other, cut into batches that run on across their ends."""
    order = [i for _ in range(epochs) for i in random.sample(range(examples), examples)]
    return [order[i : i + size] for i in range(0, len(order), size)]


def tune_groups(
    weights: Weights, config: Config, shown: list[list[Row]], rank: int, epochs: int, learning_rate: float, seed: int
) -> tuple[Branches, float]:
    """Runs one job per group; returns the adapters and the mean loss of the first batches."""
    random = Random(f"{seed}/order")
    branches = init_branches(config, len(shown), rank, seed)
    optimizer = AdamW(branches.parameters(), learning_rate, clip=0.0)
    orders = [order_batches(random, len(rows), epochs, BATCH_SIZE) for rows in shown]
    first = 0.0
    for step, batches in enumerate(zip(*orders, strict=True)):
        picked = [[rows[i] for i in batch] for rows, batch in zip(shown, batches, strict=True)]
        loss = group_losses(weights, config, picked, branches)
        loss.backward()  # type: ignore[no-untyped-call]
        _clip_groups(optimizer.parameters, 1.0)
        optimizer.step()
        first = float(loss.detach()) / len(shown) if step == 0 else first
    return branches.freeze(), first


def add_meta_gradient(
    weights: Weights,
    config: Config,
    mixture: Mixture,
    encoder: Encoder,
    *,
    plans: tuple[Plan, ...],
    seed: int,
    strength: float,
) -> tuple[float, float]:
    """Adds one set of simulated jobs to the gradients of the base.

    Args:
        plans: Kinds of jobs; one is drawn for all groups.
        seed: Decides the tasks, the ranks, the orders and the adapters' first values.
        strength: Weight of the mean over the jobs.

    Returns:
        Mean loss of the first batch of tuning and of the items asked afterwards.
    """
    random = Random(f"{seed}/meta")
    plan = random.choices(plans, [plan.share for plan in plans])[0]
    jobs = [plan.draw(random, mixture, plan.examples) for _ in range(plan.groups)]
    shown = [[encoder.encode_pair(pair) for pair in job.shown] for job in jobs]
    asked = [[encoder.encode_pair(pair) for pair in job.asked + job.shown[:REMEMBERED]] for job in jobs]
    frozen = {name: tensor.detach() for name, tensor in weights.items()}
    branches, first = tune_groups(frozen, config, shown, random.choice(RANKS), plan.epochs, 1e-3, seed)
    loss = group_losses(weights, config, asked, branches) / plan.groups
    (strength * loss).backward()  # type: ignore[no-untyped-call]
    return first, float(loss.detach())
