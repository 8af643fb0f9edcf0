"""One optimiser step: a batch in parts that memory has room for, over all ranks; again with less where that fails."""

from __future__ import annotations

import errno
import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch

from tuning_trainer.data.dataset import Batch
from tuning_trainer.learning.graphs import Graphs
from tuning_trainer.learning.objective import Likelihood, Objective, Score
from tuning_trainer.learning.optimizer import AdamW
from tuning_trainer.learning.parts import MOST_ROWS, divide
from tuning_trainer.learning.ranks import Ranks
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


class Learner:
    """Takes the steps of a job.

    Args:
        name: Of the job, for the log.
        part_tokens: So many may have all their activations kept. A longer example is checkpointed.
        device: On a GPU the next batch is prepared while a step is computed there.
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
    ) -> None:
        self.optimizer, self.part_tokens = optimizer, part_tokens
        self._name, self._model, self._objective, self._ranks = name, model, objective, ranks
        self._device = device
        graphed = device == "cuda" and model.repeats and isinstance(objective, Likelihood)
        self._graphs = Graphs(name, model) if graphed else None
        self._beside = ThreadPoolExecutor(1, "next batch") if device == "cuda" else None
        self._next: tuple[Sequence[int], Future[list[Part]]] | None = None

    def step(self, numbers: Sequence[int], following: Sequence[int] = ()) -> Totals:
        """One optimiser step on the examples with these numbers; ``following`` are the next step's."""
        parts = self._take_parts(numbers)
        if self._beside and following:
            self._next = following, self._beside.submit(self._prepare, following)
        try:
            totals = self._accumulate(parts, numbers)
        except Exception as error:
            smaller = self._shrink(parts) if wants_memory(error) else 0
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

    def _take_parts(self, numbers: Sequence[int]) -> list[Part]:
        if self._next and self._next[0] == numbers:
            return self._next[1].result()
        return self._prepare(numbers)

    def _prepare(self, numbers: Sequence[int]) -> list[Part]:
        lengths, tokens = self._objective.lengths, self.part_tokens
        mine = self._ranks.share(numbers, lengths)
        return [
            Part(part, self._objective.prepare(part), _count_tokens(part, lengths) > tokens)
            for part in divide(mine, lengths, tokens, self._model.pass_tokens)
        ]

    def _accumulate(self, parts: list[Part], numbers: Sequence[int]) -> Totals:
        """Gradients of the mean over all predictions of the batch, whatever the parts and the ranks that have them."""
        total = self._objective.count(numbers)
        scores = []
        for part in parts:
            score = self._graphs.take(part.batch, part.checkpointing, total) if self._graphs else None
            if score is None:
                score = self._objective.score(part.batch, part.numbers, part.checkpointing)
                share = score.predictions / total
                torch.autograd.backward(score.loss if share == 1 else score.loss * share)
            scores.append(score.detach())
        if self._ranks.size > 1:
            gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self._model.parameters()]
            self._ranks.add(gradients)
            for parameter, gradient in zip(self._model.parameters(), gradients, strict=True):
                parameter.grad = gradient
        return _sum_up(scores, self._ranks)

    def _shrink(self, parts: list[Part]) -> int:
        """Tokens that a part may have after memory did not suffice for these; 0: less is not possible."""
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


def _sum_up(scores: list[Score], ranks: Ranks) -> Totals:
    sums = [0.0] * 4
    for score in scores:
        figures = (float(score.loss), 1, 0, float(score.margin))
        sums = [old + score.predictions * new for old, new in zip(sums, figures, strict=True)]
        sums[2] += int(score.correct)
    loss, predictions, correct, margin = ranks.add_numbers(*sums)
    return Totals(loss / predictions, int(predictions), int(correct), margin / predictions)


@torch.no_grad()
def evaluate(objective: Objective, batch_size: int, ranks: Ranks) -> Totals:
    """Over all examples of an objective; the loss is the mean over predictions, not over batches."""
    mine = sorted(ranks.share(range(len(objective.lengths)), objective.lengths))
    size = min(batch_size, MOST_ROWS)
    parts = [mine[start : start + size] for start in range(0, len(mine), size)]
    return _sum_up([objective.score(objective.prepare(part), part) for part in parts], ranks)


def wants_memory(error: Exception) -> bool:
    """Whether something failed for want of memory. Torch has a class for CUDA alone; on a CPU it says so in words."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or getattr(error, "errno", 0) == errno.ENOMEM:
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)
