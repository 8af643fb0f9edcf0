"""One optimiser step: a batch in parts that memory has room for, over all ranks; again with less where that fails."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from tuning_trainer.data.dataset import Batch
from tuning_trainer.learning.graphs import Graphs
from tuning_trainer.learning.objective import Likelihood, Objective, Score
from tuning_trainer.learning.optimizer import AdamW
from tuning_trainer.learning.parts import MOST_ROWS, divide, share_out
from tuning_trainer.learning.ranks import Ranks
from tuning_trainer.learning.row_threads import RowThreads
from tuning_trainer.model import TunedModel

log = logging.getLogger(__name__)

SMALLER = 4
"""By this the tokens of a part are divided when memory did not suffice for it."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Of a whole batch or data set; ``loss`` and ``margin`` are means over the predictions. See ``Score``."""

    loss: float
    predictions: int
    correct: int
    margin: float


@dataclass(frozen=True, slots=True)
class Part:
    """Examples of a batch that go through the model together."""

    numbers: list[int]
    batch: Batch
    checkpointing: bool


Shares: TypeAlias = list[list[Part]]
"""Parts of a batch, by the thread that takes them one after the other."""


class Learner:
    """Takes the steps of a job.

    Args:
        name: Of the job, for the log.
        part_tokens: So many may have all their activations kept. A longer example is checkpointed.
        device: On a GPU the next batch is prepared while a step is computed there.
        threads: Of the CPU; rows are shared out among them where the model lets them.
    """

    def __init__(
        self,
        name: str,
        model: TunedModel,
        objective: Objective,
        optimizer: AdamW,
        ranks: Ranks,
        part_tokens: int,
        device: str,
        threads: int = 1,
    ) -> None:
        self.optimizer, self.part_tokens = optimizer, part_tokens
        self._name, self._model, self._objective, self._ranks = name, model, objective, ranks
        self._device = device
        graphed = device == "cuda" and model.repeats and isinstance(objective, Likelihood)
        self._graphs = Graphs(name, model) if graphed else None
        self._beside = ThreadPoolExecutor(1, "next batch") if device == "cuda" else None
        self._next: tuple[Sequence[int], Future[Shares]] | None = None
        self._threads = RowThreads(threads)
        self._most_shares = threads if device == "cpu" and model.concurrent else 1

    def step(self, numbers: Sequence[int], following: Sequence[int] = ()) -> Totals:
        """One optimiser step on the examples with these numbers; ``following`` are the next step's."""
        shares = self._take_shares(numbers)
        if self._beside and following:
            self._next = following, self._beside.submit(self._prepare, following)
        try:
            totals = self._accumulate(shares, numbers)
        except Exception as error:
            smaller = self._shrink(shares) if wants_memory(error) else 0
            if not smaller:
                raise
        else:
            smaller = 0
        if smaller:  # once, and out of the handler, which holds all that the step had made
            log.warning("%s: too little memory for a step, which is taken %s tokens at a time", self._name, smaller)
            self.part_tokens, self._next = smaller, None
            self._forget_gradients()
            totals = self._accumulate(self._prepare(numbers), numbers)
        self.optimizer.step()
        return totals

    def evaluate(self, objective: Objective, batch_size: int) -> Totals:
        """Over all examples of an objective; the loss is the mean over predictions, not over batches."""
        mine = sorted(self._ranks.share(range(len(objective.lengths)), objective.lengths))
        size = min(batch_size, MOST_ROWS)
        parts = [mine[start : start + size] for start in range(0, len(mine), size)]

        def score(part: list[int]) -> Score:
            with torch.no_grad():  # which is a thread's own
                return objective.score(objective.prepare(part), part)

        scores = self._threads.map(score, parts) if self._most_shares > 1 else map(score, parts)
        return _sum_up(scores, self._ranks)

    def _take_shares(self, numbers: Sequence[int]) -> Shares:
        if self._next and self._next[0] == numbers:
            return self._next[1].result()
        return self._prepare(numbers)

    def _prepare(self, numbers: Sequence[int]) -> Shares:
        lengths, cost = self._objective.lengths, self._model.pass_tokens
        mine = self._ranks.share(numbers, lengths)
        longest = max((lengths[number] for number in mine), default=1)
        count = max(1, min(self._most_shares, len(mine), self.part_tokens // longest))
        tokens = self.part_tokens // count
        return [
            [
                Part(part, self._objective.prepare(part), _count_tokens(part, lengths) > tokens)
                for part in divide(share, lengths, tokens, cost)
            ]
            for share in share_out(mine, lengths, count)
        ]

    def _accumulate(self, shares: Shares, numbers: Sequence[int]) -> Totals:
        """Gradients of the mean over all predictions of the batch, whoever computes them, and in what parts."""
        total = self._objective.count(numbers)
        if len(shares) == 1:
            (scores,) = self._threads.map(lambda parts: list(self._learn(parts, total)), shares)
        else:
            found = self._threads.map(lambda parts: self._learn_apart(parts, total), shares)
            scores = [score for each, _ in found for score in each]
            for parameter, *gradients in zip(self._model.parameters(), *(each for _, each in found), strict=True):
                parameter.grad = sum(gradients[1:], gradients[0])
        if self._ranks.size > 1:
            gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self._model.parameters()]
            self._ranks.add(gradients)
            for parameter, gradient in zip(self._model.parameters(), gradients, strict=True):
                parameter.grad = gradient
        return _sum_up(scores, self._ranks)

    def _learn(self, parts: list[Part], total: int) -> Iterator[Score]:
        """Adds to the gradients of the model, of which there are ``total`` predictions in all."""
        for part in parts:
            score = self._graphs.take(part.batch, part.checkpointing, total) if self._graphs else None
            if score is None:
                score = self._objective.score(part.batch, part.numbers, part.checkpointing)
                torch.autograd.backward(_weigh(score, total))
            yield score.detach()

    def _learn_apart(self, parts: list[Part], total: int) -> tuple[list[Score], list[Tensor]]:
        """The gradients of one thread's share, which touches those of the model not at all."""
        scores, parameters = [], self._model.parameters()
        gradients: list[Tensor] = []
        for part in parts:
            score = self._objective.score(part.batch, part.numbers, part.checkpointing)
            found = torch.autograd.grad(_weigh(score, total), parameters)
            gradients = [a + b for a, b in zip(gradients, found, strict=True)] if gradients else list(found)
            scores.append(score.detach())
        return scores, gradients

    def _shrink(self, shares: Shares) -> int:
        """Tokens that a part may have after memory did not suffice for these; 0: less is not possible."""
        parts = [part for share in shares for part in share]
        if all(len(part.numbers) == 1 and part.checkpointing for part in parts):
            return 0
        largest = max(_count_tokens(part.numbers, self._objective.lengths) for part in parts)
        return max(1, min(self.part_tokens, largest) // SMALLER)

    def _forget_gradients(self) -> None:
        for parameter in self._model.parameters():
            parameter.grad = None
        if self._device == "cuda":
            torch.cuda.empty_cache()


def _count_tokens(numbers: Sequence[int], lengths: Sequence[int]) -> int:
    """With the padding."""
    return len(numbers) * max(lengths[number] for number in numbers)


def _weigh(score: Score, total: int) -> Tensor:
    """Its share in the loss of a batch with so many predictions."""
    share = score.predictions / total
    return score.loss if share == 1 else score.loss * share


def _sum_up(scores: Iterable[Score], ranks: Ranks) -> Totals:
    sums = [0.0] * 4
    for score in scores:
        figures = (float(score.loss), 1, 0, float(score.margin))
        sums = [old + score.predictions * new for old, new in zip(sums, figures, strict=True)]
        sums[2] += int(score.correct)
    loss, predictions, correct, margin = ranks.add_numbers(*sums)
    return Totals(loss / predictions, int(predictions), int(correct), margin / predictions)


def wants_memory(error: Exception) -> bool:
    """Whether something failed for want of memory. Torch has a class for CUDA alone; on a CPU it says so in words."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or getattr(error, "errno", 0) == errno.ENOMEM:
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)
