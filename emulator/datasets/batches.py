"""Many lines of a dataset at once: their texts side by side, as the JSON strings that they are in the file.

Nearly every line has the usual shape: turns of user and model that alternate, one text each, perhaps a system
instruction. A batch of such lines is read, counted and written again in C, without decoding a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Literal

import msgspec

from emulator.datasets.lines import Line

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
    """

    __slots__ = ("rejected", "systems", "texts", "turns")

    def __init__(self, texts: list[bytes], turns: list[int], systems: list[bytes], rejected: list[bytes]) -> None:
        self.texts = texts
        self.turns = turns
        self.systems = systems
        self.rejected = rejected

    def __len__(self) -> int:
        return len(self.turns)

    def append(self, line: Line) -> None:
        """Adds a line that was read rule by rule."""
        self.texts += map(_encode, line.texts)
        self.turns.append(len(line.texts))
        self.systems.append(_encode(line.system) if line.system else b"")
        if line.rejected is not None:
            self.rejected.append(_encode(line.rejected))

    def extend(self, other: Batch) -> None:
        """Adds the lines of another batch."""
        self.texts += other.texts
        self.turns += other.turns
        self.systems += other.systems
        self.rejected += other.rejected

    def clear(self) -> None:
        """Forgets all lines."""
        for column in (self.texts, self.turns, self.systems, self.rejected):
            column.clear()

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
    """Each line as ``trainer.spec.format_example`` writes it, line ends included; ``left_out``: by number, from 0."""
    texts = batch.texts
    if batch.only_pairs and not left_out and not batch.rejected and not any(batch.systems):
        return b"".join(map(_PAIR.__mod__, zip(texts[::2], texts[1::2], strict=True)))
    formatted = []
    at = 0
    rejected = batch.rejected or repeat(b"")
    for number, (count, system, worse) in enumerate(zip(batch.turns, batch.systems, rejected, strict=False)):
        if number not in left_out:
            formatted.append(_format_line(texts[at : at + count], system, worse))
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
