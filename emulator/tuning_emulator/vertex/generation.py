"""Answering: generateContent, its stream, countTokens and computeTokens, on endpoints and publishers' models."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from dataclasses import replace

from msgspec import Struct

from tuning_emulator.api.call import Call
from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.forms import asks_to_think
from tuning_emulator.core.functions import list_texts, place_images
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.records import DeployedModel, Endpoint, ModelVersion
from tuning_emulator.facts import emulator_errors, vertex_errors
from tuning_emulator.facts.base_models import BaseModel, find_base_model
from tuning_emulator.facts.request_fields import note_inert
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.caching import Caches
from tuning_emulator.jobs.registry import find_checkpoint, find_version
from tuning_emulator.jobs.trainer import PromptRefusedError, Target, TrainerUnavailableError
from tuning_emulator.media.hints import note_shortened
from tuning_emulator.media.tokens import PromptTokens
from tuning_emulator.schema.schema import Value
from tuning_emulator.vertex.answers import ResponseWriter, count_billable_characters, format_tokens
from tuning_emulator.vertex.caching import complete_request
from tuning_emulator.vertex.media import read_media
from tuning_emulator.vertex.prompts import join_text, parse_prompt, parse_system, parse_turns
from tuning_trainer.spec import Prompt, Turn

PUBLISHED = re.compile(
    r"(?:projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/)?publishers/google/models/(?P<id>[^/]+)"
)
ENDPOINT = re.compile(r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/endpoints/(?P<id>[^/]+)")


STABLE_VERSIONS = ("001", "002")
"""What an auto-updated alias such as ``gemini-2.0-flash`` stands for. Source: cloud.google.com, model versions."""


class Speaker(Struct, frozen=True):
    """Who answers: a base model, perhaps with an adapter, and what it calls itself."""

    model: BaseModel
    target: Target


class Traffic:
    """Whose turn it is at endpoints that split their traffic: each model gets its share of any hundred requests."""

    def __init__(self) -> None:
        self._given: dict[int, tuple[Mapping[str, int], Counter[str]]] = {}

    def choose(self, endpoint: Endpoint) -> DeployedModel | None:
        """The deployed model that is furthest behind its share, and one more request for it; None without traffic."""
        shares = [one for one in endpoint.deployed if endpoint.traffic.get(one.id, 0) > 0]
        if len(shares) < 2:
            return shares[0] if shares else None
        split, given = self._given.get(endpoint.uid, ({}, Counter()))
        if split != endpoint.traffic:
            given = Counter()
        total = given.total() + 1
        chosen = max(shares, key=lambda one: endpoint.traffic[one.id] * total - 100 * given[one.id])
        given[chosen.id] += 1
        self._given[endpoint.uid] = (endpoint.traffic, given)
        return chosen


class Asked(Struct, frozen=True):
    """A request for content, read. ``tokens``: of the prompt, as ``countTokens`` counts it: without control tokens."""

    speaker: Speaker
    prompt: Prompt
    tokens: PromptTokens


class Generation:
    """The prediction methods of ``PredictionService`` and ``LlmUtilityService``."""

    def __init__(self, backend: Backend, caches: Caches) -> None:
        self._backend = backend
        self._caches = caches
        self._traffic = Traffic()

    async def generate_content(self, call: Call, speaker: Speaker | None = None) -> Value:
        """The whole answer. ``speaker``: who answers, where it is not who the request names."""
        asked = await self._read(call, speaker)
        try:
            reply = await self._backend.answering.generate(asked.speaker.target, asked.prompt)
        except TrainerUnavailableError as error:
            raise _explain(error) from error
        note_shortened(reply, asked.tokens, call.notes)
        return self._writer(call, asked.speaker).format_reply(reply, asked.tokens)

    async def stream_generate_content(self, call: Call) -> AsyncGenerator[Value, None]:
        """The answer piece by piece; what is wrong with the request is said before the first piece."""
        asked = await self._read(call)
        writer = self._writer(call, asked.speaker)
        try:
            async for piece in self._backend.answering.stream(asked.speaker.target, asked.prompt):
                if isinstance(piece, str):
                    yield writer.format_delta(piece)
                else:
                    note_shortened(piece, asked.tokens, call.notes)
                    yield writer.format_end(piece, asked.tokens)
        except TrainerUnavailableError as error:
            raise _explain(error) from error

    def predict(self, call: Call) -> Value:
        """Refuses: Gemini is asked in other ways, and no other model answers here."""
        self._find_speaker(call, "endpoint")
        raise vertex_errors.NOT_FOR_PREDICT()

    async def stream_raw_predict(self, call: Call) -> AsyncIterator[Value]:
        """See ``predict``."""
        yield self.predict(call)

    async def count_tokens(self, call: Call) -> Value:
        """Tokens of contents (or of old-style instances) as what plays the model counts them."""
        speaker = self._find_speaker(call, "endpoint")
        read = await read_media(call, self._backend, _contents(call.request), speaker.model, speaker.target)
        system = call.request.get("system_instruction")
        said = [*read.counted, *([system] if system else [])]
        tokens = await self.count(speaker, parse_turns(read.counted), parse_system(call.request), read.tokens)
        return {
            "total_tokens": tokens.total,
            "total_billable_characters": count_billable_characters(said),
            "prompt_tokens_details": tokens.format_details(),
        }

    async def compute_tokens(self, call: Call) -> Value:
        """Tokens of each content (or old-style instance), with the ids of what plays the model."""
        speaker = self._find_speaker(call, "endpoint")
        contents = _contents(call.request)
        parse_turns(contents)  # refuses none at all, unknown roles and what is not text
        said = [join_text(content) for content in contents]
        try:
            found = await self._backend.answering.tokenize(speaker.target, said)
        except TrainerUnavailableError as error:
            raise _explain(error) from error
        return {"tokens_info": [format_tokens(content, one) for content, one in zip(contents, found, strict=True)]}

    async def _read(self, call: Call, speaker: Speaker | None = None) -> Asked:
        """Who answers what. What is cached comes first, and has been counted when it was cached."""
        speaker = speaker or self._find_speaker(call, "model")
        note_inert(call.request, call.notes)
        own = await read_media(call, self._backend, call.request.get("contents", []), speaker.model, speaker.target)
        if not call.request.get("cached_content"):
            prompt = parse_prompt({**call.request, "contents": own.contents}, speaker.model)
            tokens = await self.count(speaker, parse_turns(own.counted), prompt.system, own.tokens)
            turns = place_images(prompt.turns, own.images)
            return Asked(speaker, replace(prompt, turns=turns, shorten=own.has_documents), tokens)
        asked = parse_turns(own.contents)
        tuned = bool(speaker.target.adapter)
        request, cached = complete_request(call, self._backend.store, self._caches, speaker.model.id, tuned)
        kept = await read_media(
            call, self._backend, request["contents"][: -len(own.contents)], speaker.model, speaker.target
        )
        prompt = parse_prompt({**request, "contents": [*kept.contents, *own.contents]}, speaker.model)
        tokens = await self.count(speaker, parse_turns(own.counted), "", own.tokens)
        turns = place_images(prompt.turns, (*kept.images, *own.images))
        prompt = replace(prompt, turns=turns, spare=len(prompt.turns) - len(asked))
        return Asked(speaker, prompt, tokens.after(cached, kept.tokens))

    def _find_speaker(self, call: Call, field: str) -> Speaker:
        """What answers to the name in a field. A key, which express mode alone takes, finds no endpoint."""
        name = call.request.get(field, "")
        base = self.find_published(name)
        if base is not None:
            return base
        if ENDPOINT.fullmatch(name) is not None and call.caller.kind == "key":
            raise vertex_errors.PREDICTION_ENDPOINT_NOT_FOUND(name=name)
        return self.find_endpoint(name)

    def find_endpoint(self, name: str) -> Speaker:
        """What answers at an endpoint."""
        match = ENDPOINT.fullmatch(name)
        if match is None:
            raise vertex_errors.MODEL_NAME_MALFORMED(name=name)
        endpoint = self._backend.store.get_endpoint(project_number(match["project"]), match["location"], match["id"])
        if endpoint is None:
            raise vertex_errors.PREDICTION_ENDPOINT_NOT_FOUND(name=name)
        return self._find_deployed(name, endpoint)

    def find_published(self, name: str) -> Speaker | None:
        """The base model of a name like ``publishers/google/models/x``; None: it is a name of something else.

        Raises:
            ApiError: there is no such model.
        """
        published = PUBLISHED.fullmatch(name)
        return self._find_published(name, published["id"], published["project"] or "") if published else None

    def _find_published(self, name: str, identifier: str, project: str) -> Speaker:
        speaker = self.find_base(identifier, project)
        if speaker is None:
            raise vertex_errors.PUBLISHER_MODEL_NOT_FOUND(name=name)
        return speaker

    def find_base(self, identifier: str, project: str) -> Speaker | None:
        """A base model that answers on the project's day, by its id, perhaps with ``@version``; None: there is none."""
        day = self._backend.calendar.find_day(project)
        plain = identifier.partition("@")[0]
        for candidate in (plain, *(f"{plain}-{version}" for version in STABLE_VERSIONS)):
            model = find_base_model("vertex", candidate)
            if model is not None and day.offers(model.since, model.until):
                self._backend.note_retired(model, day)
                return Speaker(model, self._backend.answering.target_base(model.id, project))
        return None

    def _find_deployed(self, name: str, endpoint: Endpoint) -> Speaker:
        """The deployed model whose turn it is by the endpoint's traffic split."""
        store = self._backend.store
        deployed = self._traffic.choose(endpoint)
        if deployed is None:
            raise vertex_errors.ENDPOINT_WITHOUT_TRAFFIC(name=name)
        version = find_version(store, endpoint.project, endpoint.location, deployed.model_id, str(deployed.version))
        if version is None:
            raise vertex_errors.ENDPOINT_WITHOUT_TRAFFIC(name=name)
        return self.find_tuned(name, version, deployed.checkpoint_id)

    def find_tuned(self, name: str, version: ModelVersion, checkpoint_id: str = "") -> Speaker:
        """A tuned model, at its default checkpoint where none is given. ``name``: what it was asked by."""
        store = self._backend.store
        job = store.get_job_by_uid(version.job_uid)
        checkpoint = find_checkpoint(store, version, checkpoint_id)
        model = find_base_model("vertex", version.base_model)
        if job is None or checkpoint is None or model is None:
            raise vertex_errors.ENDPOINT_WITHOUT_TRAFFIC(name=name)
        day = self._backend.calendar.find_day(version.project)
        if not day.offers(model.since, model.until):  # that tuned models end as their base model does is assumed
            place = f"projects/{version.project}/locations/{version.location}"
            raise vertex_errors.PUBLISHER_MODEL_NOT_FOUND(name=f"{place}/publishers/google/models/{model.id}")
        self._backend.note_retired(model, day)
        return Speaker(
            model, Target(version.base_model, checkpoint.adapter, job.progress.trainer, job.progress.weights)
        )

    def _writer(self, call: Call, speaker: Speaker) -> ResponseWriter:
        now_ns, thinking = self._backend.clock.timestamp_ns(), asks_to_think(call.request)
        return ResponseWriter(self._backend.ids, speaker.model.id, now_ns, thinking=thinking)

    async def count(
        self, speaker: Speaker, turns: Iterable[Turn], system: str, media: Mapping[str, int]
    ) -> PromptTokens:
        """Tokens of turns and a system turn, as what plays the model counts them, beside those of media."""
        said = list_texts(turns, system)
        try:
            counts = await self._backend.answering.count_tokens(speaker.target, said)
            return PromptTokens(sum(counts), media)
        except TrainerUnavailableError as error:
            raise _explain(error) from error


def _explain(error: TrainerUnavailableError) -> ApiError:
    """The answer when nothing answers: 400 where the prompt is to blame, else 503."""
    refused = isinstance(error, PromptRefusedError)
    row = emulator_errors.PROMPT_REFUSED if refused else emulator_errors.TRAINER_UNAVAILABLE
    return row(reason=error)


def _contents(request: Value) -> list[Value]:
    """Contents, or the instances ``{"prompt": …}`` and ``{"content": …}`` of older clients as contents."""
    contents: list[Value] = request.get("contents", [])
    for instance in request.get("instances", []):
        text = instance.get("prompt") or instance.get("content") if isinstance(instance, dict) else instance
        contents = [*contents, {"role": "user", "parts": [{"text": str(text or "")}]}]
    return contents
