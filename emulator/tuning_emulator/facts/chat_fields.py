"""What each parameter of a chat completion does here; the documents list all.

Parameters that the service's documents do not list are ignored there ("If you pass any unsupported parameter, it is
ignored."), and here; log and journal say so. Source: docs.cloud.google.com …/models/migrate/openai/overview.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tuning_emulator.facts.request_fields import RequestField

_GOOGLE = "extra_body.google."
_UNSUPPORTED = "the service does not support it, and ignores it too"

CHAT_FIELDS: tuple[RequestField, ...] = (
    RequestField("model", "acts", "publisher/model on endpoints/openapi; an endpoint answers whatever it is called"),
    RequestField("messages", "acts", "system, developer, user, assistant, tool, function; media as in contents"),
    RequestField("stream", "acts", "events, the last one data: [DONE]"),
    RequestField("stream_options", "acts", "include_usage: the counts come with the last chunk, whatever it says"),
    RequestField("max_tokens", "acts", "as maxOutputTokens"),
    RequestField("max_completion_tokens", "acts", "the same"),
    RequestField("n", "acts", "1 to 8"),
    RequestField("stop", "acts", "one text or several"),
    RequestField("seed", "acts", "answers repeat with and without it"),
    RequestField("temperature", "acts", "0, and none, is the likeliest answer"),
    RequestField("top_p", "acts", "where a temperature is set"),
    RequestField("presence_penalty", "acts", "taken from the scores of tokens that were written"),
    RequestField("frequency_penalty", "acts", "the same, once for each time"),
    RequestField("logprobs", "acts", "the chosen tokens; not among the documented parameters"),
    RequestField("top_logprobs", "acts", "the likeliest ones beside each, with logprobs"),
    RequestField("response_format", "acts", "json_object, json_schema, text, or a MIME type"),
    RequestField("tools", "acts", "functions, told to the model, which may call them with what fits"),
    RequestField("tool_choice", "acts", "none, auto, required, validated, or a function by its name"),
    RequestField("functions", "acts", "the older form of tools; answers are in the older form, too"),
    RequestField("function_call", "acts", "the older form of tool_choice"),
    RequestField("modalities", "acts", "as responseModalities"),
    RequestField("reasoning_effort", "acts", "a thinking budget, as thinkingConfig"),
    RequestField("web_search_options", "acts", "as the tool googleSearch"),
    RequestField(_GOOGLE + "thinking_config", "acts", "as thinkingConfig"),
    RequestField(_GOOGLE + "safety_settings", "acts", "as safetySettings"),
    RequestField(_GOOGLE + "cached_content", "acts", "as cachedContent"),
    RequestField(_GOOGLE + "tools", "acts", "as tools"),
    RequestField(_GOOGLE + "media_resolution", "acts", "as mediaResolution"),
    RequestField(_GOOGLE + "stream_function_call_arguments", "acts", "as streamFunctionCallArguments"),
    RequestField(_GOOGLE + "thought_tag_marker", "no effect", "what plays the models here does not think"),
    *(
        RequestField(name, "no effect", _UNSUPPORTED)
        for name in (
            "audio",
            "logit_bias",
            "metadata",
            "moderation",
            "parallel_tool_calls",
            "prediction",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "safety_identifier",
            "service_tier",
            "store",
            "user",
            "verbosity",
        )
    ),
)
"""All parameters of OpenAI's own route and of Google's ``extra_body``. What goes on as a field of a request for content
is told of there, where it has no effect."""

_ROWS: Mapping[str, RequestField] = {row.path: row for row in CHAT_FIELDS}


def note_ignored(chat: Mapping[str, Any], notes: list[str]) -> None:
    """Adds a hint for each parameter that has no effect here."""
    for name in _list_names(chat):
        row = _ROWS.get(name)
        if row is None or row.effect == "no effect":
            notes.append(f"{name} has no effect: {row.why if row else _UNSUPPORTED}")


def _list_names(chat: Mapping[str, Any]) -> Iterator[str]:
    """Names of what is set, that of ``extra_body`` inside of it."""
    extra = chat.get("extra_body")
    google = extra.get("google") if isinstance(extra, dict) else None
    yield from (name for name, value in chat.items() if value is not None and name != "extra_body")
    if isinstance(extra, dict):
        yield from (f"extra_body.{name}" for name in extra if name != "google")
    if isinstance(google, dict):
        yield from (f"{_GOOGLE}{name}" for name, value in google.items() if value is not None)
