"""Keys and values of what a decoder reads and writes, in memory that is allocated ahead, counted and never moved aside.

A row lies in a block: a tensor with places for a few rows of a fixed length, filled without gaps from the first place
on, so that attention over a block is one operation. A row that fills its place moves to a block of twice the length.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

SHORTEST = 64
"""Tokens that the shortest blocks have room for."""

MOST_ROWS = 32
"""Most rows of a block."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What one token takes: keys and values of so many heads in every layer."""

    layers: int
    kv_heads: int
    head_size: int
    dtype: torch.dtype = torch.float32
    device: str = "cpu"

    @property
    def token_bytes(self) -> int:
        """Memory for keys and values of one token."""
        return 2 * self.layers * self.kv_heads * self.head_size * self.dtype.itemsize

    def allocate(self, rows: int, tokens: int) -> Tensor:
        """Memory for rows: (layers, keys and values, rows, key-value heads, tokens, head size)."""
        size = (self.layers, 2, rows, self.kv_heads, tokens, self.head_size)
        return torch.empty(size, dtype=self.dtype, device=self.device)


@dataclass(slots=True, eq=False)
class Place:
    """Where a row lies, and how many of its tokens have keys and values there."""

    block: Block
    number: int
    length: int


@dataclass(slots=True, eq=False)
class Block:
    """Memory for ``slots`` rows of ``tokens`` tokens, see ``Shape.allocate``."""

    memory: Tensor
    places: list[Place] = field(default_factory=list)
    vectors: list[tuple[Tensor, Tensor]] = field(init=False)
    """Of each layer all keys and all values, (slots · K · tokens, head size)."""

    def __post_init__(self) -> None:
        flat = self.memory.view(-1, self.slots * self.memory.shape[3] * self.tokens, self.memory.shape[5]).unbind(0)
        self.vectors = list(zip(flat[::2], flat[1::2], strict=True))

    @property
    def slots(self) -> int:
        return self.memory.shape[2]

    @property
    def tokens(self) -> int:
        return self.memory.shape[4]


class Blocks:
    """All blocks of a decoder.

    Args:
        block_bytes: A block has as many rows as fit into this, at least one and at most ``MOST_ROWS``.
        longest: Tokens of the longest row.
    """

    def __init__(self, shape: Shape, block_bytes: int, longest: int) -> None:
        self.shape, self._block_bytes, self._longest = shape, block_bytes, longest
        self.blocks: list[Block] = []

    @property
    def used_bytes(self) -> int:
        """Memory of all blocks."""
        return sum(block.memory.nbytes for block in self.blocks)

    @property
    def growth_bytes(self) -> int:
        """Memory that one token more in every row would take beyond what is there."""
        moving: dict[int, int] = {}
        for block in self.blocks:
            for place in block.places:
                if place.length == block.tokens:
                    tokens = self.room(place.length)
                    moving[tokens] = moving.get(tokens, 0) + 1
        return sum(
            self._bytes(tokens) * -(-(count - self._free(tokens)) // self._slots(tokens))
            for tokens, count in moving.items()
            if count > self._free(tokens)
        )

    def price(self, length: int) -> int:
        """Memory that a row of so many tokens would take beyond what is there: to be read, and then to be written."""
        tokens = self.room(length)
        if self._slots(tokens) == 1:
            return self._bytes(tokens)
        return length * self.shape.token_bytes + (0 if self._free(tokens) else self._bytes(tokens))

    def room(self, length: int) -> int:
        """Tokens of the blocks for a row of this length that is to go on."""
        tokens = SHORTEST
        while tokens <= length:
            tokens *= 2
        return min(tokens, max(self._longest, length + 1))

    def allocate(self, length: int) -> Tensor:
        """Memory to read a row of so many tokens into: as long as a block if a block has one row."""
        tokens = self.room(length)
        return self.shape.allocate(1, tokens if self._slots(tokens) == 1 else length)[:, :, 0]

    def seat(self, source: Tensor, length: int) -> Place:
        """Gives a row, of which so many tokens are read, its place; it is copied unless its memory is a whole block.

        source: (layers, 2, key-value heads, tokens, head size).
        """
        tokens = self.room(length)
        if self._slots(tokens) == 1 and source.shape[3] == tokens:
            block = Block(source[:, :, None])
            self.blocks.append(block)
            block.places.append(Place(block, 0, length))
            return block.places[0]
        free = (block for block in self.blocks if block.tokens == tokens and len(block.places) < block.slots)
        found = next(free, None)
        if found is None:
            found = Block(self.shape.allocate(self._slots(tokens), tokens))
            self.blocks.append(found)
        block = found
        place = Place(block, len(block.places), length)
        block.places.append(place)
        block.memory[:, :, place.number, :, :length].copy_(source[:, :, :, :length])
        # Rows that are longer make attention reach beyond this one's end: nothing times what is no number is none.
        block.memory[:, :, place.number, :, length:].zero_()
        return place

    def grow(self, place: Place) -> Place:
        """Makes room for one token more; returns where the row lies from now on."""
        if place.length < place.block.tokens:
            return place
        grown = self.seat(place.block.memory[:, :, place.number], place.length)
        self.remove(place)
        return grown

    def remove(self, place: Place) -> None:
        """Frees a row's place; the last row of the block moves there. A block without rows is given back."""
        block, last = place.block, place.block.places.pop()
        if last is not place:
            block.memory[:, :, place.number, :, : last.length].copy_(block.memory[:, :, last.number, :, : last.length])
            last.number = place.number
            block.places[place.number] = last
        if not block.places:
            self.blocks.remove(block)

    def _free(self, tokens: int) -> int:
        return sum(block.slots - len(block.places) for block in self.blocks if block.tokens == tokens)

    def _bytes(self, tokens: int) -> int:
        return self._slots(tokens) * tokens * self.shape.token_bytes

    def _slots(self, tokens: int) -> int:
        return max(1, min(MOST_ROWS, self._block_bytes // (tokens * self.shape.token_bytes)))
