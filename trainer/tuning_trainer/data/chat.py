"""How a conversation becomes tokens, for any model directory.

The text of a turn is always encoded without looking for control tokens: a literal ``<eot>`` in a text stays text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from tokenizers import Tokenizer

from tuning_trainer.spec import Role, Turn

ROLE_TOKENS = ("<bos>", "<eot>", "<system>", "<user>", "<model>")


class UnsupportedTokenizerError(ValueError):
    """A model directory's tokenizer or chat template cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A conversation as token ids; ``scored`` tells which of them the model has to learn.

    ``inputs``: what a model that sees takes beside them, by name.
    """

    ids: tuple[int, ...]
    scored: tuple[bool, ...]
    inputs: Any = None

    def __len__(self) -> int:
        return len(self.ids)


class Chat(Protocol):
    """The conversation format of one base model."""

    @property
    def tokenizer(self) -> Tokenizer: ...

    @property
    def stops(self) -> frozenset[int]:
        """Tokens that end an answer."""

    @property
    def call(self) -> int | None:
        """The token that an answer begins with if it is a call, where the format has one."""

    def encode(self, turns: tuple[Turn, ...], system: str = "") -> Encoded:
        """A whole conversation; the model's turns with their ends are scored."""

    def prompt(self, turns: tuple[Turn, ...], system: str = "") -> list[int]:
        """A conversation up to where the model's answer begins."""


@runtime_checkable
class SeeingChat(Chat, Protocol):
    """The conversation format of a model that sees."""

    def see(self, turns: tuple[Turn, ...], system: str = "") -> Any:
        """What the model takes beside the tokens of ``prompt``, by name; None for a conversation without images."""


def encode_text(tokenizer: Tokenizer, text: str) -> list[int]:
    """Ordinary tokens only, whatever the text says."""
    tokenizer.encode_special_tokens = True
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids


def split_text(tokenizer: Tokenizer, text: str) -> list[tuple[int, str]]:
    """The tokens of ``encode_text``, each with the piece of the text that it stands for."""
    tokenizer.encode_special_tokens = True
    encoding = tokenizer.encode(text, add_special_tokens=False)
    return [(id, text[start:end]) for id, (start, end) in zip(encoding.ids, encoding.offsets, strict=True)]


def encode_control(tokenizer: Tokenizer, text: str) -> list[int]:
    """Tokens of a template's own text: control tokens are recognised."""
    tokenizer.encode_special_tokens = False
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids


class _Pieces:
    """Collects token ids, each piece learned or not."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.scored: list[bool] = []

    def add(self, ids: list[int], scored: bool = False) -> None:
        self.ids += ids
        self.scored += [scored] * len(ids)

    def done(self) -> Encoded:
        return Encoded(tuple(self.ids), tuple(self.scored))


class RoleTokens:
    """The embedded base model's format: ``<bos>``, then per turn its role token, its text and ``<eot>``.

    A call is a model's turn whose text begins with ``<call>``, a result a turn of its own, ``<result>``. Models from
    before these tokens have a call as the model's plain text and a result as the user's.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        vocabulary = tokenizer.get_vocab()
        self._bos, self._eot, self._system, user, model = (vocabulary[token] for token in ROLE_TOKENS)
        self.call: int | None = vocabulary.get("<call>")
        self._openings: dict[Role, int] = {
            "user": user,
            "model": model,
            "call": model,
            "result": vocabulary.get("<result>", user),
        }
        self.stops = frozenset((self._eot,))

    def encode(self, turns: tuple[Turn, ...], system: str = "") -> Encoded:
        pieces = _Pieces()
        pieces.add([self._bos])
        if system:
            pieces.add([self._system, *encode_text(self.tokenizer, system), self._eot])
        for turn in turns:
            pieces.add([self._openings[turn.role]])
            if turn.role == "call" and self.call is not None:
                pieces.add([self.call], True)
            pieces.add([*encode_text(self.tokenizer, turn.text), self._eot], turn.learned)
        return pieces.done()

    def prompt(self, turns: tuple[Turn, ...], system: str = "") -> list[int]:
        return [*self.encode(turns, system).ids, self._openings["model"]]


class PlainText:
    """For models without a chat template: texts one a line, the answer ends with the end-of-sequence token."""

    call: int | None = None

    def __init__(self, tokenizer: Tokenizer, bos: int | None, stops: frozenset[int]) -> None:
        self.tokenizer = tokenizer
        self.stops = stops
        self._bos = [] if bos is None else [bos]

    def encode(self, turns: tuple[Turn, ...], system: str = "") -> Encoded:
        pieces = _Pieces()
        pieces.add(self._bos)
        if system:
            pieces.add(encode_text(self.tokenizer, system + "\n"))
        for turn in turns:
            if turn.learned:
                pieces.add(encode_text(self.tokenizer, turn.text) + sorted(self.stops)[:1], True)
            else:
                pieces.add(encode_text(self.tokenizer, turn.text + "\n"))
        return pieces.done()

    def prompt(self, turns: tuple[Turn, ...], system: str = "") -> list[int]:
        return list(self.encode(turns, system).ids)


_MARK = re.compile("\ue000(\\d+)\ue001")


