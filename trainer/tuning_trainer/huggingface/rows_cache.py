"""A cache of transformers whose rows come and go, with room ahead: a new token is written, not appended to a copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

SPARE = 64
"""Tokens that there is room for before memory is made anew."""


class RowsLayer(DynamicLayer):  # type: ignore[no-untyped-call]  # its base registers it, untyped
    """Keys and values of one layer, (rows, heads, tokens, head size): views of memory that is longer."""

    _memory: tuple[Tensor, Tensor] | None = None

    @property
    def room(self) -> int:
        """Tokens that there is memory for."""
        return self._memory[0].shape[2] if self._memory else 0

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """See ``DynamicLayer``."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        before = self.get_seq_length()
        width = before + key_states.shape[2]
        if self._memory is None or width > self.room:
            fresh = tuple(
                each.new_empty(*each.shape[:2], width + SPARE, each.shape[3]) for each in (key_states, value_states)
            )
            if before:
                for memory, old in zip(fresh, self.tensors(), strict=True):
                    memory[:, :, :before] = old
            self._memory = (fresh[0], fresh[1])
        for memory, new in zip(self._memory, (key_states, value_states), strict=True):
            memory[:, :, before:width] = new
        self.keys, self.values = (memory[:, :, :width] for memory in self._memory)
        return self.keys, self.values

    def change(self, function: Callable[[Tensor], Tensor]) -> RowsLayer:
        """A layer with what the function makes of keys and values."""
        return _fill(*(function(each) for each in self.tensors()))

    def join(self, other: RowsLayer, function: Callable[[Tensor], Tensor]) -> RowsLayer:
        """A layer with what the function makes of these rows' and another layer's, one below the other."""
        pairs = zip(self.tensors(), other.tensors(), strict=True)
        return _fill(*(torch.cat((function(first), function(second))) for first, second in pairs))

    def tensors(self) -> tuple[Tensor, ...]:
        """Keys and values; nothing where another layer's are used."""
        if self.keys is None or self.values is None or not self.is_initialized:
            return ()
        return self.keys, self.values


def _fill(*tensors: Tensor) -> RowsLayer:
    layer: Any = RowsLayer
    made: RowsLayer = layer()
    if tensors:
        made.update(*tensors)
    return made


class RowsCache(DynamicCache):
    """Rows that end together; those that are shorter begin with padding. All of a row is kept, whatever its window."""

    def __init__(self) -> None:
        super().__init__()
        self.layer_class_to_replicate = RowsLayer

    @property
    def rows_layers(self) -> list[RowsLayer]:
        """Its layers, none of which is of another kind."""
        return cast("list[RowsLayer]", self.layers)

    @property
    def width(self) -> int:
        """Tokens of the longest row."""
        return max((layer.get_seq_length() for layer in self.rows_layers), default=0)

    @property
    def room(self) -> int:
        """Tokens that there is memory for."""
        return max((layer.room for layer in self.rows_layers), default=0)

    def select(self, rows: Sequence[int], width: int) -> None:
        """Keeps some of the rows, and of these no padding that all of them have."""
        index = torch.tensor(rows)
        for number, layer in enumerate(self.rows_layers):  # one after the other, so that memory is there twice of one
            self.layers[number] = layer.change(lambda each: each[:, :, -width:].index_select(0, index.to(each.device)))

    def append(self, other: RowsCache) -> None:
        """Takes the rows of another cache in."""
        width = max(self.width, other.width)

        def fill(tensor: Tensor) -> Tensor:
            return F.pad(tensor, (0, 0, width - tensor.shape[2], 0))

        for number, (mine, theirs) in enumerate(zip(self.rows_layers, other.rows_layers, strict=True)):
            self.layers[number] = mine.join(theirs, fill)


def find_obstacle(model: Any, run: Any) -> str | None:
    """Why rows of different length cannot be run beside one another as they are alone; None: they can.

    It is tried: what cannot be told from a model's code is told by its scores.

    Args:
        run: Runs inputs with a cache, and returns the scores of the last positions and the cache.
    """
    if getattr(model, "_is_stateful", False):
        return "it keeps a state that is no list of tokens"
    size = model.config.get_text_config().vocab_size
    rows = [[(7 + 5 * place) % size for place in range(length)] for length in (3, 8)]
    try:
        with torch.no_grad():
            return _compare(rows, run)
    except Exception as error:  # whatever it is that the model does not take
        return f"{type(error).__name__}: {error}"


def _compare(rows: list[list[int]], run: Any) -> str | None:
    alone = torch.cat([run({"input_ids": torch.tensor([row])}, None)[0] for row in rows])
    width = max(len(row) for row in rows)
    pads = torch.tensor([width - len(row) for row in rows])
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
    cache, found = RowsCache(), alone
    for begin, end in ((0, width - 1), (width - 1, width)):
        places = torch.arange(end)
        inputs = {
            "input_ids": ids[:, begin:end],
            "position_ids": (places[begin:] - pads[:, None]).clamp(min=0),
            "attention_mask": (places >= pads[:, None]).long(),
        }
        found, kept = run(inputs, cache)
        if kept is not cache or cache.width != end or not all(isinstance(layer, RowsLayer) for layer in cache.layers):
            return "it keeps its cache in another way"
    bound = (1e-3 if found.dtype == torch.float32 else 5e-2) * float(alone.abs().max())
    if not torch.allclose(found, alone, atol=bound):
        return f"scores beside a longer row differ by {float((found - alone).abs().max()):.1e}"
    return None
