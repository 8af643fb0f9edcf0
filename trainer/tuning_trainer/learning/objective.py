"""What a step minimises, over numbers of examples: next-token loss, or the preference loss of DPO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from tuning_trainer.data.dataset import Batch, Dataset, collate
from tuning_trainer.learning.memory import CHUNK_BYTES
from tuning_trainer.learning.recompute import recompute
from tuning_trainer.model import TunedModel


@dataclass(frozen=True, slots=True)
class Score:
    """The loss of a batch, a scalar with gradients.

    ``predictions`` are scored tokens and ``correct`` those that greedy decoding would hit; in preference tuning they
    are pairs and pairs ranked rightly. ``margin``: mean reward of preferred minus rejected answers, preference only.
    """

    loss: Tensor
    predictions: int
    correct: Tensor
    margin: Tensor | float = 0.0

    def detach(self) -> Score:
        """Without what the gradients need."""
        return replace(self, loss=self.loss.detach())


class Objective(Protocol):
    """A loss over a dataset.

    Attributes:
        lengths: What each example costs, in tokens.
    """

    lengths: list[int]

    def count(self, numbers: Sequence[int]) -> int:
        """Predictions that a score of these examples will have."""

    def prepare(self, numbers: Sequence[int]) -> Batch:
        """The examples with these numbers as a batch on the device."""

    def score(self, batch: Batch, numbers: Sequence[int], checkpointing: bool = False) -> Score:
        """Scores what ``prepare`` made of the same numbers."""


class Likelihood:
    """Mean next-token cross-entropy over the scored tokens of the batch."""

    def __init__(self, model: TunedModel, dataset: Dataset, device: str) -> None:
        self._model, self._rows, self._device = model, [row[0] for row in dataset.rows], device
        self.lengths = [len(row) - 1 for row in self._rows]

    def count(self, numbers: Sequence[int]) -> int:
        return sum(sum(self._rows[i].scored[1:]) for i in numbers)

    def prepare(self, numbers: Sequence[int]) -> Batch:
        return collate([self._rows[i] for i in numbers]).to(self._device)

    def score(self, batch: Batch, numbers: Sequence[int], checkpointing: bool = False) -> Score:  # noqa: ARG002 one signature
        losses, hits = score_tokens(self._model, batch, checkpointing)
        return Score(losses.mean(), len(batch.targets), hits.sum())


class Preference:
    """Direct preference optimisation: -log σ(β · ((chosen - chosen₀) - (rejected - rejected₀))).

    Each term is the log-probability of an answer; ₀ marks the model as it was when the objective was made.
    """

    def __init__(self, model: TunedModel, dataset: Dataset, device: str, beta: float, batch_size: int) -> None:
        self._model, self._pairs, self._device, self._beta = model, dataset.rows, device, beta
        self.lengths = [2 * max(len(row) - 1 for row in pair) for pair in self._pairs]
        with torch.no_grad():
            starts = range(0, len(self._pairs), batch_size)
            numbers = [list(range(i, min(i + batch_size, len(self._pairs)))) for i in starts]
            self._reference = torch.cat([self._log_probabilities(self.prepare(part)) for part in numbers])

    def count(self, numbers: Sequence[int]) -> int:
        return len(numbers)

    def prepare(self, numbers: Sequence[int]) -> Batch:
        return collate([each for i in numbers for each in self._pairs[i]]).to(self._device)

    def score(self, batch: Batch, numbers: Sequence[int], checkpointing: bool = False) -> Score:
        gains = self._log_probabilities(batch, checkpointing) - self._reference[list(numbers)]
        margins = self._beta * (gains[:, 0] - gains[:, 1])
        found = margins.detach()
        return Score(-F.logsigmoid(margins).mean(), len(numbers), (found > 0).sum(), found.mean())

    def _log_probabilities(self, batch: Batch, checkpointing: bool = False) -> Tensor:
        """Sums over the scored tokens of each answer: (pairs, 2), preferred first."""
        losses, _ = score_tokens(self._model, batch, checkpointing)
        return torch.zeros(batch.size, device=losses.device).index_add(0, batch.rows, -losses).view(-1, 2)


def score_tokens(model: TunedModel, batch: Batch, checkpointing: bool = False) -> tuple[Tensor, Tensor]:
    """Cross-entropy of each scored token, in nats, and whether greedy decoding hits it; both (N,).

    The scores over the vocabulary are there for one chunk of tokens at a time, and are made again for the gradient.
    """
    hidden = model.hidden(batch, checkpointing)
    rows = max(1, CHUNK_BYTES[hidden.device.type] // (4 * model.vocabulary_size))
    if len(hidden) <= rows:
        return _score_chunk(model, hidden, batch.targets)
    sizes = [min(rows, len(hidden) - start) for start in range(0, len(hidden), rows)]
    pairs = zip(hidden.split_with_sizes(sizes), batch.targets.split_with_sizes(sizes), strict=True)
    losses, hits = zip(*(recompute(_score_chunk, model, chunk, targets) for chunk, targets in pairs), strict=True)
    return torch.cat(losses), torch.cat(hits)


def _score_chunk(model: TunedModel, hidden: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    scores = model.scores(hidden)
    return F.cross_entropy(scores, targets, reduction="none"), scores.detach().argmax(-1) == targets