class Template:
    """A Hugging Face chat template, rendered with marks for the texts, which are then encoded on their own.

    A call is the assistant's plain text, a result the user's: templates have no common form for them.
    """

    call: int | None = None

    def __init__(self, tokenizer: Tokenizer, template: str, variables: dict[str, str], stops: frozenset[int]) -> None:
        from tuning_trainer.data import template as chat_template  # jinja, which the embedded model does without

        self.tokenizer = tokenizer
        self._invalid = chat_template.InvalidTemplateError
        try:
            self._template = chat_template.compile_template(template)
        except self._invalid as error:
            raise UnsupportedTokenizerError(f"chat template: {error}") from error
        # What is tuned on answers answers, and does not think aloud first where a template leaves it the choice.
        self._variables: dict[str, Any] = {**variables, "enable_thinking": False}
        tail = self._tail((Turn("user", ""), Turn("model", "")))
        self.stops = stops | frozenset(_leading_control(tokenizer, tail))

    def encode(self, turns: tuple[Turn, ...], system: str = "") -> Encoded:
        turns, system = self._fit(turns, system)
        return self._tokens(self._render(turns, system), turns, system)

    def prompt(self, turns: tuple[Turn, ...], system: str = "") -> list[int]:
        turns, system = self._fit(turns, system)
        return list(self._tokens(self._render(turns, system, answer=True), turns, system).ids)

    def _tokens(self, text: str, turns: tuple[Turn, ...], system: str) -> Encoded:
        texts = [turn.text for turn in turns] + [system]
        parts = _MARK.split(text)
        pieces = _Pieces()
        pieces.add(encode_control(self.tokenizer, parts[0]))
        for mark, control in zip(parts[1::2], parts[2::2], strict=True):
            i = int(mark)
            learned = i < len(turns) and turns[i].learned
            tail = self._tail(turns[: i + 1]) if learned else ""
            end = tail if control.startswith(tail) else ""
            pieces.add(encode_text(self.tokenizer, texts[i]), learned)
            pieces.add(encode_control(self.tokenizer, end), learned)
            pieces.add(encode_control(self.tokenizer, control[len(end) :]))
        return pieces.done()

    def _tail(self, turns: tuple[Turn, ...]) -> str:
        """What the template writes after the last text: the end of that turn."""
        return _MARK.split(self._render(turns, ""))[-1]

    def _fit(self, turns: tuple[Turn, ...], system: str) -> tuple[tuple[Turn, ...], str]:
        """Moves the system instruction into the first turn where the template has no place for it."""
        if not system or f"\ue000{len(turns)}\ue001" in self._render(turns, system, quiet=True):
            return turns, system
        first = Turn(turns[0].role, f"{system}\n\n{turns[0].text}")
        return (first, *turns[1:]), ""

    def _render(self, turns: tuple[Turn, ...], system: str, answer: bool = False, quiet: bool = False) -> str:
        messages = [
            {"role": "assistant" if turn.learned else "user", "content": f"\ue000{i}\ue001"}
            for i, turn in enumerate(turns)
        ]
        if system:
            messages.insert(0, {"role": "system", "content": f"\ue000{len(turns)}\ue001"})
        try:
            return self._template(messages=messages, add_generation_prompt=answer, **self._variables)
        except self._invalid as error:
            if quiet:
                return ""
            raise UnsupportedTokenizerError(f"chat template: {error}") from error


def _leading_control(tokenizer: Tokenizer, tail: str) -> list[int]:
    """The control token that a tail begins with, if it does."""
    ids = encode_control(tokenizer, tail.lstrip())[:1]
    added = tokenizer.get_added_tokens_decoder()
    return [i for i in ids if i in added]


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of a model directory.

    Raises:
        UnsupportedTokenizerError: there is no ``tokenizer.json``.
    """
    file = path / "tokenizer.json"
    if not file.exists():
        raise UnsupportedTokenizerError(f"{path}: no tokenizer.json; transformers writes one with save_pretrained")
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def load_chat(directory: str | Path) -> Chat:
    """Reads the tokenizer and the conversation format of a model directory.

    Raises:
        UnsupportedTokenizerError: there is no ``tokenizer.json``.
    """
    path = Path(directory)
    tokenizer = load_tokenizer(path)
    if all(tokenizer.token_to_id(token) is not None for token in ROLE_TOKENS):
        return RoleTokens(tokenizer)
    settings = read_settings(path)
    names = ("bos_token", "eos_token", "pad_token")
    variables = {name: text for name in names if (text := special_token(settings, name))}
    stops = find_stops(path, tokenizer, variables.get("eos_token"))
    template = read_template(path, settings)
    if template:
        return Template(tokenizer, template, variables, stops)
    bos = variables.get("bos_token")
    return PlainText(tokenizer, tokenizer.token_to_id(bos) if bos else None, stops)


def _read_json(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return values


def read_settings(directory: Path) -> dict[str, Any]:
    """``tokenizer_config.json`` of a model directory; nothing where it has none."""
    return _read_json(directory / "tokenizer_config.json")


def special_token(settings: dict[str, Any], name: str) -> str | None:
    """A special token's text, which may be written as a string or as an object."""
    value = settings.get(name)
    text: str | None = value.get("content") if isinstance(value, dict) else value
    return text


def read_template(path: Path, settings: dict[str, Any]) -> str | None:
    """The chat template of a model directory, a file of its own or among its settings."""
    file = path / "chat_template.jinja"
    if file.exists():
        return file.read_text("utf-8")
    value = settings.get("chat_template")
    if isinstance(value, list):
        value = next((each["template"] for each in value if each["name"] == "default"), None)
    template: str | None = value
    return template


def find_stops(path: Path, tokenizer: Tokenizer, eos: str | None) -> frozenset[int]:
    """End-of-sequence ids from every place where a directory may name them."""
    stops: set[int | None] = set()
    for name in ("generation_config.json", "config.json"):
        value = _read_json(path / name).get("eos_token_id")
        stops |= set(value) if isinstance(value, list) else {value}
    stops.add(tokenizer.token_to_id(eos) if eos else None)
    return frozenset(stop for stop in stops if stop is not None)
