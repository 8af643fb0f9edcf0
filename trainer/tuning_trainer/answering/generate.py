"""Answering: many requests at once, token by token, over one or many tuned models.

Requests over the same base share a decoder, whatever their adapters, so that a step serves all of them; they join and
leave between tokens.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from tokenizers import Tokenizer

from tuning_trainer.answering.desk import JOINING, Desk
from tuning_trainer.answering.writing import InvalidPromptError, Request, Writing, check_prompt
from tuning_trainer.data.chat import encode_text, load_tokenizer, split_text
from tuning_trainer.model import AnsweringModel, choose_device, model_directory, open_answering
from tuning_trainer.spec import InvalidJobError, Prompt, Reply
from tuning_trainer.threads import IdleCores, choose_threads

log = logging.getLogger(__name__)

BROKEN = "The model failed inside the trainer; its log says why."

_INTERNAL = 13

FOLLOW_S = 2.0
"""Time at work after which threads follow the cores that others have left free meanwhile."""

KEPT_MODELS = 64
KEPT_BYTES = 1 << 29
"""Most models, and most memory for their adapters, that are kept ready; merged into the embedded base too, one takes
about 5 MiB."""

KEPT_BASES = 2
"""Most base models that they belong to."""

WRITING_BYTES = 1 << 29
"""Most memory for what is being written: keys and values, those kept for questions to come, and the adapters of its
rows; or as much as the largest base model takes where that is more. Who comes when it is full waits."""


def explain(error: Exception) -> tuple[str, int]:
    """What a client is told, with its code of google.rpc. What it cannot mend, and where our files lie, is logged."""
    if isinstance(error, (InvalidPromptError, InvalidJobError)):
        return str(error), getattr(error, "code", _INTERNAL)
    if isinstance(error, KeyError):
        return f"{error} is missing", _INTERNAL
    log.error("a request cannot be answered: %s: %s", type(error).__name__, error)
    return BROKEN, _INTERNAL


@dataclass(frozen=True, slots=True)
class Delta:
    """More text of a streamed answer; only the first candidate is streamed, and a call never is: it comes whole."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A request is answered."""

    id: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class Refused:
    """A request cannot be answered; ``message`` says why."""

    id: str
    message: str
    code: int = _INTERNAL
    """Of google.rpc: ours, or the request's fault (INVALID_ARGUMENT)."""


Output: TypeAlias = Delta | Finished | Refused


_Key: TypeAlias = tuple[str, str | None, int]
_PARAMETER_BYTES = 4


