"""Beginnings of prompts that were read before: a system prompt, the conversation so far, another candidate's prompt.

Their keys and values are kept for questions to come. An adapter changes them, so that each belongs to its model.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from torch import Tensor

SHORTEST_PREFIX = 8
"""Tokens below which a common beginning is not worth waiting for or copying."""


def count_common(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    """Length of the common beginning."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


class Prefixes:
    """The prefixes used last, within so many bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[tuple[Hashable, tuple[int, ...]], Tensor] = OrderedDict()
        self.used_bytes = 0

    def find(self, model: Hashable, ids: tuple[int, ...]) -> tuple[int, Tensor] | None:
        """The longest beginning that was read for the model: its length, and the memory with its keys and values.

        At least one token is left to read, out of which the next one is chosen.
        """
        best, found = SHORTEST_PREFIX - 1, None
        for key in self._kept:
            if key[0] == model and (common := min(count_common(key[1], ids), len(ids) - 1)) > best:
                best, found = common, key
        if found is None:
            return None
        self._kept.move_to_end(found)
        return best, self._kept[found]

    def keep(self, model: Hashable, ids: tuple[int, ...], memory: Tensor) -> None:
        """Keeps a prompt that was read, in place of its own beginnings."""
        if memory.nbytes > self._most_bytes or len(ids) < SHORTEST_PREFIX:
            return
        for key in [key for key in self._kept if key[0] == model and ids[: len(key[1])] == key[1]]:
            self._drop(key)
        self._kept[model, ids] = memory
        self.used_bytes += memory.nbytes
        self.shrink(self._most_bytes)

    def shrink(self, most_bytes: int) -> None:
        """Gives up those used longest ago until the rest takes so many bytes at most."""
        while self.used_bytes > max(0, most_bytes):
            self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[Hashable, tuple[int, ...]]) -> None:
        self.used_bytes -= self._kept.pop(key).nbytes
