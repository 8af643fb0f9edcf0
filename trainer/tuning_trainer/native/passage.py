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

from tuning_trainer.native.architecture import Attention, Config
from tuning_trainer.native.blocks import Block
from tuning_trainer.native.decoder import mix

Heads: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Queries (H, tokens, h), keys and values (K, tokens, h)."""


class Piece(Protocol):
    """New tokens whose attention is one operation."""

    @property
    def count(self) -> int:
        """How many."""

    def attend(self, layer: int, kind: Attention, config: Config, heads: Heads) -> Tensor:
        """Keeps the new keys and values; returns what queries find, (count, H·h)."""


class Span:
    """One new token for each of the rows of a block."""

    def __init__(self, block: Block) -> None:
        self._lengths = [place.length for place in block.places]
        self.count, self._width = len(self._lengths), max(self._lengths) + 1
        self._vectors = block.vectors
        # What can be seen, of all layers at once: small operations cost more than what they do.
        seen = block.memory[:, :, : self.count, :, : self._width].flatten(0, 1).unbind(0)
        self._seen = list(zip(seen[::2], seen[1::2], strict=True))
        heads = block.memory.shape[3]
        first = [place.number * heads for place in block.places]
        vectors = [
            (row + head) * block.tokens + length
            for row, length in zip(first, self._lengths, strict=True)
            for head in range(heads)
        ]
        self._index = torch.tensor(vectors, device=block.memory.device)
        self._masks: dict[int | None, Tensor | None] = {}

    def attend(self, layer: int, kind: Attention, config: Config, heads: Heads) -> Tensor:
        """See ``Piece``."""
        query, key, value = (each.transpose(0, 1) for each in heads)
        size = config.head_size
        keys, values = self._vectors[layer]
        keys.index_copy_(0, self._index, key.reshape(-1, size))
        values.index_copy_(0, self._index, value.reshape(-1, size))
        # Queries that share a key stand beside one another, as if they were positions: nothing is repeated.
        query = query.reshape(self.count, config.kv_heads, -1, size)
        return mix(query, *self._seen[layer], config, self._mask(kind.window, query)).reshape(self.count, -1)

    def _mask(self, window: int | None, like: Tensor) -> Tensor | None:
        """What is added to scores, (count, 1, 1, width); None where all is seen."""
        if window not in self._masks:
            width, least = self._width, min(self._lengths) + 1
            if width == least and (window is None or width <= window):
                self._masks[window] = None
            else:
                places, last = torch.arange(width), torch.tensor(self._lengths)[:, None]
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
        if len(self.pieces) == 1:
            return self.pieces[0].attend(layer, kind, config, (heads[0][0], heads[1][0], heads[2][0]))[None]
        counts = [piece.count for piece in self.pieces]
        split = zip(*(each[0].split_with_sizes(counts, 1) for each in heads), strict=True)
        found = [piece.attend(layer, kind, config, own) for piece, own in zip(self.pieces, split, strict=True)]
        return torch.cat(found)[None]
