"""Models over one base at work: whose turn it is to join, to write, to wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from tuning_trainer.answering.writing import Writing
from tuning_trainer.model import Decoder

JOINING = 0.75
"""Share of the memory for writing up to which candidates join: those that are written need room to grow."""


@dataclass(slots=True)
class Desk:
    """A decoder, the candidates in its rows by their handles, and candidates that wait to join.

    Attributes:
        ready: Handles of the rows that have got a token, and wait for the next one; others are still being read.
    """

    decoder: Decoder
    rows: dict[int, Writing] = field(default_factory=dict)
    waiting: list[Writing] = field(default_factory=list)
    ready: set[int] = field(default_factory=set)

    @property
    def busy(self) -> bool:
        """Whether there is something to write."""
        return bool(self.rows or self.waiting)

    @property
    def used_bytes(self) -> int:
        """What the rows take: keys and values, and what their models do not share."""
        models = {id(row.request.model): row.request.model for row in self.rows.values()}
        return self.decoder.used_bytes + sum(model.own_bytes for model in models.values()) if self.rows else 0

    @property
    def wanted_bytes(self) -> int:
        """What the waiting will take at least: to be read, and to be written."""
        models = {id(each.request.model): each.request.model for each in self.waiting}
        own = sum(model.own_bytes for model in models.values())
        return own + sum(2 * len(each.ids) * each.request.model.token_bytes for each in self.waiting)

    def advance(self, room_bytes: int) -> list[Writing]:
        """Writes a token of every candidate that is read, and reads on; returns those that got one."""
        self._set_aside(room_bytes)
        self._seat(room_bytes)
        handles, scores = self.decoder.advance({handle: self.rows[handle].tokens[-1] for handle in sorted(self.ready)})
        written = [self.rows[handle] for handle in handles]
        self.ready = set(handles)
        if written:
            write(written, scores)
        self._remove([handle for handle, row in zip(handles, written, strict=True) if row.answer is not None])
        return written

    def drop(self, id: str) -> bool:
        """Lets a request go, wherever it is; whether it was here."""
        waiting = [each for each in self.waiting if each.request.id != id]
        rows = [handle for handle, row in self.rows.items() if row.request.id == id]
        found = len(waiting) < len(self.waiting) or bool(rows)
        self.waiting = waiting
        self._remove(rows)
        return found

    def _remove(self, handles: Sequence[int]) -> None:
        self.decoder.leave(handles)
        for handle in handles:
            del self.rows[handle]
            self.ready.discard(handle)

    def _set_aside(self, room_bytes: int) -> None:
        """Lets the latest rows wait when all have grown too large; they go on later from where they were."""
        while len(self.rows) > 1 and not self._fits(self.decoder.growth_bytes, room_bytes):
            handle, row = next(reversed(self.rows.items()))
            self._remove([handle])
            self.waiting.insert(0, row)

    def _seat(self, room_bytes: int) -> None:
        """Lets those join that there is room for, one at least."""
        while self.waiting:
            first = self.waiting[0]
            fits = self._fits(self.decoder.price(len(first.ids)), int(room_bytes * JOINING))
            if self.rows and not fits:
                return
            self.rows[self.decoder.join(first.ids, first.request.model, first.request.seen)] = self.waiting.pop(0)

    def _fits(self, more_bytes: int, room_bytes: int) -> bool:
        """Whether so much more is within the room, if need be without what is kept for questions to come."""
        rest = room_bytes - self.used_bytes - more_bytes
        if rest < self.decoder.kept_bytes:
            self.decoder.shrink(rest)
        return rest >= 0


def write(rows: list[Writing], scores: Tensor) -> None:
    """Gives each row its next token out of the scores (rows, V); those that take the best are served together."""
    scores = _hold(rows, scores)
    plain = [number for number, row in enumerate(rows) if row.is_plain]
    if plain:
        logs = scores[plain].log_softmax(-1)
        best, tokens = logs.max(-1)
        for place, (token, log) in enumerate(zip(tokens.tolist(), best.tolist(), strict=True)):
            row = rows[plain[place]]
            afforded = row.afford(token)
            row.take(afforded, log if afforded == token else float(logs[place, afforded]))
    for number in sorted(set(range(len(rows))) - set(plain)):
        rows[number].choose(scores[number])


def _hold(rows: list[Writing], scores: Tensor) -> Tensor:
    """The scores (rows, V) with what the rows' forms do not allow at minus infinity."""
    if all(row.constraint is None for row in rows):
        return scores
    allowed = np.ones(scores.shape, dtype=np.bool_)
    for row, places in zip(rows, allowed, strict=True):
        if row.constraint is not None:
            row.constraint.allow(places)
    return scores.masked_fill(torch.from_numpy(~allowed).to(scores.device), float("-inf"))
