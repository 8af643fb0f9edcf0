"""An example without a form: who says what, in the services' own parts, and how either service writes it down."""

from __future__ import annotations

import json
import mimetypes
from typing import Any

import msgspec

from tuning_emulator.core.records import Api

Part = dict[str, Any]


class UnusableError(ValueError):
    """A row that is no example; the text says why, in few words, the same for rows that lack the same."""


class Conversation(msgspec.Struct):
    """One example.

    Attributes:
        turns: (``user`` or ``model``, parts), in order.
        tools: As the services declare them.
        completions: Of preference tuning: the parts of the better answer, and of the worse one.
        joined: Whether turns of one speaker in a row were made one.
    """

    turns: list[tuple[str, list[Part]]] = msgspec.field(default_factory=list)
    system: str = ""
    tools: list[Any] = msgspec.field(default_factory=list)
    completions: tuple[list[Part], list[Part]] | None = None
    joined: bool = False

    def say(self, role: str, parts: list[Part]) -> None:
        """Adds a turn; the services want user and model to alternate."""
        if not parts:
            raise UnusableError(f"a turn of the {role} is empty")
        if not self.turns or self.turns[-1][0] != role:
            self.turns.append((role, list(parts)))
            return
        before = self.turns[-1][1]
        functions = all(not part.keys().isdisjoint(("functionCall", "functionResponse")) for part in parts)
        self.joined = self.joined or not functions
        if "text" in before[-1] and "text" in parts[0]:
            before[-1] = {"text": f"{before[-1]['text']}\n\n{parts[0]['text']}"}
            parts = parts[1:]
        before += parts

    def instruct(self, text: str) -> None:
        """Adds to the system instruction."""
        self.system = "\n\n".join(filter(None, (self.system, text)))


def make_text(value: Any) -> list[Part]:
    """A value as a text part; none for what is empty or missing (null, NaN)."""
    if value is None or value != value or value in ("", [], {}):  # noqa: PLR0124 NaN is no number
        return []
    if isinstance(value, str):
        return [{"text": value}]
    return [{"text": json.dumps(value, ensure_ascii=False)}]


def make_media(uri: str, mime_type: str = "") -> Part:
    """A part of a file by its address, or of the bytes in a ``data:`` address."""
    if uri.startswith("data:"):
        kind, _, data = uri.removeprefix("data:").partition(",")
        return {"inlineData": {"mimeType": kind.partition(";")[0] or mime_type, "data": data}}
    guessed = mime_type or mimetypes.guess_type(uri.partition("?")[0])[0] or "image/jpeg"
    return {"fileData": {"mimeType": guessed, "fileUri": uri}}


# --- how the services write it


_encode = msgspec.json.Encoder().encode


def write_line(conversation: Conversation, api: Api) -> bytes:
    """The example as one line of a service's dataset, in UTF-8, without its end.

    Raises:
        UnusableError: that service takes no such example.
    """
    _check(conversation)
    value = _write_vertex(conversation) if api == "vertex" else _write_gemini(conversation)
    try:
        return _encode(value)
    except UnicodeEncodeError:
        raise UnusableError("bytes that are not of the file's encoding, or half an emoji") from None


def _check(conversation: Conversation) -> None:
    turns = conversation.turns
    if not turns:
        raise UnusableError("nothing is said")
    if turns[0][0] != "user":
        raise UnusableError("the model speaks first")
    if conversation.completions is None and turns[-1][0] != "model":
        raise UnusableError("no answer")
    if conversation.completions is not None and turns[-1][0] != "user":
        raise UnusableError("the prompt of the two answers ends with the model")
    if conversation.completions is not None and not all(conversation.completions):
        raise UnusableError("no answer")


def _write_vertex(conversation: Conversation) -> dict[str, Any]:
    value: dict[str, Any] = {}
    if conversation.system:
        value["systemInstruction"] = {"role": "system", "parts": [{"text": conversation.system}]}
    value["contents"] = [{"role": role, "parts": parts} for role, parts in conversation.turns]
    if conversation.tools:
        value["tools"] = conversation.tools
    if conversation.completions is not None:
        value["completions"] = [
            {"score": score, "completion": {"role": "model", "parts": parts}}
            for score, parts in zip((1, 0), conversation.completions, strict=True)
        ]
    return value


def _write_gemini(conversation: Conversation) -> dict[str, Any]:
    if conversation.completions is not None:
        raise UnusableError("two answers to choose from: the Gemini API has no preference tuning")
    parts = [part for _, said in conversation.turns for part in said]
    if conversation.tools or not all("text" in part for part in parts):
        raise UnusableError("more than text (functions, images): the Gemini API tunes on text")
    texts = ["".join(part["text"] for part in said) for _, said in conversation.turns]
    if len(texts) == 2 and not conversation.system:
        return {"text_input": texts[0], "output": texts[1]}
    roles = [role for role, _ in conversation.turns]
    value: dict[str, Any] = {
        "contents": [{"role": role, "parts": [{"text": text}]} for role, text in zip(roles, texts, strict=True)]
    }
    if conversation.system:
        value["systemInstruction"] = {"parts": [{"text": conversation.system}]}
    return value
