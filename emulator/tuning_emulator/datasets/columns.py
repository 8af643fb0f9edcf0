"""Many lines of a dataset at once: their texts side by side, as the JSON strings that they are in the file.

Nearly every line has the usual shape: turns of user and model that alternate, one text each, perhaps a system
instruction. A batch of such lines is read, counted and written again in C, without decoding a text.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, repeat
from operator import add, sub
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from tuning_emulator.datasets.lines import Line, format_line
from tuning_emulator.datasets.statistics import count_json_tokens
from tuning_trainer.spec import format_example

if TYPE_CHECKING:
    from multiprocessing.pool import AsyncResult


_QUOTE = ord('"')
_EMPTY = b'""'
_ROLES = ("user", "model")
_PAIR = b'{"turns":[{"role":"user","text":%b},{"role":"model","text":%b}]}\n'


class Batch:
    """Lines that keep the rules, in order.

    Attributes:
        texts: All turns of all lines, JSON strings in UTF-8 with their quotes.
        turns: How many texts each line has.
        systems: Each line's system instruction, a JSON string; b"" for none.
        rejected: Of preference lines: what the last text should not be.
        written: By their place among the lines, what the trainer reads of those that are more than texts.
        media: By the same, what media are counted as.
    """

    __slots__ = ("media", "rejected", "systems", "texts", "turns", "written")

    def __init__(self, texts: list[bytes], turns: list[int], systems: list[bytes], rejected: list[bytes]) -> None:
        self.written: dict[int, bytes] = {}
        self.media: dict[int, int] = {}
        self.texts = texts
        self.turns = turns
        self.systems = systems
        self.rejected = rejected

    def __len__(self) -> int:
        return len(self.turns)

    def append(self, line: Line) -> None:
        """Adds a line that was read rule by rule."""
        if line.turns:
            self.written[len(self)] = format_example(format_line(line)).encode() + b"\n"
        if line.media_tokens:
            self.media[len(self)] = line.media_tokens
        self.texts += map(_encode, line.texts)
        self.turns.append(len(line.texts))
        self.systems.append(_encode(line.system) if line.system else b"")
        if line.rejected is not None:
            self.rejected.append(_encode(line.rejected))

    def extend(self, other: Batch) -> None:
        """Adds the lines of a batch of usual ones."""
        self.texts += other.texts
        self.turns += other.turns
        self.systems += other.systems
        self.rejected += other.rejected

    def clear(self) -> None:
        """Forgets all lines."""
        for column in (self.texts, self.turns, self.systems, self.rejected):
            column.clear()
        self.written.clear()
        self.media.clear()

    @property
    def only_pairs(self) -> bool:
        """Whether every line is one question and one answer."""
        return len(self.texts) == 2 * len(self.turns) and self.turns.count(2) == len(self.turns)


class _Part(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    text: msgspec.Raw


class _Content(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    role: Literal["user", "model"]
    parts: tuple[_Part]


class _System(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    parts: tuple[_Part]
    role: str | None = None


class _Usual(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    contents: list[_Content]
    systemInstruction: _System | None = None  # noqa: N815 - the service's spelling


_decode = msgspec.json.Decoder(_Usual).decode
_encode = msgspec.json.Encoder().encode


def read_batch(lines: Sequence[bytes]) -> Batch | None:
    """All lines at once, or None when one of them wants a closer look (``lines.parse_line``)."""
    try:
        usual = list(map(_decode, lines))
        if not all(map(bytes.isascii, lines)):
            for line in lines:
                line.decode()  # the decoder does not look into raw strings
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    contents = [content for row in usual for content in row.contents]
    turns = [len(row.contents) for row in usual]
    texts = [bytes(content.parts[0].text) for content in contents]
    if not _alternate(turns, [content.role for content in contents]) or _EMPTY in texts:
        return None
    systems = [b"" if row.systemInstruction is None else bytes(row.systemInstruction.parts[0].text) for row in usual]
    return Batch(texts, turns, systems, []) if _are_strings(texts) and _are_strings(systems) else None


def _alternate(turns: list[int], roles: list[str]) -> bool:
    """Whether every line starts with the user, ends with the model, and has nothing out of turn."""
    return 0 not in turns and not any(count & 1 for count in set(turns)) and roles == [*_ROLES] * (len(roles) // 2)


def _are_strings(texts: list[bytes]) -> bool:
    """Whether raw JSON values are strings."""
    return {text[0] for text in texts if text} <= {_QUOTE}


def format_batch(batch: Batch, left_out: frozenset[int] = frozenset()) -> bytes:
    """Each line as ``format_example`` of the trainer's spec writes it, line ends included; ``left_out``: from 0."""
    texts = batch.texts
    if batch.only_pairs and not (left_out or batch.rejected or batch.written or any(batch.systems)):
        return b"".join(map(_PAIR.__mod__, zip(texts[::2], texts[1::2], strict=True)))
    formatted = []
    at = 0
    rejected = batch.rejected or repeat(b"")
    for number, (count, system, worse) in enumerate(zip(batch.turns, batch.systems, rejected, strict=False)):
        if number not in left_out:
            formatted.append(batch.written.get(number) or _format_line(texts[at : at + count], system, worse))
        at += count
    return b"".join(formatted)


def _format_line(texts: list[bytes], system: bytes, rejected: bytes) -> bytes:
    turns = [b'{"role":"%b","text":%b}' % (_ROLES[n & 1].encode(), text) for n, text in enumerate(texts)]
    line = b'{"turns":[%b]' % b",".join(turns)
    if len(system) > len(_EMPTY):
        line += b',"system":' + system
    if rejected:
        line += b',"rejected":' + rejected
    return line + b"}\n"


# --- counting the lines of a large dataset in processes of their own

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
    if any(batch.systems):
        inputs = [*map(add, inputs, count_systems(batch))]
    for number, count in batch.media.items():
        inputs[number] += count
    return inputs, outputs


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
