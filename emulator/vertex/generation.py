"""Answering: generateContent, its stream, countTokens and computeTokens, on endpoints and publishers' models."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from emulator.core.errors import ApiError
from emulator.core.names import project_number
from emulator.core.records import Endpoint
from emulator.facts import vertex_errors as errors
from emulator.facts import vertex_resource_errors as resource_errors
from emulator.facts.models import BaseModel, find_base_model
from emulator.protocol.call import Call
from emulator.run.registry import find_checkpoint, find_version
from emulator.run.trainers import PromptRefusedError, Target, TrainerUnavailableError
from emulator.schema.declare import Value
from emulator.vertex.convert_content import (
    ResponseWriter,
    count_billable_characters,
    format_text_tokens,
    format_tokens,
    join_text,
    parse_prompt,
    parse_turns,
)
from emulator.vertex.parts import Parts
from emulator.vertex.refusals import refuse

_PUBLISHED = re.compile(
    r"(?:projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/)?publishers/google/models/(?P<id>[^/]+)"
)
_ENDPOINT = re.compile(r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/endpoints/(?P<id>[^/]+)")


STABLE_VERSIONS = ("001", "002")
"""What an auto-updated alias such as ``gemini-2.0-flash`` stands for. Source: cloud.google.com, model versions."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who answers: a base model, perhaps with an adapter, and what it calls itself."""

    model: BaseModel
    target: Target


class Generation:
    """The prediction methods of ``PredictionService`` and ``LlmUtilityService``."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def generate_content(self, call: Call) -> Value:
        """The whole answer."""
        speaker = self._find_speaker(call.request.get("model", ""))
        prompt = parse_prompt(call.request, speaker.model)
        try:
            reply = await self._parts.answering.generate(speaker.target, prompt)
        except TrainerUnavailableError as error:
            raise _explain(error) from error
        return self._writer(speaker).format_reply(reply)

    async def stream_generate_content(self, call: Call) -> AsyncIterator[Value]:
        """The answer piece by piece; what is wrong with the request is said before the first piece."""
        speaker = self._find_speaker(call.request.get("model", ""))
        prompt = parse_prompt(call.request, speaker.model)
        writer = self._writer(speaker)
        try:
            async for piece in self._parts.answering.stream(speaker.target, prompt):
                yield writer.format_delta(piece) if isinstance(piece, str) else writer.format_end(piece)
        except TrainerUnavailableError as error:
            raise _explain(error) from error

    async def count_tokens(self, call: Call) -> Value:
        """Tokens of contents (or of old-style instances) as what plays the model counts them."""
        speaker = self._find_speaker(call.request.get("endpoint", ""))
        contents = _contents(call.request)
        system = call.request.get("system_instruction")
        said = [*contents, *([system] if system else [])]
        counts = await self._count(speaker, [join_text(content) for content in said])
        total = sum(counts)
        return {
            "total_tokens": total,
            "total_billable_characters": count_billable_characters(said),
            "prompt_tokens_details": format_text_tokens(total),
        }

    async def compute_tokens(self, call: Call) -> Value:
        """Tokens of each content (or old-style instance), with the ids of what plays the model."""
        speaker = self._find_speaker(call.request.get("endpoint", ""))
        contents = _contents(call.request)
        said = [join_text(content) for content in contents]
        try:
            found = await self._parts.answering.tokenize(speaker.target.base_model, said)
        except TrainerUnavailableError as error:
            raise _explain(error) from error
        return {"tokens_info": [format_tokens(content, one) for content, one in zip(contents, found, strict=True)]}

    def _find_speaker(self, name: str) -> Speaker:
        published = _PUBLISHED.fullmatch(name)
        if published is not None:
            return self._find_published(name, published["id"], published["project"] or "")
        match = _ENDPOINT.fullmatch(name)
        if match is None:
            raise refuse(errors.MODEL_NAME_MALFORMED, name=name)
        endpoint = self._parts.store.get_endpoint(project_number(match["project"]), match["location"], match["id"])
        if endpoint is None:
            raise refuse(errors.PREDICTION_ENDPOINT_NOT_FOUND, name=name)
        return self._find_deployed(name, endpoint)

    def _find_published(self, name: str, identifier: str, project: str) -> Speaker:
        day = self._parts.calendar.find_day(project)
        plain = identifier.partition("@")[0]
        for candidate in (plain, *(f"{plain}-{version}" for version in STABLE_VERSIONS)):
            model = find_base_model("vertex", candidate)
            if model is not None and day.offers(model.since, model.until):
                return Speaker(model, Target(model.id))
        raise refuse(errors.PUBLISHER_MODEL_NOT_FOUND, name=name)

    def _find_deployed(self, name: str, endpoint: Endpoint) -> Speaker:
        """The model that most of an endpoint's traffic goes to."""
        store = self._parts.store
        ranked = sorted(endpoint.deployed, key=lambda one: endpoint.traffic.get(one.id, 0), reverse=True)
        if not ranked:
            raise refuse(resource_errors.ENDPOINT_SERVES_NOTHING, name=name)
        deployed = ranked[0]
        version = find_version(store, endpoint.project, endpoint.location, deployed.model_id, str(deployed.version))
        job = store.get_job_by_uid(version.job_uid) if version else None
        checkpoint = find_checkpoint(store, version, deployed.checkpoint_id) if version else None
        model = find_base_model("vertex", version.base_model) if version else None
        if version is None or job is None or checkpoint is None or model is None:
            raise refuse(resource_errors.ENDPOINT_SERVES_NOTHING, name=name)
        return Speaker(model, Target(version.base_model, checkpoint.adapter, job.trainer))

    def _writer(self, speaker: Speaker) -> ResponseWriter:
        return ResponseWriter(self._parts.ids, speaker.model.id, self._parts.now_ns())

    async def _count(self, speaker: Speaker, said: list[str]) -> list[int]:
        try:
            return await self._parts.answering.count_tokens(speaker.target.base_model, said)
        except TrainerUnavailableError as error:
            raise _explain(error) from error


def _explain(error: TrainerUnavailableError) -> ApiError:
    """The answer when nothing answers: 400 where the prompt is to blame, else 503."""
    refused = isinstance(error, PromptRefusedError)
    return refuse(resource_errors.PROMPT_REFUSED if refused else resource_errors.TRAINER_UNAVAILABLE, reason=error)


def _contents(request: Value) -> list[Value]:
    """Contents, or the instances ``{"prompt": …}`` and ``{"content": …}`` of older clients as contents."""
    contents: list[Value] = request.get("contents", [])
    for instance in request.get("instances", []):
        text = instance.get("prompt") or instance.get("content") if isinstance(instance, dict) else instance
        contents = [*contents, {"role": "user", "parts": [{"text": str(text or "")}]}]
    parse_turns(contents)  # refuses none at all, unknown roles and what is not text
    return contents
