"""Requests for chat completions, as OpenAI's clients send them, read as the requests for content that they stand for.

What comes out is a ``GenerateContentRequest`` in JSON, so that the message's own reader says what is wrong with values.
Sources: docs.cloud.google.com …/models/migrate/openai/overview (parameters, ``extra_body``, ``extra_content``) and
…/openai/examples.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tuning_emulator.core.forms import JSON_TYPE

Json = Mapping[str, Any]

REASONING_BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
"""Thinking tokens of each ``reasoning_effort``. Sources: as above; ``none`` and ``minimal``:
ai.google.dev/gemini-api/docs/openai."""

_SYSTEM, _RESULTS = ("system", "developer"), ("tool", "function")
_ROLES = {"user": "user", "assistant": "model", "model": "model"}
_CONFIG = {
    "temperature": "temperature",
    "top_p": "topP",
    "n": "candidateCount",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
    "max_tokens": "maxOutputTokens",
    "max_completion_tokens": "maxOutputTokens",
}
"""Parameters that are fields of the generation config; the last one given holds."""
_CHOICES = {"none": "NONE", "auto": "AUTO", "required": "ANY", "validated": "VALIDATED"}
_DETAILS = {"low": "MEDIA_RESOLUTION_LOW", "medium": "MEDIA_RESOLUTION_MEDIUM", "high": "MEDIA_RESOLUTION_HIGH"}


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


def translate_chat(chat: Json) -> dict[str, Any]:
    """The ``GenerateContentRequest`` of a chat completion, without the model, in JSON.

    Raises:
        ChatError, CallArgumentsError: see there.
    """
    google = _take_google(chat, "extra_body")
    contents, system = Conversation(chat).read()
    request: dict[str, Any] = {"contents": contents}
    if system:
        request["systemInstruction"] = {"parts": system}
    config = _read_config(chat, google)
    if config:
        request["generationConfig"] = config
    tools, choice = _read_tools(chat, google)
    if tools:
        request["tools"] = tools
    if choice:
        request["toolConfig"] = {"functionCallingConfig": choice}
    for name, field in (("safety_settings", "safetySettings"), ("cached_content", "cachedContent")):
        if google.get(name) is not None:
            request[field] = google[name]
    return request


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


def _take_objects(source: Json, name: str, at: str = "") -> Iterator[tuple[str, Json]]:
    """The elements of a list of objects, each with its path."""
    for number, one in enumerate(take(source, name, list, "a list", at) or ()):
        path = f"{at}{name}[{number}]"
        if not isinstance(one, dict):
            raise ChatError(path, one, "an object")
        yield f"{path}.", one


def _take_google(source: Json, name: str, at: str = "") -> Json:
    """What ``extra_body`` or ``extra_content`` says to Google."""
    extra: Json = take(source, name, dict, "an object", at) or {}
    google: Json = take(extra, "google", dict, "an object", f"{at}{name}.") or {}
    return google


# --- the conversation


class Conversation:
    """The messages of a request."""

    def __init__(self, chat: Json) -> None:
        self._messages = list(_take_objects(chat, "messages"))
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
        calls = [(f"{path}function", one) for path, one in _take_objects(message, "tool_calls", at)]
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
    return [_read_part(part, path) for path, part in _take_objects(message, "content", at)]


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
    google = _take_google(source, "extra_content", at)
    fields = (("thought", "thought"), ("thought_signature", "thoughtSignature"))
    return {field: google[name] for name, field in fields if google.get(name) is not None}


# --- the generation config


def _read_config(chat: Json, google: Json) -> dict[str, Any]:
    config = {field: chat[name] for name, field in _CONFIG.items() if chat.get(name) is not None}
    if config.get("logprobs") == 0:  # OpenAI's word for none, which the field has no number for
        del config["logprobs"]
    stop = chat.get("stop")
    if stop is not None:
        config["stopSequences"] = [stop] if isinstance(stop, str) else stop
    thinking = _read_thinking(chat, google)
    if thinking is not None:
        config["thinkingConfig"] = thinking
    modalities = take(chat, "modalities", list, "a list")
    if modalities:
        config["responseModalities"] = [one.upper() if isinstance(one, str) else one for one in modalities]
    resolution = google.get("media_resolution") or _find_detail(chat)
    if resolution is not None:
        config["mediaResolution"] = resolution
    return config | _read_format(take(chat, "response_format", dict, "an object") or {})


def _read_format(wanted: Json) -> dict[str, Any]:
    """What the answer is to be. A type that is none of the three is the answer's MIME type itself."""
    kind = wanted.get("type") or "text"
    if kind == "text":
        return {}
    if kind == "json_object":
        return {"responseMimeType": JSON_TYPE}
    if kind != "json_schema":
        return {"responseMimeType": kind}
    given: Json = take(wanted, "json_schema", dict, "an object", "response_format.") or {}
    schema = given.get("schema")
    return {"responseMimeType": JSON_TYPE, **({} if schema is None else {"responseJsonSchema": schema})}