class Answering:
    """All requests of a process."""

    def __init__(self, device: str = "auto") -> None:
        self._device = device
        self._models: OrderedDict[_Key, AnsweringModel] = OrderedDict()
        self._desks: dict[str, Desk] = {}
        self._tokenizers: dict[Path, Tokenizer] = {}
        self._queue: deque[tuple[str, Prompt, bool]] = deque()
        self._writing_bytes = WRITING_BYTES
        self._idle, self._look_s = IdleCores(), 0.0

    @property
    def busy(self) -> bool:
        """True while there is something to write."""
        return bool(self._queue) or any(desk.busy for desk in self._desks.values())

    def submit(self, id: str, prompt: Prompt, stream: bool = False) -> None:
        """Takes a request in; its outputs come out of ``advance``.

        Raises:
            ValueError: the prompt, the model or the adapter cannot be used; the text says why.
        """
        check_prompt(prompt)
        if self._queue or self._is_full():
            self._queue.append((id, prompt, stream))
        else:
            self._start(id, prompt, stream)

    def cancel(self, id: str) -> None:
        """Gives a request up, and what it took; nothing more is said of it."""
        self._queue = deque(each for each in self._queue if each[0] != id)
        for desk in self._desks.values():
            desk.drop(id)

    def _is_full(self) -> bool:
        wanted = sum(desk.used_bytes + desk.wanted_bytes for desk in self._desks.values())
        return wanted > self._writing_bytes * JOINING

    def _start_queued(self) -> Iterator[Refused]:
        """Starts those that there is room for by now."""
        while self._queue and not self._is_full():
            id, prompt, stream = self._queue.popleft()
            try:
                self._start(id, prompt, stream)
            except (ValueError, OSError) as error:
                yield Refused(id, *explain(error))

    def _start(self, id: str, prompt: Prompt, stream: bool) -> None:
        model = self._model((prompt.base_model, prompt.adapter, _stamp_ns(prompt.adapter)))
        request = Request(id, prompt, stream, model, self._writing_bytes)
        if model.desk not in self._desks:
            self._desks[model.desk] = Desk(model.decoder(self._writing_bytes))
        self._desks[model.desk].waiting += request.candidates

    def advance(self) -> Iterator[Output]:
        """Writes one token of every candidate of every request that there is room for, and reads on in prompts."""
        self._follow_cores()
        yield from self._start_queued()
        for key, desk in list(self._desks.items()):
            if not desk.busy:
                continue
            requests = {row.request.id for row in (*desk.rows.values(), *desk.waiting)}
            others = sum(other.used_bytes for other in self._desks.values() if other is not desk)
            try:
                written = desk.advance(self._writing_bytes - others)
            except Exception:  # one base's failure must not take the others' requests along
                log.exception("a base model failed")
                del self._desks[key]
                yield from (Refused(id, BROKEN) for id in sorted(requests))
                continue
            yield from _outputs(written)

    def _follow_cores(self) -> None:
        now_s = time.monotonic()
        if now_s < self._look_s:
            return
        if now_s < self._look_s + FOLLOW_S:  # else it has rested, and what was free then says little
            size = max((model.size for model in self._models.values()), default=0)
            torch.set_num_threads(choose_threads(size, idle=self._idle))
        self._idle, self._look_s = IdleCores(), now_s + FOLLOW_S

    def count(self, base_model: str, texts: list[str]) -> list[int]:
        """Tokens of each text, without those of the conversation's format."""
        tokenizer = self._tokenizer(base_model)
        return [len(encode_text(tokenizer, text)) for text in texts]

    def tokenize(self, base_model: str, texts: list[str]) -> list[list[tuple[int, str]]]:
        """Tokens of each text, as (id, piece of the text), without those of the conversation's format."""
        tokenizer = self._tokenizer(base_model)
        return [split_text(tokenizer, text) for text in texts]

    def _tokenizer(self, base_model: str) -> Tokenizer:
        directory = model_directory(base_model)
        if directory not in self._tokenizers:
            self._tokenizers[directory] = load_tokenizer(directory)
        return self._tokenizers[directory]

    def _model(self, key: _Key) -> AnsweringModel:
        """A model out of the least-recently-used store."""
        if key not in self._models:
            base_model, adapter, _ = key
            device, precision = choose_device(self._device, model_directory(base_model))
            model = open_answering(base_model, adapter, device, precision)
            torch.set_num_threads(max(torch.get_num_threads(), choose_threads(model.size)))
            self._writing_bytes = max(self._writing_bytes, WRITING_BYTES, model.size * _PARAMETER_BYTES)
            self._models[key] = model
        self._models.move_to_end(key)
        while len(self._models) > 1 and self._overfull():
            self._models.popitem(last=False)
        self._clear_desks()
        return self._models[key]

    def _overfull(self) -> bool:
        kept_bytes = sum(model.own_bytes for model in self._models.values())
        bases = {model.desk for model in self._models.values()}
        return len(self._models) > KEPT_MODELS or kept_bytes > KEPT_BYTES or len(bases) > KEPT_BASES

    def _clear_desks(self) -> None:
        """Lets go of bases that nobody asks any more, and of what was kept for questions to them."""
        kept = {model.desk for model in self._models.values()}
        self._desks = {key: desk for key, desk in self._desks.items() if desk.busy or key in kept}


def _outputs(written: list[Writing]) -> Iterator[Output]:
    for row in written:
        request = row.request
        if request.stream and row.number == 0 and (text := row.news()):
            yield Delta(request.id, text)
    for request in {row.request.id: row.request for row in written if row.answer}.values():
        if reply := request.reply():
            request.candidates.clear()  # they and it would hold each other, and so the model, until a collection
            yield Finished(request.id, reply)


def _stamp_ns(adapter: str | None) -> int:
    """When the adapter was written, so that a directory written anew is read anew."""
    if adapter is None:
        return 0
    files = (Path(adapter) / name for name in ("adapter_model.safetensors", "model.safetensors"))
    return max((file.stat().st_mtime_ns for file in files if file.exists()), default=0)


def answer(prompt: Prompt, device: str = "auto") -> Reply:
    """Answers one prompt, in this process.

    Raises:
        ValueError: as ``Answering.submit`` does.
    """
    answering = Answering(device)
    answering.submit("answer", prompt)
    while answering.busy:
        for output in answering.advance():
            match output:
                case Finished():
                    return output.reply
                case Refused():
                    raise RuntimeError(output.message)
    raise RuntimeError("answering ended without a reply")
