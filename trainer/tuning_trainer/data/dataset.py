"""From a file of examples to batches of token ids."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tuning_trainer.data.chat import Chat, Encoded
from tuning_trainer.spec import ROLES, Example, Turn, parse_example


class InvalidDataError(ValueError):
    """The examples cannot be trained on; the text names the file, the line and what would be right."""


def read_examples(path: str | Path) -> list[Example]:
    """Reads a JSON lines file of examples; blank lines are skipped.

    Raises:
        InvalidDataError: a line is not an example, or there is none.
    """
    examples = []
    with Path(path).open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                examples.append(_read_line(f"{path}, line {number}", line))
    if not examples:
        raise InvalidDataError(f"{path}: no examples")
    return examples


def _read_line(place: str, line: str) -> Example:
    try:
        example = parse_example(line)
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InvalidDataError(f'{place}: not {{"turns": [{{"role": …, "text": …}}, …]}}: {error!r}') from error
    for turn in example.turns:
        if turn.role not in ROLES:
            raise InvalidDataError(f"{place}: role {turn.role!r} is not one of {', '.join(ROLES)}")
    if not any(turn.learned for turn in example.turns):
        raise InvalidDataError(f"{place}: no model turn, so there is nothing to learn")
    return example


@dataclass(frozen=True, slots=True)
class Dataset:
    """Encoded examples that fit the limit.

    Attributes:
        rows: Each holds one conversation, or in preference tuning the preferred and the rejected one.
        dropped: 0-based numbers of the examples of which nothing to learn is left within the limit.
        cut: 0-based numbers of the examples that were cut to fit.
    """

    rows: tuple[tuple[Encoded, ...], ...]
    dropped: tuple[int, ...]
    cut: tuple[int, ...] = ()


def encode_examples(examples: Sequence[Example], chat: Chat, max_tokens: int, preference: bool = False) -> Dataset:
    """Encodes examples; those longer than ``max_tokens`` are cut.

    Raises:
        InvalidDataError: nothing is left, or a preference example has no rejected answer.
    """
    rows, dropped, cut = [], [], []
    for number, example in enumerate(examples):
        row = _encode_pair(example, chat, number) if preference else _encode(example, chat)
        excess = max(len(each) for each in row) - max_tokens
        if excess > 0 and any(each.inputs for each in row):
            dropped.append(number)  # no part of an image can be left out
            continue
        if excess > 0:
            row = tuple(shorten(each, excess, max_tokens) for each in row)
            if not all(any(each.scored) for each in row):
                dropped.append(number)
                continue
            cut.append(number)
        rows.append(row)
    if not rows:
        raise InvalidDataError(f"examples: all {len(dropped)} are longer than {max_tokens} tokens")
    if not all(any(each.scored) for row in rows for each in row):
        raise InvalidDataError("examples: a model turn is empty and the base model has no end token to learn")
    return Dataset(tuple(rows), tuple(dropped), tuple(cut))


KEPT_TOKENS = 32
"""Of a text that is cut, so many stay at its beginning and at its end."""


def shorten(encoded: Encoded, excess: int, max_tokens: int) -> Encoded:
    """Takes ``excess`` tokens out of the middle of the longest texts that the model only reads.

    Where these are not enough, the end goes too: what the model would have to write is too long itself.
    """
    ids, scored = list(encoded.ids), list(encoded.scored)
    while excess > 0:
        start, length = _longest_read(scored)
        taken = min(excess, length - 2 * KEPT_TOKENS)
        if taken <= 0:
            break
        middle = start + (length - taken) // 2
        del ids[middle : middle + taken], scored[middle : middle + taken]
        excess -= taken
    return Encoded(tuple(ids[:max_tokens]), tuple(scored[:max_tokens]))


def _longest_read(scored: Sequence[bool]) -> tuple[int, int]:
    """(start, length) of the longest run of tokens that are not scored."""
    start, best = 0, (0, 0)
    for flag, run in groupby(scored):
        length = len(list(run))
        if not flag and length > best[1]:
            best = start, length
        start += length
    return best


def _encode(example: Example, chat: Chat) -> tuple[Encoded, ...]:
    return (chat.encode(example.turns, example.system),)


def _encode_pair(example: Example, chat: Chat, number: int) -> tuple[Encoded, ...]:
    """The preferred and the rejected conversation; only the last model turn is scored."""
    if example.rejected is None or example.turns[-1].role != "model":
        raise InvalidDataError(f"examples: number {number} needs a last model turn and a rejected text")
    *context, last = example.turns
    start = len(chat.encode(tuple(context), example.system))
    texts = (last.text, example.rejected)
    both = [chat.encode((*context, Turn("model", text)), example.system) for text in texts]
    first, second = (_score_from(each, start) for each in both)
    return first, second


def _score_from(encoded: Encoded, start: int) -> Encoded:
    scored = tuple(flag and place >= start for place, flag in enumerate(encoded.scored))
    return dataclasses.replace(encoded, scored=scored)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows padded on the right. With B rows of at most T + 1 tokens and N scored tokens in all:

    Attributes:
        inputs: int64 (B, T), 0 in the padding.
        lengths: int64 (B,), tokens of each row that are not padding.
        places: int64 (N,), flat positions in (B·T) whose next token is scored.
        targets: int64 (N,), those next tokens.
        rows: int64 (N,), the row of each.
        seen: What a model that sees takes beside the tokens, of each row; () for others.
        beginning: So many tokens are the same in all rows and stand before everything that is scored.
    """

    inputs: Tensor
    lengths: Tensor
    places: Tensor
    targets: Tensor
    rows: Tensor
    seen: tuple[Any, ...] = ()
    beginning: int = 0

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.inputs.shape[0]

    def places_after(self, begin: int) -> Tensor:
        """The places where each row has lost its first ``begin`` tokens, none of which is scored."""
        return self.places - (self.rows + 1) * begin if begin else self.places

    def to(self, device: str) -> Batch:
        """The same batch on a device; to a GPU without waiting for it."""
        if device == "cpu":
            return self
        names = ("inputs", "lengths", "places", "targets", "rows")
        moved = {name: getattr(self, name).pin_memory().to(device, non_blocking=True) for name in names}
        return dataclasses.replace(self, **moved)


def collate(rows: Sequence[Encoded]) -> Batch:
    """Puts conversations into one batch."""
    width = max(len(row) for row in rows) - 1
    inputs = [list(row.ids[:-1]) + [0] * (width + 1 - len(row)) for row in rows]
    places, targets, owners = [], [], []
    for number, row in enumerate(rows):
        for place in range(1, len(row)):
            if row.scored[place]:
                places.append(number * width + place - 1)
                targets.append(row.ids[place])
                owners.append(number)
    lengths = [len(row) - 1 for row in rows]
    columns = (inputs, lengths, places, targets, owners)
    tensors = [torch.tensor(column, dtype=torch.int64) for column in columns]
    seen = tuple(row.inputs for row in rows) if any(row.inputs for row in rows) else ()
    return Batch(tensors[0], tensors[1], tensors[2], tensors[3], tensors[4], seen, _count_shared(rows))


def _count_shared(rows: Sequence[Encoded]) -> int:
    """Tokens that all rows begin with, up to the first that predicts a scored one."""
    first, last = min(row.ids for row in rows), max(row.ids for row in rows)  # these differ first
    alike = next((place for place, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    return max(0, min(alike, *(row.scored.index(True) - 1 if True in row.scored else 0 for row in rows)))