def _read_thinking(chat: Json, google: Json) -> Any:
    """``reasoning_effort`` or ``thinking_config``; one alone may be given."""
    effort = take(chat, "reasoning_effort", str, "a text")
    if effort is None:
        return google.get("thinking_config")
    if google.get("thinking_config") is not None:
        raise ChatError(
            "reasoning_effort", effort, "allowed beside extra_body.google.thinking_config; give one of them"
        )
    if effort not in REASONING_BUDGETS:
        raise ChatError("reasoning_effort", effort, f"one of {', '.join(REASONING_BUDGETS)}")
    return {"thinkingBudget": REASONING_BUDGETS[effort]}


def _find_detail(chat: Json) -> str | None:
    """How closely images are looked at: the same for all of a request."""
    images = [
        part["image_url"]
        for message in chat.get("messages") or ()
        for part in (message.get("content") if isinstance(message.get("content"), list) else ())
        if isinstance(part, dict) and isinstance(part.get("image_url"), dict)
    ]
    details = sorted({str(one["detail"]) for one in images if one.get("detail")})
    if len(details) > 1:
        raise ChatError("detail", details, "the same for all images of the request")
    return _DETAILS.get(details[0]) if details else None


# --- tools


def _read_tools(chat: Json, google: Json) -> tuple[list[Any], dict[str, Any]]:
    """Tools, and which function is to be called; ``functions`` and ``function_call`` are older forms."""
    declared = []
    for at, tool in _take_objects(chat, "tools"):
        if tool.get("type", "function") != "function":
            raise ChatError(f"{at}type", tool.get("type"), "function")
        declared.append(_read_declaration(take(tool, "function", dict, "an object", at) or {}))
    declared += [_read_declaration(one) for _, one in _take_objects(chat, "functions")]
    tools: list[Any] = [{"functionDeclarations": declared}] if declared else []
    if chat.get("web_search_options") is not None:
        tools.append({"googleSearch": {}})
    tools += take(google, "tools", list, "a list", "extra_body.google.") or []
    choice = _read_choice(chat)
    if google.get("stream_function_call_arguments") is not None:
        choice["streamFunctionCallArguments"] = google["stream_function_call_arguments"]
    return tools, choice


def _read_declaration(function: Json) -> dict[str, Any]:
    declaration = {name: function[name] for name in ("name", "description") if function.get(name) is not None}
    parameters = function.get("parameters")
    return declaration if parameters is None else {**declaration, "parametersJsonSchema": parameters}


def _read_choice(chat: Json) -> dict[str, Any]:
    name = "function_call" if chat.get("tool_choice") is None else "tool_choice"
    choice = chat.get(name)
    if choice is None:
        return {}
    if isinstance(choice, str) and choice in _CHOICES:
        return {"mode": _CHOICES[choice]}
    allowed = _list_allowed(choice) if isinstance(choice, dict) else None
    if not allowed:
        raise ChatError(name, choice, f"one of {', '.join(_CHOICES)}, or a function by its name")
    mode = choice.get("allowed_tools", {}).get("mode") if isinstance(choice.get("allowed_tools"), dict) else "required"
    return {"mode": _CHOICES.get(str(mode), "ANY"), "allowedFunctionNames": allowed}


def _list_allowed(choice: Json) -> list[str]:
    """The names in ``{"function": {"name": …}}``, ``{"name": …}`` or ``{"allowed_tools": {"tools": […]}}``."""
    tools: Sequence[Any] = (choice.get("allowed_tools") or {}).get("tools") or [choice]
    named = [one.get("function", one) if isinstance(one, dict) else {} for one in tools]
    return [one["name"] for one in named if isinstance(one, dict) and isinstance(one.get("name"), str)]
