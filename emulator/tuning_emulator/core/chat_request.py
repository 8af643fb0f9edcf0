"""Requests for chat completions, as OpenAI's clients send them, read as the requests for content that they stand for.

What comes out is a ``GenerateContentRequest`` in JSON, so that the message's own reader says what is wrong with values.
Sources: docs.cloud.google.com …/models/migrate/openai/overview (parameters, ``extra_body``, ``extra_content``) and
…/openai/examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tuning_emulator.core.chat_messages import ChatError, Conversation, Json, take, take_google, take_objects
from tuning_emulator.core.forms import JSON_TYPE

REASONING_BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
"""Thinking tokens of each ``reasoning_effort``. Sources: as above; ``none`` and ``minimal``:
ai.google.dev/gemini-api/docs/openai."""

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


def translate_chat(chat: Json) -> dict[str, Any]:
    """The ``GenerateContentRequest`` of a chat completion, without the model, in JSON.

    Raises:
        ChatError, CallArgumentsError: see there.
    """
    google = take_google(chat, "extra_body")
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
    for at, tool in take_objects(chat, "tools"):
        if tool.get("type", "function") != "function":
            raise ChatError(f"{at}type", tool.get("type"), "function")
        declared.append(_read_declaration(take(tool, "function", dict, "an object", at) or {}))
    declared += [_read_declaration(one) for _, one in take_objects(chat, "functions")]
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
    tools: Json = take(choice, "allowed_tools", dict, "an object", f"{name}.") or {"mode": "required"}
    return {"mode": _CHOICES.get(str(tools.get("mode")), "ANY"), "allowedFunctionNames": allowed}


def _list_allowed(choice: Json) -> list[str]:
    """The names in ``{"function": {"name": …}}``, ``{"name": …}`` or ``{"allowed_tools": {"tools": […]}}``."""
    several: Json = take(choice, "allowed_tools", dict, "an object", "tool_choice.") or {}
    tools: Sequence[Any] = take(several, "tools", list, "a list", "tool_choice.allowed_tools.") or [choice]
    named = [one.get("function", one) if isinstance(one, dict) else {} for one in tools]
    return [one["name"] for one in named if isinstance(one, dict) and isinstance(one.get("name"), str)]
