"""Keys and values of a beginning that sequences share, with gradients. For answers see ``blocks``."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class Cache:
    """Keys and values of all layers, each (batch, key-value heads, positions, head size)."""

    __slots__ = ("keys", "values")

    def __init__(self, layers: int) -> None:
        self.keys: list[Tensor | None] = [None] * layers
        self.values: list[Tensor | None] = [None] * layers

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Appends along positions and returns all keys and values of the layer."""
        old_key, old_value = self.keys[layer], self.values[layer]
        if old_key is not None and old_value is not None:
            key, value = torch.cat((old_key, key), 2), torch.cat((old_value, value), 2)
        self.keys[layer], self.values[layer] = key, value
        return key, value

    def change(self, function: Callable[[Tensor], Tensor]) -> None:
        """Replaces every tensor by what the function makes of it."""
        self.keys = [None if tensor is None else function(tensor) for tensor in self.keys]
        self.values = [None if tensor is None else function(tensor) for tensor in self.values]
