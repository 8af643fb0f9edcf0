"""Keys and values of a beginning that sequences share, with gradients. For answers see ``blocks``."""

from __future__ import annotations

import torch
from torch import Tensor


class Beginning:
    """Those of one layer, each (batch, key-value heads, positions, head size): nothing until it has been read."""

    __slots__ = ("_read",)

    def __init__(self) -> None:
        self._read: tuple[Tensor, Tensor] | None = None

    def extend(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Appends along positions and returns all keys and values."""
        if self._read is not None:
            key, value = torch.cat((self._read[0], key), 2), torch.cat((self._read[1], value), 2)
        self._read = key, value
        return key, value

    def expand(self, rows: int) -> None:
        """Lets so many rows see it, as one."""
        if self._read is not None:
            key, value = (tensor.expand(rows, -1, -1, -1) for tensor in self._read)
            self._read = key, value
