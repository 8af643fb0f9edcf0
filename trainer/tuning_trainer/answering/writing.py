"""A request while it is being answered: its prompt, and each candidate token by token."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from tuning_trainer.answering.constraint import hold, read_call
from tuning_trainer.answering.sampling import Sampling, choose_token
from tuning_trainer.data.chat import SeeingChat
from tuning_trainer.data.fitting import fit_prompt, shorten_prompt
from tuning_trainer.model import AnsweringModel
from tuning_trainer.spec import ANY_TEXT, Answer, Prompt, Reply, Token

NO_CHARACTER = "\ufffd"
"""What a tokenizer writes for bytes that are no character."""


class InvalidPromptError(ValueError):
    """A prompt names a value that is out of range; the text says which and what would be right."""

    code = 3
    """Of google.rpc: INVALID_ARGUMENT."""


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

    @property
    def ids(self) -> list[int]:
        """All tokens so far, the prompt's too."""
        return self.request.ids + self.tokens

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
    """A prompt with its candidates.

    Args:
        most_bytes: Memory for keys and values that one candidate may take.
    """

    def __init__(self, id: str, prompt: Prompt, stream: bool, model: AnsweringModel, most_bytes: int) -> None:
        self.id, self.prompt, self.stream, self.model, self.chat = id, prompt, stream, model, model.chat
        most = min(model.max_tokens, most_bytes // model.token_bytes)
        self.ids = fit_prompt(prompt, model.chat, most)
        if not self.ids:
            raise InvalidPromptError("turns: the prompt is empty")
        self.left_out = 0
        self.seen = model.chat.see(prompt.turns, prompt.system) if isinstance(model.chat, SeeingChat) else None
        if prompt.shorten and not self.seen:
            room = most - min(prompt.max_output_tokens, most // 4)
            before = len(self.ids)
            self.ids = shorten_prompt(self.ids, prompt, model.chat, room)
            self.left_out = before - len(self.ids)
        room = most - len(self.ids)
        if room < 1:
            why = "" if most == model.max_tokens else f": {most_bytes >> 20} MiB hold no more of their keys and values"
            raise InvalidPromptError(f"turns: {len(self.ids)} tokens leave no room within {most}{why}")
        self.limit = min(prompt.max_output_tokens, room)
        self.candidates = [Writing(self, number) for number in range(prompt.candidates)]

    def reply(self) -> Reply | None:
        """The reply, once all candidates are written."""
        answers = tuple(each.answer for each in self.candidates if each.answer)
        return Reply(len(self.ids), answers, self.left_out) if len(answers) == len(self.candidates) else None
