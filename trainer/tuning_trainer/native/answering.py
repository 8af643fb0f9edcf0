"""Answering in plain torch: many rows over one base model, each of any adapter, with keys and values kept.

Prompts are read in chunks beside the rows that are being written, and what was read of another prompt is not read
again.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tuning_trainer.model import AnsweringModel, choose_chunk
from tuning_trainer.native import decoder, lora
from tuning_trainer.native.bank import Bank
from tuning_trainer.native.blocks import Blocks, Place, Shape
from tuning_trainer.native.decoder import Layer, View
from tuning_trainer.native.passage import Chunk, Passage, Piece, Span
from tuning_trainer.native.prefixes import SHORTEST_PREFIX, Prefixes, count_common
from tuning_trainer.native.rotary import Rotation, rotary_table
from tuning_trainer.native.tuned import Base, load_base
from tuning_trainer.threads import SMALL_MODEL

BLOCK_SHARE = 16
"""A block takes at most one part in so many of the memory that there is for writing."""

PREFIX_SHARE = 4
"""What is kept of prompts, likewise."""


_made = itertools.count()


class NativeAnswering:
    """An ``AnsweringModel`` in plain torch.

    The adapter of a small base is merged too, for passes of this model alone: there operations cost more than
    arithmetic. In lower precision than float32 merging would lose a part of what it adds.
    """

    def __init__(self, directory: Path, adapter: str | None, device: str, precision: str) -> None:
        base = load_base(directory, device, precision)
        self.chat, self.max_tokens, self.size = base.chat, base.config.max_positions, base.size
        self.number, self.base, self.own_bytes = next(_made), base, 0
        self.adapter: lora.Adapter | None = None
        self.merged: list[Layer] | None = None
        if adapter is not None:
            loaded = lora.load_adapter(adapter, base.config, base.fingerprint)
            self.adapter = loaded.to(device).cast(getattr(torch, precision))
            self.own_bytes = sum(tensor.nbytes for tensor in self.adapter.parameters())
            if base.size < SMALL_MODEL and precision == "float32":
                weights = lora.merge(self.adapter, base.weights, base.config)
                self.merged = decoder.split_layers(weights, base.config)
                self.own_bytes += sum(t.nbytes for name, t in weights.items() if t is not base.weights[name])
        self.token_bytes = measure(base).token_bytes
        self.desk = f"{directory.resolve()} {id(base)}"  # a base that was written anew has a desk of its own

    def decoder(self, most_bytes: int) -> NativeDecoder:
        """See ``AnsweringModel``."""
        return NativeDecoder(self.base, most_bytes)


def measure(base: Base) -> Shape:
    """What a token takes."""
    config, embedding = base.config, base.weights["embedding"]
    return Shape(config.layers, config.kv_heads, config.head_size, embedding.dtype, str(embedding.device))


@dataclass(slots=True, eq=False)
class Row:
    """A prompt, and what is written after it.

    Attributes:
        ids: All tokens so far. done: How many of them have keys and values.
        memory: Theirs, while it is being read, (layers, 2, K, tokens, head size). place: Theirs after that.
        source: The row whose reading this one waits for, and how much of it they have in common.
        long: Whether positions are those of long texts, see ``Rope``.
    """

    model: NativeAnswering
    ids: list[int]
    done: int = 0
    memory: Tensor | None = None
    place: Place | None = None
    source: tuple[Row, int] | None = None
    long: bool = False

    @property
    def kind(self) -> tuple[int, bool]:
        """Rows of one kind have the same keys and values for the same tokens."""
        return self.model.number, self.long


class NativeDecoder:
    """A ``Decoder`` in plain torch."""

    def __init__(self, base: Base, most_bytes: int) -> None:
        self._base, self._weights, self._config = base, base.weights, base.config
        self._shape = measure(base)
        self._device = self._shape.device
        self._blocks = Blocks(self._shape, most_bytes // BLOCK_SHARE, base.config.max_positions)
        self._prefixes = Prefixes(most_bytes // PREFIX_SHARE)
        self._rows: dict[int, Row] = {}
        self._handles = itertools.count()
        self._plain = decoder.split_layers(base.weights, base.config)
        self._bank: Bank | None = None
        self._chunk = choose_chunk(base.size, self._device)
        originals = [k.rope.original_positions for k in base.config.attention if k.rope and k.rope.kind == "longrope"]
        self._long = min(originals, default=None)

    # ------------------------------------------------------------ memory

    @property
    def used_bytes(self) -> int:
        """See ``Decoder``."""
        reading = sum(row.memory.nbytes for row in self._rows.values() if row.memory is not None)
        return self._blocks.used_bytes + reading + (self._bank.own_bytes if self._bank else 0)

    @property
    def kept_bytes(self) -> int:
        """See ``Decoder``."""
        return self._prefixes.used_bytes

    @property
    def growth_bytes(self) -> int:
        """See ``Decoder``."""
        return self._blocks.growth_bytes

    def price(self, tokens: int) -> int:
        """See ``Decoder``."""
        return self._blocks.price(tokens)

    def shrink(self, most_bytes: int) -> None:
        """See ``Decoder``."""
        self._prefixes.shrink(most_bytes)

    # ------------------------------------------------------------ rows

    @torch.inference_mode()
    def join(self, prompt: Sequence[int], model: AnsweringModel, seen: Any = None) -> int:  # noqa: ARG002 it sees nothing
        """See ``Decoder``."""
        assert isinstance(model, NativeAnswering)
        handle = next(self._handles)
        self._rows[handle] = row = Row(model, list(prompt))
        self._read_anew(row)
        return handle

    @torch.inference_mode()
    def leave(self, handles: Iterable[int]) -> None:
        """See ``Decoder``."""
        for handle in handles:
            row = self._rows.pop(handle)
            if row.place is not None:
                if row.place.block.slots == 1:  # its memory was not copied when it had been read
                    memory = row.place.block.memory[:, :, 0]
                    self._prefixes.keep(row.kind, tuple(row.ids[: row.done]), memory)
                self._blocks.remove(row.place)
            for other in self._rows.values():
                if other.source is not None and other.source[0] is row:
                    other.source = None

    def _read_anew(self, row: Row) -> None:
        """Lets a row be read, from where it is the first to say what it says."""
        row.long = self._long is not None and len(row.ids) > self._long
        row.memory, row.done = self._blocks.allocate(len(row.ids)), 0
        if found := self._prefixes.find(row.kind, tuple(row.ids)):
            self._copy(row, found[1], found[0])
        best = max(row.done, SHORTEST_PREFIX - 1)
        for other in self._rows.values():
            if other is not row and other.memory is not None and other.kind == row.kind:
                common = min(count_common(tuple(other.ids), tuple(row.ids)), len(row.ids) - 1)
                if common > best:
                    best, row.source = common, (other, common)

    @staticmethod
    def _copy(row: Row, memory: Tensor, count: int) -> None:
        assert row.memory is not None
        row.memory[:, :, :, row.done : count].copy_(memory[:, :, :, row.done : count])
        row.done = count

    # ------------------------------------------------------------ a pass

    @torch.inference_mode()
    def advance(self, tokens: Mapping[int, int]) -> tuple[list[int], Tensor]:
        """See ``Decoder``."""
        self._take(tokens)
        handles = {id(row.place): handle for handle, row in self._rows.items() if row.place is not None}
        spans: list[Piece] = [Span(block) for block in self._blocks.blocks]
        written = [handles[id(place)] for block in self._blocks.blocks for place in block.places]
        read = self._choose_chunks()
        rows = [self._rows[handle] for handle in (*written, *read)]
        counts = [1] * len(written) + [chunk.count for chunk in read.values()]
        hidden = self._run(Passage([*spans, *read.values()]), rows, counts)
        for row, count in zip(rows, counts, strict=True):
            row.done += count
            if row.place is not None:
                row.place.length += 1
        told = [number for number, row in enumerate(rows) if row.done == len(row.ids)]
        for number in told[len(written) :]:
            self._seat(rows[number])
        if len(told) < len(hidden):
            ends = list(itertools.accumulate(counts))
            last = torch.tensor([ends[number] - 1 for number in told], dtype=torch.long, device=self._device)
            hidden = hidden[last]
        scores = self._score(hidden)
        return [(*written, *read)[number] for number in told], scores

    def _take(self, tokens: Mapping[int, int]) -> None:
        """Appends tokens; who fills its place moves, and whose positions become those of a long text is read again."""
        for handle, token in tokens.items():
            row = self._rows[handle]
            assert row.place is not None
            row.ids.append(token)
            if self._long is not None and len(row.ids) > self._long and not row.long:
                self._blocks.remove(row.place)
                row.place = None
                self._read_anew(row)
            else:
                row.place = self._blocks.grow(row.place)

    def _choose_chunks(self) -> dict[int, Chunk]:
        """What is read of prompts in this pass: those that came first, until it is enough."""
        left, chosen = self._chunk, dict[int, Chunk]()
        for handle, row in self._rows.items():
            if row.memory is None or left == 0:
                continue
            if row.source is not None:
                other, common = row.source
                if other.done < common and other.memory is not None:
                    continue
                if other.memory is not None:
                    self._copy(row, other.memory, common)
                row.source = None
            count = min(left, len(row.ids) - row.done)
            chosen[handle] = Chunk(row.memory, row.done, count)
            left -= count
        return chosen

    def _seat(self, row: Row) -> None:
        """A prompt is read: what was read serves others, and the row is written from now on."""
        assert row.memory is not None
        for other in self._rows.values():
            if other.source is not None and other.source[0] is row:
                self._copy(other, row.memory, other.source[1])
                other.source = None
        row.place = self._blocks.seat(row.memory, row.done)
        if row.place.block.memory.data_ptr() != row.memory.data_ptr():
            self._prefixes.keep(row.kind, tuple(row.ids), row.memory)
        row.memory = None

    def _run(self, passage: Passage, rows: Sequence[Row], counts: Sequence[int]) -> Tensor:
        """New tokens through all layers: (tokens, d)."""
        ids, positions = list[int](), list[int]()
        for row, count in zip(rows, counts, strict=True):
            ids += row.ids[row.done : row.done + count]
            positions += range(row.done, row.done + count)
        x = decoder.embed(self._weights, self._config, torch.tensor([ids], device=self._device))
        views = self._views(rows, counts, positions)
        for number, layer in enumerate(self._layers(rows, counts)):
            x = decoder.apply_layer(x, layer, self._config, views, (passage, number))
        return x[0]

    def _score(self, hidden: Tensor) -> Tensor:
        finished = decoder.finish(self._weights, self._config, hidden)
        return decoder.logits(self._weights, self._config, finished).float()

    def _views(self, rows: Sequence[Row], counts: Sequence[int], positions: list[int]) -> list[View]:
        places = torch.tensor(positions, device=self._device)
        size, length = self._config.head_size, max(positions) + 1
        views = []
        for kind in self._config.attention:
            angles = None
            if kind.rope is not None:
                angles = Rotation(*(table[places] for table in rotary_table(kind.rope, size, length, self._device)))
            if kind.rope is not None and angles is not None and any(row.long for row in rows):
                own = torch.tensor([row.long for row in rows]).repeat_interleave(torch.tensor(counts))
                table = rotary_table(kind.rope, size, length, self._device, long=True)
                chosen = own.to(self._device)[:, None]
                angles = Rotation(*(torch.where(chosen, b[places], a) for a, b in zip(angles, table, strict=True)))
            views.append(View(angles, None))
        return views

    def _layers(self, rows: Sequence[Row], counts: Sequence[int]) -> list[Layer]:
        """Layers for these rows: of one model, or with the adapters of several beside each other."""
        models = {row.model.number: row.model for row in rows}
        first = rows[0].model
        if len(models) == 1 and first.merged is not None:
            return first.merged
        adapters = [row.model.adapter for row in rows]
        found = {id(adapter): adapter for adapter in adapters if adapter is not None}
        if not found:
            return self._plain
        if self._bank is None or not self._bank.serves(adapters):
            self._bank = Bank(list(found.values()), self._weights, self._config)
        return self._bank.choose(adapters, counts)
