"""One pass of new tokens through the layers: one token of every row that is written, and chunks of prompts.

All tokens lie one after another, so that matrices see them together whatever row they are of, without padding. Only
attention goes row by row, or block by block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from tuning_trainer.architecture import Attention, Config
from tuning_trainer.decoder import mix

Heads: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Queries (H, tokens, h), keys and values (K, tokens, h)."""


class Piece(Protocol):
    """New tokens whose attention is one operation."""

    @property
    def count(self) -> int:
        """How many."""

    def attend(self, layer: int, kind: Attention, config: Config, heads: Heads) -> Tensor:
        """Keeps the new keys and values; returns what queries find, (count, H·h)."""


@dataclass(slots=True)
class Span:
    """One new token for each of the rows of a block.

    Attributes:
        memory: See ``Shape.allocate``. lengths: Tokens that each row has before, on the CPU.
    """

    memory: Tensor
    lengths: list[int]
    _index: Tensor | None = None
    _masks: dict[int | None, Tensor | None] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """See ``Piece``."""
        return len(self.lengths)

    def attend(self, layer: int, kind: Attention, config: Config, heads: Heads) -> Tensor:
        """See ``Piece``."""
        query, key, value = (each.transpose(0, 1) for each in heads)
        keys, values = self.memory[layer]
        index, size = self._places(keys), keys.shape[-1]
        keys.view(-1, size).index_copy_(0, index, key.reshape(-1, size))
        values.view(-1, size).index_copy_(0, index, value.reshape(-1, size))
        width = max(self.lengths) + 1
        seen = (keys[: self.count, :, :width], values[: self.count, :, :width])
        # Queries that share a key stand beside one another, as if they were positions: nothing is repeated.
        query = query.reshape(self.count, config.kv_heads, -1, size)
        return mix(query, *seen, config, self._mask(kind.window, query)).reshape(self.count, -1)

    def _places(self, keys: Tensor) -> Tensor:
        """Where the new tokens lie among all vectors of the memory of a layer, (count · K,)."""
        if self._index is None:
            _, heads, tokens, _ = keys.shape
            first = torch.arange(self.count)[:, None] * heads + torch.arange(heads)
            self._index = (first * tokens + torch.tensor(self.lengths)[:, None]).flatten().to(keys.device)
        return self._index

    def _mask(self, window: int | None, like: Tensor) -> Tensor | None:
        """What is added to scores, (count, 1, 1, width); None where all is seen."""
        if window not in self._masks:
            width, least = max(self.lengths) + 1, min(self.lengths) + 1
            if width == least and (window is None or width <= window):
                self._masks[window] = None
            else:
                places, last = torch.arange(width), torch.tensor(self.lengths)[:, None]
                hidden = places > last
                if window is not None:
                    hidden = hidden | (places <= last - window)
                self._masks[window] = _minus_infinity(hidden, like)[:, None, None]
        return self._masks[window]


@dataclass(slots=True)
class Chunk:
    """The next tokens of one prompt.

    Attributes:
        memory: Of this row alone, (layers, 2, K, tokens, head size). past: Tokens that were read before.
    """

    memory: Tensor
    past: int
    tokens: int
    _masks: dict[int | None, Tensor | None] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """See ``Piece``."""
        return self.tokens

    def attend(self, layer: int, kind: Attention, config: Config, heads: Heads) -> Tensor:
        """See ``Piece``."""
        query, key, value = heads
        keys, values = self.memory[layer]
        end = self.past + self.count
        keys[:, self.past : end] = key
        values[:, self.past : end] = value
        query = query.view(config.kv_heads, -1, self.count, config.head_size)
        keys, values = (each[:, None, :end].expand(-1, query.shape[1], -1, -1) for each in (keys, values))
        mask = self._mask(kind.window, query)
        mixed = mix(query, keys, values, config, mask, causal=mask is None and self.count > 1)
        return mixed.permute(2, 0, 1, 3).reshape(self.count, -1)

    def _mask(self, window: int | None, like: Tensor) -> Tensor | None:
        """What is added to scores, (count, end); None where plain causality says it."""
        if window not in self._masks:
            end = self.past + self.count
            if (self.past == 0 or self.count == 1) and (window is None or end <= window):
                self._masks[window] = None
            else:
                places, queries = torch.arange(end), torch.arange(self.past, end)[:, None]
                hidden = places > queries
                if window is not None:
                    hidden = hidden | (places <= queries - window)
                self._masks[window] = _minus_infinity(hidden, like)
        return self._masks[window]


def _minus_infinity(hidden: Tensor, like: Tensor) -> Tensor:
    mask = torch.zeros(hidden.shape, dtype=like.dtype).masked_fill_(hidden, float("-inf"))
    return mask.to(like.device)


@dataclass(frozen=True, slots=True)
class Passage:
    """The pieces of a pass, in the order of its tokens."""

    pieces: Sequence[Piece]

    def attend(self, layer: int, kind: Attention, config: Config, heads: Heads) -> Tensor:
        """See ``Piece``; heads have a batch of one before, and so has the result: (1, tokens, H·h)."""
        counts = [piece.count for piece in self.pieces]
        split = zip(*(each[0].split_with_sizes(counts, 1) for each in heads), strict=True)
        found = [piece.attend(layer, kind, config, own) for piece, own in zip(self.pieces, split, strict=True)]
        return (found[0] if len(found) == 1 else torch.cat(found))[None]
