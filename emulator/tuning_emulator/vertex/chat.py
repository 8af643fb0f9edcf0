"""Chat completions: Vertex AI's route for OpenAI's clients, on tuned endpoints and on publishers' models.

A request is translated and answered as ``generateContent`` answers it; only the answer is printed in OpenAI's form.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec
from msgspec import structs

from tuning_emulator.api.call import Call
from tuning_emulator.core.chat_answer import CompletionWriter
from tuning_emulator.core.chat_messages import CallArgumentsError, ChatError
from tuning_emulator.core.chat_request import translate_chat
from tuning_emulator.core.errors import ApiError
from tuning_emulator.facts import vertex_errors
from tuning_emulator.facts.chat_fields import note_ignored
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.protojson.printer import EVENT_TYPE, format_json
from tuning_emulator.schema.schema import Value
from tuning_emulator.vertex.generation import Generation

JSON_TYPE = "application/json"
ANY_MODEL = "openapi"
"""In place of an endpoint's id: the request names a publisher's model."""

_ENDPOINT = re.compile(r"(?P<place>projects/[^/]+/locations/[^/]+)/endpoints/(?P<id>[^/]+)")
_MODEL = re.compile(r"(?P<publisher>[^/]+)/(?P<model>[^/]+)")
_END = b"data: [DONE]\n\n"


class ChatCompletions:
    """``PredictionService.ChatCompletions``."""

    def __init__(self, backend: Backend, generation: Generation) -> None:
        self._backend = backend
        self._generation = generation
        self._codecs: dict[str, Codec] = {}

    async def chat_completions(self, call: Call) -> AsyncGenerator[Value, None]:
        """The completion, in one body or as events."""
        chat = read_chat(call)
        content = structs.replace(call, request=self._translate(call, chat))
        note_ignored(chat, call.notes)
        writer = CompletionWriter(
            str(chat.get("model") or ""),
            old_calls=chat.get("functions") is not None,
            make_call_id=lambda: f"function-call-{self._backend.ids.uuid()}",
            now_ns=self._backend.clock.timestamp_ns(),
        )
        if chat.get("stream"):
            async with aclosing(self._generation.stream_generate_content(content)) as answers:
                async for answer in answers:
                    yield _format_body(EVENT_TYPE, format_event(writer.format_chunk(answer)))
            yield _format_body(EVENT_TYPE, _END)
        else:
            answer = await self._generation.generate_content(content)
            yield _format_body(JSON_TYPE, format_json(writer.format_whole(answer), "compact"))

    def _translate(self, call: Call, chat: dict[str, Any]) -> Value:
        """The request for content, read as that message is read anywhere.

        Raises:
            ApiError: the request is none for a completion, or what it comes to is none for content.
        """
        try:
            content = format_json(translate_chat(chat), "compact")
        except (CallArgumentsError, RecursionError) as error:
            raise vertex_errors.CHAT_NOT_AN_OBJECT() from error
        except ChatError as error:
            raise _explain(error) from error
        codec = self._codecs.setdefault(call.version, Codec([call.schema]))
        value = codec.parse(content, call.schema.full_name("GenerateContentRequest"))
        return {**value, "model": find_model(call, chat)}


def read_chat(call: Call) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        ApiError: it is none.
    """
    body: Value = call.request.get("http_body") or {}
    try:
        chat = msgspec.json.decode(body.get("data", b""))
    except (msgspec.DecodeError, RecursionError) as error:
        raise vertex_errors.CHAT_NOT_AN_OBJECT() from error
    if not isinstance(chat, dict):
        raise vertex_errors.CHAT_NOT_AN_OBJECT()
    for name, kind, wanted in (("model", str, "a text"), ("stream", bool, "true or false")):
        if chat.get(name) is not None and not isinstance(chat[name], kind):
            raise _explain(ChatError(name, chat[name], wanted))
    return chat


def find_model(call: Call, chat: dict[str, Any]) -> str:
    """Who is asked, as ``generateContent`` names it. An endpoint answers whatever the request calls it.

    Raises:
        ApiError: ``openapi`` stands for an endpoint, and the model has not the form ``publisher/model``, or another
            publisher than Google.
    """
    name: str = call.request.get("endpoint", "")
    endpoint = _ENDPOINT.fullmatch(name)
    if endpoint is None or endpoint["id"] != ANY_MODEL:
        return name
    model: str = chat.get("model") or ""
    found = _MODEL.fullmatch(model)
    if found is None:
        raise vertex_errors.CHAT_MODEL_MALFORMED(model=model)
    published = f"{endpoint['place']}/publishers/{found['publisher']}/models/{found['model']}"
    if found["publisher"] != "google":
        raise vertex_errors.PUBLISHER_MODEL_NOT_FOUND(name=published)
    return published


def format_event(chunk: dict[str, Any]) -> bytes:
    """A chunk as a server-sent event, with line feeds alone (documented)."""
    return b"data: " + format_json(chunk, "compact") + b"\n\n"


def _format_body(content_type: str, data: bytes) -> Value:
    """A ``google.api.HttpBody``."""
    return {"content_type": content_type, "data": data}


def _explain(error: ChatError) -> ApiError:
    return vertex_errors.CHAT_FIELD_INVALID(field=error.field, value=error.value, wanted=error.wanted)
