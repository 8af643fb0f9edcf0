"""What each field of a request for content does here: it acts, it is refused, or it is taken and has no effect.

A field without effect is told of in log and journal where a request sets it. The documents list all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from tuning_emulator.schema.schema import Value

Effect: TypeAlias = Literal["acts", "refused", "no effect"]


class RequestField(Struct, frozen=True):
    """One field of a request: of ``GenerateContentRequest``, or of the message that its table names.

    Attributes:
        path: From the request, in snake_case; of ``tools``, every one's.
        why: What it does, why not, or by whom it is refused.
    """

    path: str
    effect: Effect
    why: str


_CONFIG = "generation_config."
_TOOLS = "tools."
_CALLING = "tool_config.function_calling_config."
_NO_WEB = "nothing outside is asked here: answers are not grounded"
_NO_MEDIA = "answers are text here"

REQUEST_FIELDS: tuple[RequestField, ...] = (
    RequestField("model", "acts", "the base model, the tuned model or the endpoint that answers"),
    RequestField("contents", "acts", "the conversation; files are read into words, and counted as documented"),
    RequestField("system_instruction", "acts", "a turn of its own; models that had none refuse it"),
    RequestField("cached_content", "acts", "what is cached comes first; tuned models, and what is gone, refuse"),
    RequestField("safety_settings", "no effect", "nothing is filtered here"),
    RequestField("labels", "no effect", "nothing is billed here; what is no label is refused"),
    RequestField("model_armor_config", "no effect", "nothing is filtered here"),
    RequestField("continuation_token", "no effect", "answers are whole here"),
    RequestField("output_config", "no effect", "answers are not written to Cloud Storage here"),
    RequestField(_CALLING + "mode", "acts", "whether a function is called"),
    RequestField(_CALLING + "allowed_function_names", "acts", "and which"),
    RequestField(_CALLING + "stream_function_call_arguments", "no effect", "a call comes whole here"),
    RequestField("tool_config.retrieval_config", "no effect", _NO_WEB),
    RequestField("tool_config.include_server_side_tool_invocations", "refused", "by models before gemini-3"),
    RequestField(_TOOLS + "function_declarations", "acts", "told to the model, which may call them with what fits"),
    *(
        RequestField(_TOOLS + name, "no effect", _NO_WEB)
        for name in (
            "google_search",
            "google_search_retrieval",
            "enterprise_web_search",
            "google_maps",
            "url_context",
            "file_search",
            "retrieval",
            "parallel_ai_search",
            "exa_ai_search",
        )
    ),
    RequestField(_TOOLS + "code_execution", "no effect", "no code is run here"),
    RequestField(_TOOLS + "computer_use", "no effect", "no computer is used here"),
    RequestField(_CONFIG + "temperature", "acts", "0, and none, is the likeliest answer"),
    RequestField(_CONFIG + "top_p", "acts", "where a temperature is set"),
    RequestField(_CONFIG + "top_k", "acts", "where a temperature is set"),
    RequestField(_CONFIG + "seed", "acts", "answers repeat with and without it"),
    RequestField(_CONFIG + "candidate_count", "acts", "1 to 8"),
    RequestField(_CONFIG + "max_output_tokens", "acts", "tokens of the model that answers"),
    RequestField(_CONFIG + "stop_sequences", "acts", "at most 5; they end the answer and are no part of it"),
    RequestField(
        _CONFIG + "presence_penalty",
        "acts",
        "taken from the scores of tokens that were written; Gemini API 2.5 refuses",
    ),
    RequestField(_CONFIG + "frequency_penalty", "acts", "the same, once for each time"),
    RequestField(_CONFIG + "response_mime_type", "acts", "JSON or one of several words; Gemini's tuned models refuse"),
    RequestField(_CONFIG + "response_schema", "acts", "the answer is an instance"),
    RequestField(_CONFIG + "response_json_schema", "acts", "the answer is an instance"),
    RequestField(_CONFIG + "response_json_schema_ordered", "acts", "the answer is an instance"),
    RequestField(_CONFIG + "response_format.text", "acts", "the answer is an instance of its schema"),
    *(RequestField(f"{_CONFIG}response_format.{name}", "no effect", _NO_MEDIA) for name in ("audio", "image", "video")),
    RequestField(_CONFIG + "response_logprobs", "acts", "on Vertex AI; the Gemini API refuses"),
    RequestField(_CONFIG + "logprobs", "acts", "on Vertex AI, with response_logprobs"),
    RequestField(_CONFIG + "thinking_config", "no effect", "what plays the models here has no thoughts"),
    RequestField(_CONFIG + "response_modalities", "refused", "but TEXT: answers are text here"),
    *(
        RequestField(_CONFIG + name, "no effect", _NO_MEDIA)
        for name in (
            "audio_timestamp",
            "audio_transcription_config",
            "enable_affective_dialog",
            "image_config",
            "speech_config",
            "translation_config",
        )
    ),
    RequestField(_CONFIG + "media_resolution", "acts", "how many tokens media are counted as"),
    RequestField(_CONFIG + "enable_enhanced_civic_answers", "no effect", "nothing is looked up here"),
    RequestField(_CONFIG + "model_config", "no effect", "one model answers"),
    RequestField(_CONFIG + "routing_config", "no effect", "one model answers"),
)
"""All fields of both APIs."""

Inert: TypeAlias = Mapping[tuple[str, ...], str]
"""Paths of fields without effect, and why."""


def list_inert(fields: Iterable[RequestField]) -> Inert:
    """Those without effect."""
    return {tuple(one.path.split(".")): one.why for one in fields if one.effect == "no effect"}


_INERT = list_inert(REQUEST_FIELDS)


def note_inert(request: Value, notes: list[str], inert: Inert = _INERT) -> None:
    """Adds a hint for each field that a request sets and that has no effect here."""
    for path, why in inert.items():
        if any(_is_set(one) for one in _find(request, path)):
            notes.append(f"{'.'.join(path)} has no effect: {why}")


def _find(message: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """The values at a path; of a list, each one's."""
    for one in message if isinstance(message, list) else (message,):
        if not path:
            yield one
        elif isinstance(one, dict) and path[0] in one:
            yield from _find(one[path[0]], path[1:])


def _is_set(value: Any) -> bool:
    return value is not None and value != [] and value is not False
