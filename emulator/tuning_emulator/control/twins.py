"""Rows of a dataset beside each other: the same question with two answers, near-duplicates, rows of both datasets."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tuning_trainer.spec import Example

NEAR = 0.8
"""Share of common pieces from which two rows are near-duplicates (Jaccard's index)."""

_PIECE = 5
"""Characters of a piece; shorter texts are one."""

MOST_ROWS = 20_000
"""Beyond these near-duplicates are not looked for."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is compared of an example, without its case and white space."""

    question: str
    answer: str


def read_row(example: Example) -> Row:
    """All that the model reads before its last answer, and that answer."""
    place = max(number for number, turn in enumerate(example.turns) if turn.learned)
    before = "\n".join([example.system, *(f"{turn.role} {turn.text}" for turn in example.turns[:place])])
    return Row(_normalise(before), _normalise(example.turns[place].text))


def _normalise(text: str) -> str:
    return " ".join(text.casefold().split())


def find_conflicts(rows: Sequence[Row]) -> list[list[int]]:
    """Groups of rows with one question and more than one answer."""
    alike = defaultdict(list)
    for number, row in enumerate(rows):
        alike[row.question].append(number)
    return [group for group in alike.values() if len({rows[number].answer for number in group}) > 1]


def find_shared(rows: Sequence[Row], others: Sequence[Row]) -> list[tuple[int, int]]:
    """Rows of one dataset whose question is in the other too, whatever the answer, as pairs of numbers."""
    place = {row.question: number for number, row in enumerate(others)}
    return [(number, place[row.question]) for number, row in enumerate(rows) if row.question in place]


def find_near_duplicates(rows: Sequence[Row]) -> list[tuple[int, int]] | None:
    """Pairs of rows, the later one with the first that is nearly the same in question and answer; None: too many rows.

    Two sets of pieces can only be as alike as ``NEAR`` if they share one of the rarest pieces of each: only rows that
    do are compared.
    """
    if len(rows) > MOST_ROWS:
        return None
    pieces = [_cut(f"{row.question}\n{row.answer}") for row in rows]
    counts = Counter(piece for row in pieces for piece in row)
    seen: dict[str, list[int]] = defaultdict(list)
    pairs = []
    for number, row in enumerate(pieces):
        rare = sorted(row, key=lambda piece: (counts[piece], piece))[: int(len(row) * (1 - NEAR)) + 1]
        candidates = sorted({other for piece in rare for other in seen[piece]})
        twin = next((other for other in candidates if _likeness(row, pieces[other]) >= NEAR), None)
        if twin is not None:
            pairs.append((twin, number))
        for piece in rare:
            seen[piece].append(number)
    return pairs


def _cut(text: str) -> frozenset[str]:
    """Overlapping pieces of a text, figures apart: rows that differ in a number are no duplicates."""
    words = " ".join(re.findall(r"\w+", text))
    numbers = re.findall(r"\d+", words)
    return frozenset([*(words[i : i + _PIECE] for i in range(max(1, len(words) - _PIECE + 1))), *numbers])


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)
