"""Answering: many requests at once, token by token, over one or many tuned models.

Requests over the same base share a decoder, whatever their adapters, so that a step serves all of them; they join and
leave between tokens.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from tuning_trainer.chat import SeeingChat, encode_text, load_tokenizer, split_text
from tuning_trainer.constraint import hold, read_call
from tuning_trainer.fitting import fit_prompt, shorten_prompt
from tuning_trainer.model import AnsweringModel, Decoder, choose_device, model_directory, open_answering
from tuning_trainer.sampling import Sampling, choose_token
from tuning_trainer.spec import ANY_TEXT, Answer, InvalidJobError, Prompt, Reply, Token
from tuning_trainer.threads import choose_threads

log = logging.getLogger(__name__)

BROKEN = "The model failed inside the trainer; its log says why."

_INTERNAL = 13

NO_CHARACTER = "\ufffd"
"""What a tokenizer writes for bytes that are no character."""

KEPT_MODELS = 64
KEPT_BYTES = 1 << 29
"""Most models, and most memory for merged adapters, that are kept ready. Merged into the embedded base one takes about
5 MiB beside the shared rest."""

WRITING_BYTES = 1 << 29
"""Most memory for what is being written: keys and values, and the adapters of its rows; or as much as the largest base
model takes where that is more. Who comes when it is full waits. One candidate alone may take more."""

_JOINING = 0.75
"""Share of it up to which candidates join: those that are written need room to grow."""


class InvalidPromptError(ValueError):
    """A prompt names a value that is out of range; the text says which and what would be right."""

    code = 3
    """Of google.rpc: INVALID_ARGUMENT."""


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


def check_prompt(prompt: Prompt) -> None:
    """Raises InvalidPromptError unless the prompt can be answered."""
    if not prompt.turns or prompt.turns[-1].learned:
        raise InvalidPromptError("turns: the last turn must be the user's or a result")
    for name, low in (("max_output_tokens", 1), ("candidates", 1), ("top_k", 0), ("temperature", 0.0)):
        if getattr(prompt, name) < low:
            raise InvalidPromptError(f"{name}: {getattr(prompt, name)!r} is not at least {low}")
    if not 0 <= prompt.top_p <= 1:
        raise InvalidPromptError(f"top_p: {prompt.top_p!r} is not between 0 and 1")
    if "" in prompt.stop:
        raise InvalidPromptError("stop: an empty text would end every answer")


class Writing:
    """One candidate while it is being written."""

    def __init__(self, request: Request, number: int) -> None:
        self.request, self.number = request, number
        prompt = request.prompt
        self.sampling = Sampling(prompt.temperature, prompt.top_p, prompt.top_k)
        self.generator = torch.Generator().manual_seed(prompt.seed + number)
        self.constraint = None if prompt.form == ANY_TEXT else hold(prompt.form, request.chat, request.limit)
        self.tokens: list[int] = []
        self.log_probability = 0.0
        self.chosen: list[Token] = []
        self.likeliest: list[tuple[Token, ...]] = []
        self.sent = 0
        self.answer: Answer | None = None

    def choose(self, scores: Tensor) -> None:
        """Chooses the next token out of the scores (V,), those of what its form does not allow at minus infinity."""
        scores = self._penalise(scores)
        logs = scores.log_softmax(-1)
        token = int(logs.argmax()) if self.sampling.greedy else choose_token(scores, self.sampling, self.generator)
        token = self.afford(token)
        self._tell(token, logs)
        self.take(token, float(logs[token]))

    def afford(self, token: int) -> int:
        """The token, or what leaves more room for an end."""
        return token if self.constraint is None else self.constraint.afford(token)

    def take(self, token: int, log_probability: float) -> None:
        """Adds the next token; sets ``answer`` when it is the last."""
        if token in self.request.chat.stops:
            self._finish(self.text())
            return
        self.log_probability += log_probability
        self.tokens.append(token)
        if self.constraint is not None:
            self.constraint.take(token)
        if self.request.prompt.stop and (place := self._stop_place(text := self.text())) >= 0:
            self._finish(text[:place])
        elif self.constraint is not None and self.constraint.is_complete:
            self._finish(self.text())
        elif len(self.tokens) >= self.request.limit:
            fits = self.constraint is not None and self.constraint.may_end
            self._finish(self.text(), "STOP" if fits else "MAX_TOKENS")

    @property
    def is_plain(self) -> bool:
        """Whether nothing but the best token is wanted."""
        prompt = self.request.prompt
        penalised = prompt.presence_penalty or prompt.frequency_penalty
        return self.sampling.greedy and prompt.alternatives is None and not penalised

    @property
    def is_call(self) -> bool:
        """Whether a function is being called."""
        begun = bool(self.tokens) and self.tokens[0] == self.request.chat.call
        return begun or (self.constraint is not None and self.constraint.is_call)

    def text(self) -> str:
        """Everything written so far, in whole characters.

        A token may be a part of a character. A part that ends the text, or that nothing completes, is left out.
        """
        text: str = self.request.chat.tokenizer.decode(self.tokens, skip_special_tokens=True)
        return text.replace(NO_CHARACTER, "")

    def news(self) -> str:
        """Text that is certain by now and was not returned before."""
        if self.is_call:
            return ""
        text = self.answer.text if self.answer else self._certain(self.text())
        fresh = text[self.sent :]
        self.sent += len(fresh)
        return fresh

    def _certain(self, text: str) -> str:
        """Without what may still change: the beginning of a stop text."""
        held = 0
        for stop in self.request.prompt.stop:
            sizes = range(min(len(stop) - 1, len(text)), held, -1)
            held = next((size for size in sizes if text.endswith(stop[:size])), held)
        return text[: len(text) - held]

    def _stop_place(self, text: str) -> int:
        places = [place for stop in self.request.prompt.stop if (place := text.find(stop)) >= 0]
        return min(places, default=-1)

    def _penalise(self, scores: Tensor) -> Tensor:
        """Scores with the penalties of tokens that the answer has."""
        prompt = self.request.prompt
        if not self.tokens or not (prompt.presence_penalty or prompt.frequency_penalty):
            return scores
        counts = torch.bincount(torch.tensor(self.tokens), minlength=len(scores)).to(scores)
        return scores - prompt.presence_penalty * (counts > 0) - prompt.frequency_penalty * counts

    def _tell(self, token: int, logs: Tensor) -> None:
        """Takes down what was chosen, and what else could have been, where the prompt wants to be told."""
        count = self.request.prompt.alternatives
        if count is None or token in self.request.chat.stops:
            return
        values, tokens = logs.topk(min(count, len(logs)))
        self.chosen.append(self._describe(token, float(logs[token])))
        self.likeliest.append(
            tuple(
                self._describe(other, value)
                for other, value in zip(tokens.tolist(), values.tolist(), strict=True)
                if value > float("-inf")
            )
        )

    def _describe(self, token: int, log_probability: float) -> Token:
        return Token(token, self.request.chat.tokenizer.decode([token], skip_special_tokens=False), log_probability)

    def _finish(self, text: str, reason: Literal["STOP", "MAX_TOKENS"] = "STOP") -> None:
        mean = self.log_probability / len(self.tokens) if self.tokens else 0.0
        told = (tuple(self.chosen), tuple(self.likeliest))
        called = self.is_call or read_call(text, self.request.prompt.form)
        self.answer = Answer(text, len(self.tokens), reason, mean, called, *told)


class Request:
    """A prompt with its candidates."""

    def __init__(self, id: str, prompt: Prompt, stream: bool, model: AnsweringModel) -> None:
        self.id, self.prompt, self.stream, self.model, self.chat = id, prompt, stream, model, model.chat
        self.ids = fit_prompt(prompt, model.chat, model.max_tokens)
        if not self.ids:
            raise InvalidPromptError("turns: the prompt is empty")
        self.left_out = 0
        self.seen = model.chat.see(prompt.turns, prompt.system) if isinstance(model.chat, SeeingChat) else None
        if prompt.shorten and not self.seen:
            room = model.max_tokens - min(prompt.max_output_tokens, model.max_tokens // 4)
            before = len(self.ids)
            self.ids = shorten_prompt(self.ids, prompt, model.chat, room)
            self.left_out = before - len(self.ids)
        room = model.max_tokens - len(self.ids)
        if room < 1:
            raise InvalidPromptError(f"turns: {len(self.ids)} tokens leave no room within {model.max_tokens}")
        self.limit = min(prompt.max_output_tokens, room)
        self.candidates = [Writing(self, number) for number in range(prompt.candidates)]

    def reply(self) -> Reply | None:
        """The reply, once all candidates are written."""
        answers = tuple(each.answer for each in self.candidates if each.answer)
        return Reply(len(self.ids), answers, self.left_out) if len(answers) == len(self.candidates) else None


@dataclass(slots=True)
class Desk:
    """Models over one base at work: their decoder, the candidates in its rows, and candidates that wait to join."""

    decoder: Decoder
    rows: list[Writing] = field(default_factory=list)
    waiting: list[Writing] = field(default_factory=list)

    @property
    def used_bytes(self) -> int:
        """What the rows take, see ``estimate_bytes``."""
        return estimate_bytes(self.rows)

    def advance(self, room_bytes: int) -> list[Writing]:
        """Writes one token of every candidate that there is room for, of one at least; returns those that got one."""
        self._set_aside(room_bytes)
        written = self.rows
        if self.rows:
            _write(self.rows, self.decoder.advance([row.tokens[-1] for row in self.rows]))
        fresh = self._choose_fresh(room_bytes)
        if fresh:
            prompts, models = [each.request.ids + each.tokens for each in fresh], [each.request.model for each in fresh]
            _write(fresh, self.decoder.add(prompts, models, [each.request.seen for each in fresh]))
            written = self.rows + fresh
        left = [number for number, row in enumerate(written) if row.answer is None]
        if len(left) < len(written):
            self.decoder.keep(left)
        self.rows = [written[number] for number in left]
        return written

    def _set_aside(self, room_bytes: int) -> None:
        """Lets the latest rows wait when all have grown too large; they go on later from where they were."""
        kept = len(self.rows)
        while kept > 1 and estimate_bytes(self.rows[:kept]) > room_bytes:
            kept -= 1
        if kept < len(self.rows):
            self.waiting[:0] = self.rows[kept:]
            self.rows = self.rows[:kept]
            self.decoder.keep(list(range(kept)))

    def _choose_fresh(self, room_bytes: int) -> list[Writing]:
        """Takes those that may join out of the waiting."""
        count = 0
        for number in range(1, len(self.waiting) + 1):
            rows = self.rows + self.waiting[:number]
            if len(rows) > 1 and estimate_bytes(rows) > room_bytes * _JOINING:
                break
            count = number
        fresh, self.waiting = self.waiting[:count], self.waiting[count:]
        return fresh


def estimate_bytes(rows: Sequence[Writing]) -> int:
    """Most memory that a decoder takes for these rows: keys and values, all as wide as the widest, once more while they
    are copied; and what their models do not share, once more where rows of several models have it side by side."""
    if not rows:
        return 0
    width = max(len(row.request.ids) + len(row.tokens) for row in rows)
    models = {id(row.request.model): row.request.model for row in rows}
    own = sum(model.own_bytes for model in models.values())
    side_by_side = sum(row.request.model.own_bytes for row in rows) if len(models) > 1 else 0
    return 2 * width * sum(row.request.model.token_bytes for row in rows) + own + side_by_side


def _write(rows: list[Writing], scores: Tensor) -> None:
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

    @property
    def busy(self) -> bool:
        """True while there is something to write."""
        return bool(self._desks or self._queue)

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

    def _is_full(self) -> bool:
        return self._used_bytes() > self._writing_bytes * _JOINING

    def _used_bytes(self) -> int:
        return sum(estimate_bytes(desk.rows + desk.waiting) for desk in self._desks.values())

    def _start_queued(self) -> Iterator[Refused]:
        """Starts those that there is room for by now."""
        while self._queue and not self._is_full():
            id, prompt, stream = self._queue.popleft()
            try:
                self._start(id, prompt, stream)
            except (ValueError, OSError) as error:
                yield Refused(id, *explain(error))

    def _start(self, id: str, prompt: Prompt, stream: bool) -> None:
        key = (prompt.base_model, prompt.adapter, _stamp_ns(prompt.adapter))
        model = self._model(key)
        request = Request(id, prompt, stream, model)
        if model.desk not in self._desks:
            self._desks[model.desk] = Desk(model.decoder())
        self._desks[model.desk].waiting += request.candidates

    def advance(self) -> Iterator[Output]:
        """Writes one token of every candidate of every request that there is room for."""
        yield from self._start_queued()
        for key, desk in list(self._desks.items()):
            requests = {row.request.id: row.request for row in desk.rows + desk.waiting}
            others = sum(other.used_bytes for other in self._desks.values() if other is not desk)
            try:
                written = desk.advance(self._writing_bytes - others)
            except Exception:  # one base's failure must not take the others' requests along
                log.exception("a base model failed")
                del self._desks[key]
                yield from (Refused(id, BROKEN) for id in requests)
                continue
            if not (desk.rows or desk.waiting):
                del self._desks[key]
            yield from _outputs(written)

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
        return self._models[key]

    def _overfull(self) -> bool:
        kept_bytes = sum(model.own_bytes for model in self._models.values())
        return len(self._models) > KEPT_MODELS or kept_bytes > KEPT_BYTES


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
