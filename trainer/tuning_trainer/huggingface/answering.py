"""Answering through transformers and peft: rows of any adapters in one batch, where the model's cache allows it."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tuning_trainer.data.chat import load_chat
from tuning_trainer.huggingface.rows_cache import SPARE, RowsCache
from tuning_trainer.huggingface.shelf import Shelf
from tuning_trainer.huggingface.tuned import load_model
from tuning_trainer.model import AnsweringModel, Decoder, choose_chunk
from tuning_trainer.native.lora import InvalidAdapterError

log = logging.getLogger(__name__)


@lru_cache(maxsize=2)
def _open_shelf(directory: Path, _stamp_ns: int, device: str, precision: str) -> Shelf:
    return Shelf(load_model(directory, device, precision), load_chat(directory), device)


class HuggingFaceAnswering:
    """An ``AnsweringModel`` through transformers."""

    open_shelf = staticmethod(_open_shelf)

    def __init__(self, directory: Path, adapter: str | None, device: str, precision: str) -> None:
        stamp_ns = (directory / "config.json").stat().st_mtime_ns
        self._shelf, self.adapter = self.open_shelf(directory.resolve(), stamp_ns, device, precision), adapter
        self.chat, self.max_tokens = self._shelf.chat, self._shelf.max_tokens
        self.size, self.own_bytes = self._shelf.model.num_parameters(), 0  # the shelf limits its adapters itself
        self.token_bytes = count_token_bytes(self._shelf.model)
        self.desk = f"{directory.resolve()} {id(self._shelf)}"
        if adapter is not None:
            if not (Path(adapter) / "adapter_config.json").exists():
                raise InvalidAdapterError(f"{adapter}: no adapter_config.json")
            self._shelf.prepare([adapter])

    def decoder(self, most_bytes: int) -> Decoder:  # noqa: ARG002 it keeps nothing for later
        """See ``AnsweringModel``."""
        if self._shelf.obstacle is None:
            return BatchDecoder(self._shelf, self.token_bytes)
        log.warning("this model's answers are written one after another, not side by side: %s", self._shelf.obstacle)
        return SerialDecoder(self._shelf, self.token_bytes)


def count_token_bytes(model: Any) -> int:
    """Keys and values of one token; a model that keeps less of them (a window, a state) takes less."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_attention_heads", None) or 1
    head_size = getattr(config, "head_dim", None) or config.hidden_size // heads
    shared = getattr(config, "num_key_value_heads", None) or heads
    return int(2 * config.num_hidden_layers * shared * head_size * model.dtype.itemsize)


class SerialDecoder:
    """A ``Decoder`` that runs its rows one after the other, each with a cache of the model's own making."""

    growth_bytes = kept_bytes = 0

    def __init__(self, shelf: Shelf, token_bytes: int) -> None:
        self._shelf, self._token_bytes = shelf, token_bytes
        self._rows: dict[int, _Row] = {}
        self._handles = itertools.count()

    @property
    def used_bytes(self) -> int:
        """See ``Decoder``."""
        return sum(len(row.ids) for row in self._rows.values()) * self._token_bytes

    def price(self, tokens: int) -> int:
        """See ``Decoder``."""
        return tokens * self._token_bytes

    def shrink(self, most_bytes: int) -> None:
        """See ``Decoder``: nothing is kept."""

    def join(self, prompt: Sequence[int], model: AnsweringModel, seen: Any = None) -> int:
        """See ``Decoder``."""
        assert isinstance(model, HuggingFaceAnswering)
        handle = next(self._handles)
        self._rows[handle] = _Row(handle, model.adapter, list(prompt), seen=seen)
        return handle

    def advance(self, tokens: Mapping[int, int]) -> tuple[list[int], Tensor]:
        """See ``Decoder``. One prompt is read in a pass."""
        for handle, token in tokens.items():
            self._rows[handle].ids.append(token)
        fresh = next((row.handle for row in self._rows.values() if row.done == 0), None)
        handles = [*tokens, *([fresh] if fresh is not None else [])]
        return handles, torch.cat([self._read(self._rows[handle]) for handle in handles])

    def _read(self, row: _Row) -> Tensor:
        ids = torch.tensor([row.ids[row.done :]], device=self._shelf.device)
        seen = row.seen if row.done == 0 else None
        scores, row.cache = self._shelf.run([row.adapter], {"input_ids": ids, **(seen or {})}, row.cache)
        row.done = len(row.ids)
        return scores

    def leave(self, handles: Iterable[int]) -> None:
        """See ``Decoder``."""
        for handle in handles:
            del self._rows[handle]


@dataclass(slots=True, eq=False)
class _Row:
    """A prompt, and what is written after it. ``done``: tokens that are read; ``cache``: theirs, if it has its own."""

    handle: int
    adapter: str | None
    ids: list[int]
    seen: Any = None
    done: int = 0
    cache: Any = None


