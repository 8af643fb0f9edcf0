"""Choosing the next token from scores, as generateContent's settings say."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sampling:
    """``temperature`` 0 is greedy; ``top_k`` 0 and ``top_p`` 1 are no limit."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0

    @property
    def greedy(self) -> bool:
        """True if the most likely token is always taken."""
        return self.temperature == 0 or self.top_k == 1


def choose_token(scores: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """Draws from the scores (V,) of one row: temperature, then the top_k best, then the fewest that reach top_p."""
    if sampling.greedy:
        return int(scores.argmax())
    scores = scores.cpu() / sampling.temperature
    count = min(sampling.top_k, len(scores)) if sampling.top_k else len(scores)
    values, tokens = scores.topk(count)
    chances = values.softmax(-1)
    before = chances.cumsum(-1) - chances
    chances = chances.masked_fill(before >= sampling.top_p, 0.0)
    chances[0] = chances[0].clamp(min=torch.finfo(chances.dtype).tiny)
    return int(tokens[torch.multinomial(chances, 1, generator=generator)])
