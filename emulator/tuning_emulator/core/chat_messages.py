"""The messages of a chat completion, read as contents. Source: see ``chat_request``."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]

_SYSTEM, _RESULTS = ("system", "developer"), ("tool", "function")
_ROLES = {"user": "user", "assistant": "model", "model": "model"}


class ChatError(ValueError):
    """A field is not what it has to be.

    Attributes:
        field: Its path. value: What it is, as JSON. wanted: What it should be.
    """

    def __init__(self, field: str, value: Any, wanted: str) -> None:
        self.field, self.value, self.wanted = field, json.dumps(value), wanted
        super().__init__(f"{field}: {self.value} is not {wanted}")


class CallArgumentsError(ValueError):
    """The arguments of a call in the conversation are no JSON object."""


# --- values


def take(source: Json, name: str, kind: type[Any], wanted: str, at: str = "") -> Any:
    """A field's value, None where it is not set.

    Raises:
        ChatError: it is of another kind.
    """
    value = source.get(name)
    if value is not None and not isinstance(value, kind):
        raise ChatError(f"{at}{name}", value, wanted)
    return value


def take_objects(source: Json, name: str, at: str = "") -> Iterator[tuple[str, Json]]:
    """The elements of a list of objects, each with its path."""
    for number, one in enumerate(take(source, name, list, "a list", at) or ()):
        path = f"{at}{name}[{number}]"
        if not isinstance(one, dict):
            raise ChatError(path, one, "an object")
        yield f"{path}.", one


def take_google(source: Json, name: str, at: str = "") -> Json:
    """What ``extra_body`` or ``extra_content`` says to Google."""
    extra: Json = take(source, name, dict, "an object", at) or {}
    google: Json = take(extra, "google", dict, "an object", f"{at}{name}.") or {}
    return google


# --- the conversation


class Conversation:
    """The messages of a request."""

    def __init__(self, chat: Json) -> None:
        self._messages = list(take_objects(chat, "messages"))
        self._contents: list[dict[str, Any]] = []
        self._system: list[Json] = []
        self._called: dict[str, str] = {}

    def read(self) -> tuple[list[dict[str, Any]], list[Json]]:
        """The contents, and the parts of the system instruction."""
        for at, message in self._messages:
            role = take(message, "role", str, "a text", at) or ""
            if role in _SYSTEM:
                self._system += _read_parts(message, at)
            elif role in _RESULTS:
                self._add_result(message, at)
            elif role in _ROLES:
                parts = [*_read_parts(message, at), *self._read_calls(message, at)]
                self._contents.append({"role": _ROLES[role], "parts": parts})
            else:
                known = ", ".join((*_SYSTEM, "user", "assistant", *_RESULTS))
                raise ChatError(f"{at}role", role, f"one of {known}")
        return self._contents, self._system

    def _read_calls(self, message: Json, at: str) -> Iterator[Json]:
        """The calls of a turn; ``function_call`` is an older form for one."""
        calls = [(f"{path}function", one) for path, one in take_objects(message, "tool_calls", at)]
        old = take(message, "function_call", dict, "an object", at)
        if old is not None:
            calls.append((f"{at}function_call", {"function": old}))
        for path, one in calls:
            function = take(one, "function", dict, "an object", path.removesuffix("function")) or {}
            name = take(function, "name", str, "a text", f"{path}.") or ""
            self._called[str(one.get("id") or name)] = name
            yield {
                "functionCall": {"name": name, "args": _read_arguments(function.get("arguments"))},
                **_read_thought(one, at),
            }

    def _add_result(self, message: Json, at: str) -> None:
        """A result; those of calls made at once are one content."""
        identity = take(message, "tool_call_id", str, "a text", at) or message.get("name") or ""
        name = self._called.get(str(identity))
        if name is None:
            place = "name" if message.get("role") == "function" else "tool_call_id"
            raise ChatError(f"{at}{place}", identity, "that of a call before it")
        text = "".join(part.get("text", "") for part in _read_parts(message, at))
        part = {"functionResponse": {"name": name, "response": _read_result(text)}}
        last = self._contents[-1]["parts"]
        if last and "functionResponse" in last[-1]:
            last.append(part)
        else:
            self._contents.append({"role": "user", "parts": [part]})


def _read_arguments(text: Any) -> Json:
    try:
        found = json.loads(text or "{}")
    except (TypeError, ValueError, RecursionError) as error:
        raise CallArgumentsError(str(error)) from error
    if not isinstance(found, dict):
        raise CallArgumentsError("the arguments are no object")
    return found


def _read_result(text: str) -> Json:
    """What a function gave back: the object that it is, else the text under ``content``."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"content": text}


def _read_parts(message: Json, at: str) -> list[Json]:
    """The parts of a message."""
    content = message.get("content")
    if content is None:
        return []
    if isinstance(content, str):
        return [{"text": content, **_read_thought(message, at)}]
    if not isinstance(content, list):
        raise ChatError(f"{at}content", content, "a text or a list of parts")
    return [_read_part(part, path) for path, part in take_objects(message, "content", at)]


def _read_part(part: Json, at: str) -> dict[str, Any]:
    kind = part.get("type")
    if kind in ("text", "refusal"):
        return {"text": take(part, kind, str, "a text", at) or "", **_read_thought(part, at)}
    if kind == "image_url":
        found = part.get("image_url")
        url = found.get("url") if isinstance(found, dict) else found
        return _read_media(url, "image/*", f"{at}image_url")
    if kind == "input_audio":
        sound: Json = take(part, "input_audio", dict, "an object", at) or {}
        format_ = str(sound.get("format") or "wav")
        return _read_media(
            sound.get("data"), format_ if "/" in format_ else f"audio/{format_}", f"{at}input_audio.data", bare=True
        )
    raise ChatError(f"{at}type", kind, "text, image_url or input_audio")


def _read_media(url: Any, mime_type: str, at: str, *, bare: bool = False) -> dict[str, Any]:
    """Media, inline (``data:TYPE;base64,…``, or ``bare`` base64) or at an address."""
    if not isinstance(url, str) or not url:
        raise ChatError(at, url, "an address or data")
    if url.startswith("data:"):
        head, _, data = url.removeprefix("data:").partition(",")
        return {"inlineData": {"mimeType": head.partition(";")[0] or mime_type, "data": data}}
    if bare and ":" not in url:
        return {"inlineData": {"mimeType": mime_type, "data": url}}
    if mime_type.endswith("*"):
        mime_type = mimetypes.guess_type(url)[0] or mime_type
    return {"fileData": {"fileUri": url, "mimeType": mime_type}}


def _read_thought(source: Json, at: str) -> dict[str, Any]:
    """What ``extra_content`` says of a part: that it is a thought, and the signature of one."""
    google = take_google(source, "extra_content", at)
    fields = (("thought", "thought"), ("thought_signature", "thoughtSignature"))
    return {field: google[name] for name, field in fields if google.get(name) is not None}
