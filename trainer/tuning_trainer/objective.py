"""What a step minimises, over numbers of examples: next-token loss, or the preference loss of DPO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from tuning_trainer.dataset import Batch, Dataset, collate
from tuning_trainer.model import TunedModel


@dataclass(frozen=True, slots=True)
class Score:
    """The loss of a batch, a scalar with gradients.

    ``predictions`` are scored tokens and ``correct`` those that greedy decoding would hit; in preference tuning they
    are pairs and pairs ranked rightly. ``margin``: mean reward of preferred minus rejected answers, preference only.
    """

    loss: Tensor
    predictions: int
    correct: int
    margin: float = 0.0


class Objective(Protocol):
    """A loss over a dataset."""

    def __call__(self, numbers: Sequence[int]) -> Score:
        """Scores the examples with these numbers."""


class Likelihood:
    """Mean next-token cross-entropy over the scored tokens of the batch."""

    def __init__(self, model: TunedModel, dataset: Dataset, device: str) -> None:
        self._model, self._rows, self._device = model, [row[0] for row in dataset.rows], device

    def __call__(self, numbers: Sequence[int]) -> Score:
        batch = collate([self._rows[i] for i in numbers], self._device)
        scores = self._model.logits(batch)
        loss = F.cross_entropy(scores, batch.targets)
        correct = int((scores.detach().argmax(-1) == batch.targets).sum())
        return Score(loss, len(batch.targets), correct)


class Preference:
    """Direct preference optimisation: -log σ(β · ((chosen - chosen₀) - (rejected - rejected₀))).

    Each term is the log-probability of an answer; ₀ marks the model as it was when the objective was made.
    """

    def __init__(self, model: TunedModel, dataset: Dataset, device: str, beta: float, batch_size: int) -> None:
        self._model, self._pairs, self._device, self._beta = model, dataset.rows, device, beta
        with torch.no_grad():
            starts = range(0, len(self._pairs), batch_size)
            numbers = [list(range(i, min(i + batch_size, len(self._pairs)))) for i in starts]
            self._reference = torch.cat([self._log_probabilities(part) for part in numbers])

    def __call__(self, numbers: Sequence[int]) -> Score:
        gains = self._log_probabilities(numbers) - self._reference[list(numbers)]
        margins = self._beta * (gains[:, 0] - gains[:, 1])
        right = int((margins.detach() > 0).sum())
        return Score(-F.logsigmoid(margins).mean(), len(numbers), right, float(margins.detach().mean()))

    def _log_probabilities(self, numbers: Sequence[int]) -> Tensor:
        """Sums over each answer: (pairs, 2), preferred first."""
        batch = collate([each for i in numbers for each in self._pairs[i]], self._device)
        return answer_log_probabilities(self._model.logits(batch), batch).view(-1, 2)


def answer_log_probabilities(scores: Tensor, batch: Batch) -> Tensor:
    """Sum of the scored tokens' log-probabilities of each row: (N, V) -> (B,)."""
    tokens = -F.cross_entropy(scores, batch.targets, reduction="none")
    return torch.zeros(batch.size, device=scores.device).index_add(0, batch.rows, tokens)
