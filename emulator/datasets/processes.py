"""Counting the lines of a large dataset in processes of their own: what takes long is done on every core."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import accumulate, chain
from operator import add, sub
from typing import TYPE_CHECKING, TypeAlias

from emulator.datasets.batches import Batch, read_batch
from emulator.datasets.tokens import count_json_tokens

if TYPE_CHECKING:
    from multiprocessing.pool import AsyncResult

CHUNK_BYTES = 1 << 19
_WAITING = 2
"""Chunks a process that are read ahead; more would only fill memory."""

Sums: TypeAlias = tuple[list[int], list[int], list[int]]
"""Of each line: tokens that the model reads, tokens that it should write, turns."""
Chunk: TypeAlias = tuple[list[bytes], int]
"""Lines, and how many bytes they take in the file."""


def count_processes() -> int:
    """How many are worth starting here: one for each core that this process may use, at most four."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 4)


def sum_lines(lines: list[bytes]) -> Sums | None:
    """Sums of lines of the usual shape; None when one of them wants a closer look."""
    batch = read_batch(lines)
    return None if batch is None else (*sum_turns(batch), batch.turns)


def sum_turns(batch: Batch) -> tuple[list[int], list[int]]:
    """Tokens of each line: what the model reads (users' turns and system instruction), and what it should write."""
    tokens = count_json_tokens(batch.texts)
    ends = [*accumulate(count // 2 for count in batch.turns)]  # of each line, counted in pairs of turns
    inputs, outputs = _sum_between(tokens[::2], ends), _sum_between(tokens[1::2], ends)
    return ([*map(add, inputs, count_systems(batch))] if any(batch.systems) else inputs), outputs


def count_systems(batch: Batch) -> list[int]:
    """Tokens of each line's system instruction; most lines have the same one."""
    different = [*set(batch.systems)]
    counts = dict(zip(different, count_json_tokens([system or b'""' for system in different]), strict=True))
    return [counts[system] for system in batch.systems]


def _sum_between(values: list[int], ends: list[int]) -> list[int]:
    """Sums of the values up to each end, from the end before it."""
    if len(values) == len(ends):
        return values  # a pair a line, almost always
    sums = [0, *accumulate(values)]
    till = [sums[end] for end in ends]
    return [*map(sub, till, chain([0], till))]


def sum_chunks(chunks: Iterable[Chunk], processes: int) -> Iterator[tuple[Chunk, Sums | None]]:
    """Each chunk with its sums, in order."""
    import multiprocessing  # late: the server, which prepares datasets in one process, need not load it

    start = "fork" if sys.platform == "linux" else "spawn"
    with multiprocessing.get_context(start).Pool(processes, _ignore_interrupts) as pool:
        waiting: deque[tuple[Chunk, AsyncResult[Sums | None]]] = deque()
        for chunk in chunks:
            waiting.append((chunk, pool.apply_async(sum_lines, (chunk[0],))))
            if len(waiting) > processes * _WAITING:
                first, sums = waiting.popleft()
                yield first, sums.get()
        for chunk, sums in waiting:
            yield chunk, sums.get()


def _ignore_interrupts() -> None:
    """Ctrl-C is for the process that reads; it ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
