"""Lists of messages: OpenAI's with tools and images, ShareGPT's, and what is between the two."""

from __future__ import annotations

import json
from typing import Any

from tuning_emulator.datasets.conversations import Conversation, Part, UnusableError, make_media, make_text

_SPEAKERS = {
    **dict.fromkeys(("user", "human", "prompter", "customer"), "user"),
    **dict.fromkeys(("model", "assistant", "gpt", "chatgpt", "bot", "chatbot", "ai", "agent", "bard", "bing"), "model"),
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("tool", "function", "observation", "function_response", "tool_response", "ipython"), "result"),
    **dict.fromkeys(("function_call", "tool_call"), "call"),
}
_ROLE_FIELDS = ("role", "from", "author", "speaker")
_TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object"})
_SCHEMA_FIELDS = frozenset({
    "type", "description", "enum", "properties", "required", "items", "format", "nullable", "minimum", "maximum",
    "minItems", "maxItems", "anyOf", "title", "default", "example", "pattern", "minLength", "maxLength",
})  # fmt: skip


def read_messages(messages: Any, said: Conversation) -> None:
    """Adds a list of messages to a conversation.

    Raises:
        UnusableError: a message has no role that is known, or no content.
    """
    if not isinstance(messages, list):
        raise UnusableError("the messages are no list")
    names: dict[str, str] = {}
    for message in messages:
        if not isinstance(message, dict):
            raise UnusableError("a message is no object")
        role = _find_speaker(message)
        content = message.get("content", message.get("value", message.get("text")))
        if role == "system":
            said.instruct("".join(part.get("text", "") for part in _read_content(content)))
        elif role == "result":
            said.say("user", [_read_result(message, content, names)])
        elif role == "call":
            said.say("model", [_read_call(_parse(content))])
        else:
            calls = _read_calls(message, names) if role == "model" else []
            said.say(role, [*_read_content(content), *calls])


def _find_speaker(message: dict[str, Any]) -> str:
    given = next((message[key] for key in _ROLE_FIELDS if message.get(key)), None)
    role = _SPEAKERS.get(str(given).lower())
    if role is None:
        raise UnusableError(f"the role {given!r} is not known" if given else "a message without role")
    return role


def _read_content(content: Any) -> list[Part]:
    """Parts of a text, or of a list of typed parts."""
    if not isinstance(content, list):
        return make_text(content)
    parts: list[Part] = []
    for one in content:
        if not isinstance(one, dict):
            parts += make_text(one)
        elif "text" in one:
            parts += make_text(one["text"])
        elif one.get("image_url"):
            url = one["image_url"]
            parts.append(make_media(url["url"] if isinstance(url, dict) else str(url)))
        elif isinstance(one.get("input_audio"), dict):
            audio = one["input_audio"]
            kind = f"audio/{audio.get('format', 'wav')}"
            parts.append({"inlineData": {"mimeType": kind, "data": audio.get("data", "")}})
        else:
            raise UnusableError(f"a part of the type {one.get('type')!r}")
    return parts


# --- functions


def _read_calls(message: dict[str, Any], names: dict[str, str]) -> list[Part]:
    """The calls of a message. ``names``: of the functions by the id of their call; it is added to."""
    calls = list(message.get("tool_calls") or [])
    parts = []
    for call in calls:
        parts.append(_read_call(call.get("function", call)))
        names[str(call.get("id"))] = parts[-1]["functionCall"]["name"]
    if message.get("function_call"):
        parts.append(_read_call(message["function_call"]))
    return parts


def _read_call(call: Any) -> Part:
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise UnusableError("a call without the function's name")
    given = _parse(call.get("arguments", call.get("args", {})))
    if not isinstance(given, dict):
        raise UnusableError("the arguments of a call are no JSON object")
    return {"functionCall": {"name": call["name"], "args": given}}


def _read_result(message: dict[str, Any], content: Any, names: dict[str, str]) -> Part:
    named = message.get("name") or names.get(str(message.get("tool_call_id"))) or "function"
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in _read_content(content))
    given = _parse(content)
    return {"functionResponse": {"name": named, "response": given if isinstance(given, dict) else {"result": given}}}


def _parse(value: Any) -> Any:
    """JSON in a text; the text itself where it is none."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else {}
    except ValueError:
        return value


def read_openai_tools(tools: Any) -> list[Any]:
    """Tools as the services declare them; those of the services stay as they are."""
    if isinstance(tools, str):
        tools = _parse(tools)
    if not isinstance(tools, list):
        return []
    if all(isinstance(tool, dict) and ("functionDeclarations" in tool or "googleSearch" in tool) for tool in tools):
        return tools
    declared = []
    for tool in tools:
        function = tool.get("function", tool) if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise UnusableError("a tool without name")
        one = {key: function[key] for key in ("name", "description") if function.get(key)}
        if function.get("parameters"):
            one["parameters"] = _convert_schema(function["parameters"])
        declared.append(one)
    return [{"functionDeclarations": declared}] if declared else []


def _convert_schema(schema: Any) -> Any:
    """JSON Schema as the services' ``Schema``: types in capitals, nothing that it has no field for."""
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {key: value for key, value in schema.items() if key in _SCHEMA_FIELDS}
    kinds = [one for one in _list(made.get("type")) if isinstance(one, str)]
    if "null" in kinds:
        made["nullable"] = True
    named = [one.upper() for one in kinds if one.lower() in _TYPES]
    if named:
        made["type"] = named[0]
    if isinstance(made.get("properties"), dict):
        made["properties"] = {name: _convert_schema(one) for name, one in made["properties"].items()}
    if "items" in made:
        made["items"] = _convert_schema(made["items"])
    if isinstance(made.get("anyOf"), list):
        made["anyOf"] = [_convert_schema(one) for one in made["anyOf"]]
    return made


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