class BatchDecoder:
    """A ``Decoder`` with one cache for all rows that are read, padded on the left so that all rows end together."""

    kept_bytes = 0

    def __init__(self, shelf: Shelf, token_bytes: int) -> None:
        self._shelf, self._token_bytes = shelf, token_bytes
        self._reading: list[_Row] = []
        self._rows: list[_Row] = []
        self._cache: RowsCache | None = None
        self._handles = itertools.count()
        self._chunk = choose_chunk(shelf.model.num_parameters(), shelf.device)

    @property
    def used_bytes(self) -> int:
        """See ``Decoder``: all rows take as much as the widest, those being read too, which are about to join."""
        return self._count * self._room * self._token_bytes

    @property
    def growth_bytes(self) -> int:
        """See ``Decoder``."""
        full = self._cache is not None and self._cache.width == self._cache.room
        return self._count * SPARE * self._token_bytes if full else 0

    def price(self, tokens: int) -> int:
        """See ``Decoder``: a wider row makes all others wider."""
        return (self._count + 1) * max(self._room, tokens + SPARE) * self._token_bytes - self.used_bytes

    @property
    def _count(self) -> int:
        return len(self._rows) + len(self._reading)

    @property
    def _room(self) -> int:
        """Tokens that each row has memory for."""
        widest = max((len(row.ids) + SPARE for row in self._reading), default=0)
        return max(widest, self._cache.room if self._cache else 0)

    def shrink(self, most_bytes: int) -> None:
        """See ``Decoder``: nothing is kept."""

    def join(self, prompt: Sequence[int], model: AnsweringModel, seen: Any = None) -> int:  # noqa: ARG002 it sees nothing
        """See ``Decoder``."""
        assert isinstance(model, HuggingFaceAnswering)
        row = _Row(next(self._handles), model.adapter, list(prompt))
        self._reading.append(row)
        return row.handle

    def leave(self, handles: Iterable[int]) -> None:
        """See ``Decoder``."""
        gone = set(handles)
        self._reading = [row for row in self._reading if row.handle not in gone]
        left = [number for number, row in enumerate(self._rows) if row.handle not in gone]
        if len(left) < len(self._rows):
            self._rows = [self._rows[number] for number in left]
            longest = max((row.done for row in self._rows), default=0)
            if self._cache is not None and left:
                self._cache.select(left, longest)
            else:
                self._cache = None

    def advance(self, tokens: Mapping[int, int]) -> tuple[list[int], Tensor]:
        """See ``Decoder``."""
        found = []
        if self._rows:
            for row in self._rows:
                row.ids.append(tokens[row.handle])
            found.append(self._run(self._rows, 1, self._cache))
        fresh, scores = self._read_on()
        if fresh:
            self._rows += fresh
            found.append(scores)
        rows = [row.handle for row in self._rows]
        return rows, torch.cat(found) if found else torch.empty(0)

    def _read_on(self) -> tuple[list[_Row], Tensor]:
        """Reads a chunk of a long prompt, or some short ones together; those that are read join the others."""
        chosen, widest = list[_Row](), 0
        for row in self._reading:
            widest = max(widest, len(row.ids) - row.done)
            if chosen and (row.done or widest * (len(chosen) + 1) > self._chunk):
                break
            chosen.append(row)
            if row.done:
                break
        if not chosen:
            return [], torch.empty(0)
        cache = chosen[0].cache or RowsCache()
        scores = self._run(chosen, min(widest, self._chunk), cache)
        if chosen[0].done < len(chosen[0].ids):
            chosen[0].cache = cache
            return [], torch.empty(0)
        for row in chosen:
            row.cache = None
        self._reading = self._reading[len(chosen) :]
        if self._cache is None:
            self._cache = cache
        else:
            self._cache.append(cache)
        return chosen, scores

    def _run(self, rows: Sequence[_Row], time: int, cache: Any) -> Tensor:
        """The next tokens of rows that end together, at most ``time`` of each."""
        counts = [min(time, len(row.ids) - row.done) for row in rows]
        width = cache.width + time
        pads = torch.tensor([width - row.done - count for row, count in zip(rows, counts, strict=True)])
        ids = [
            [0] * (time - count) + row.ids[row.done : row.done + count] for row, count in zip(rows, counts, strict=True)
        ]
        places = torch.arange(width)
        inputs = {
            "input_ids": torch.tensor(ids),
            "position_ids": (places[cache.width :] - pads[:, None]).clamp(min=0),
            "attention_mask": (places >= pads[:, None]).long(),
        }
        given = {name: value.to(self._shelf.device) for name, value in inputs.items()}
        if not pads.any():
            del given["attention_mask"]  # plain causality is faster than a mask that says it
        scores, _ = self._shelf.run([row.adapter for row in rows], given, cache)
        for row, count in zip(rows, counts, strict=True):
            row.done += count
        return scores
