"""Answering: generateContent, its stream, countTokens and computeTokens, on endpoints and publishers' models."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from dataclasses import replace

from msgspec import Struct

from tuning_emulator.api.call import Call
from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.forms import asks_to_think, list_declarations, read_thinking_level
from tuning_emulator.core.functions import join_system, list_texts, place_images, read_parts, split_turns
from tuning_emulator.core.ids import Ids, project_number
from tuning_emulator.core.json_schema import SchemaError
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
from tuning_emulator.vertex.caching import complete_request
from tuning_emulator.vertex.media import read_media
from tuning_emulator.vertex.request_rules import check_content_request
from tuning_emulator.vertex.schemas import read_checked_form
from tuning_trainer.spec import Answer, Prompt, Reply, Token, Turn

# --- contents to prompts and replies to contents

MAX_CANDIDATES = 8
"""Source: cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference, candidateCount."""

MAX_TOP_K = 1_000_000
"""More than any vocabulary; the real models' limits differ and are lower."""

DEFAULT_MAX_OUTPUT_TOKENS = 256
"""Cap of an answer when the request sets none. The real models go on to 8,192 and more; ours say little."""

MAX_LOGPROBS = 20
"""Source: as above, logprobs."""

MAX_PENALTY = 2.0
"""Source: as above, presencePenalty and frequencyPenalty; the least is its negative."""
_STEP = 0.0001
"""By which the upper bounds of fractions, which the texts exclude, are more than what is allowed (recorded: 2.0001)."""

NO_THOUGHTS = 0
"""What plays the models here has none, whatever it is asked for."""

_TEXT_FIELDS = frozenset(("text", "thought", "thought_signature"))
_READ_FIELDS = _TEXT_FIELDS | {"function_call", "function_response"}


def parse_prompt(request: Value, model: BaseModel) -> Prompt:
    """The prompt of a generateContent request, with the model's sampling defaults.

    Without a temperature the likeliest answer is given: the service would draw one at the model's default.

    Raises:
        ApiError: nothing is said, a role is unknown, the last turn is the model's, a part is not text, or the
            generation config is out of range.
    """
    turns = parse_turns(request.get("contents", []))
    if turns[-1].learned:
        raise vertex_errors.LAST_TURN_IS_MODEL()
    config = request.get("generation_config") or {}
    check_content_request(request, model)
    check_thinking(config.get("thinking_config") or {}, model)
    return Prompt(
        turns=turns,
        system=parse_system(request),
        max_output_tokens=_parse_max_output_tokens(config, model),
        temperature=_parse_range(config, "temperature", 0.0, 0.0, _or(model.max_temperature, 2.0) + _STEP),
        top_p=_parse_range(config, "top_p", _or(model.top_p, 1.0), 0.0, 1.0 + _STEP),
        top_k=int(_parse_range(config, "top_k", model.top_k or 0, 0, MAX_TOP_K + 1)),
        seed=config.get("seed", 0),
        stop=tuple(stop for stop in config.get("stop_sequences", ()) if stop),
        candidates=_parse_candidates(config),
        presence_penalty=_parse_range(config, "presence_penalty", 0.0, -MAX_PENALTY, MAX_PENALTY + _STEP),
        frequency_penalty=_parse_range(config, "frequency_penalty", 0.0, -MAX_PENALTY, MAX_PENALTY + _STEP),
        form=read_checked_form(request, model.id),
        alternatives=_parse_logprobs(config),
    )


def _parse_candidates(config: Value) -> int:
    """0 is as good as none: python-genai's tests send it."""
    return (
        int(_parse_range(config, "candidate_count", 1, 1, MAX_CANDIDATES + 1)) if config.get("candidate_count") else 1
    )


def _parse_logprobs(config: Value) -> int | None:
    """How many alternatives are told of each token; None: nothing is told."""
    if config.get("response_logprobs"):
        return int(_parse_range(config, "logprobs", 0, 1, MAX_LOGPROBS + 1))
    if config.get("logprobs"):
        raise vertex_errors.LOGPROBS_UNASKED()
    return None


def parse_system(request: Value) -> str:
    """The system turn: the instruction, and the functions that may be called."""
    try:
        return join_system(list_declarations(request), join_text(request.get("system_instruction") or {}))
    except SchemaError as error:
        raise vertex_errors.RESPONSE_SCHEMA_UNREADABLE(reason=error) from error


def parse_turns(contents: list[Value]) -> tuple[Turn, ...]:
    """Contents as turns. Roles in any case are accepted, and none in a single turn (both documented)."""
    if not contents:
        raise vertex_errors.CONTENTS_REQUIRED()
    turns: list[Turn] = []
    for content in contents:
        role = str(content.get("role", "")).lower() or "user"
        if role not in ("user", "model", "function"):
            raise vertex_errors.PROMPT_INVALID_ROLE()
        if not content.get("parts"):
            raise vertex_errors.PARTS_REQUIRED()
        _check_parts(content, _READ_FIELDS)
        turns += split_turns(content, model=role == "model")
    return tuple(turns)


def join_text(content: Value) -> str:
    """The text of a content's parts.

    Raises:
        ApiError: a part holds something else; the emulator's models read text alone.
    """
    _check_parts(content, _TEXT_FIELDS)
    return "".join(part.get("text", "") for part in content.get("parts", []))


def _check_parts(content: Value, known: frozenset[str]) -> None:
    for part in content.get("parts", []):
        other = sorted(part.keys() - known)
        if other:
            raise emulator_errors.PART_NOT_READ(kind=other[0])


def _or(fact: float | None, otherwise: float) -> float:
    """A default of the model's row, or that of the API where the row has none."""
    return otherwise if fact is None else fact


def _parse_range(config: Value, name: str, default: float, low: float, high: float) -> float:
    """A field that must be at least ``low`` and below ``high``; texts name it as JSON does (recorded)."""
    value = config.get(name)
    if value is None:
        return default
    if not low <= value < high:
        head, *rest = name.split("_")
        shown = head + "".join(word.capitalize() for word in rest)
        said = {"value": f"{value:.10g}", "low": f"{low:.10g}", "high": f"{high:.10g}"}
        raise vertex_errors.GENERATION_CONFIG_RANGE(name=shown, **said)
    return float(value)


def check_thinking(config: Value, model: BaseModel) -> None:
    """Whether a model thinks as it is asked to. That tuned models share their base model's rules is assumed.

    Raises:
        ApiError: it cannot think so much, so little, or by level; or thoughts are wanted and none will be had.
    """
    budget, level = config.get("thinking_budget"), read_thinking_level(config)
    if config and not model.thinking and not model.open:
        raise vertex_errors.THINKING_NOT_SUPPORTED()
    if level and not model.open:
        if not model.thinking_levels:
            raise vertex_errors.THINKING_LEVEL()
        if level not in model.thinking_levels:
            raise vertex_errors.THINKING_LEVEL_UNKNOWN(level=level)
        if budget is not None:
            raise vertex_errors.THINKING_BOTH()
    if budget is not None and not model.takes_thinking_budget(budget):
        if budget == 0:
            raise vertex_errors.THINKING_OFF()
        low, high = model.thinking_budget or (0, 0)
        raise vertex_errors.THINKING_BUDGET_RANGE(low=low, high=high)
    if budget == 0 and config.get("include_thoughts"):
        raise vertex_errors.THOUGHTS_WITHOUT_THINKING()


def _parse_max_output_tokens(config: Value, model: BaseModel) -> int:
    limit = model.output_token_limit or 8192
    wanted = _parse_range(config, "max_output_tokens", min(DEFAULT_MAX_OUTPUT_TOKENS, limit), 1, limit + 1)
    return int(wanted)


# --- answers


class ResponseWriter:
    """Writes the answer, whole or in chunks; all chunks carry the same id and time."""

    def __init__(self, ids: Ids, model_version: str, now_ns: int, *, thinking: bool = False) -> None:
        self._thinking = thinking
        self._tail: Value = {"model_version": model_version, "create_time": now_ns, "response_id": ids.base36(22)}

    def format_reply(self, reply: Reply, prompt_tokens: PromptTokens) -> Value:
        """The whole answer."""
        candidates = [_format_candidate(index, answer) for index, answer in enumerate(reply.answers)]
        usage = format_usage(reply, prompt_tokens, thinking=self._thinking)
        return {"candidates": candidates, "usage_metadata": usage, **self._tail}

    def format_delta(self, text: str) -> Value:
        """A piece of a streamed answer."""
        candidate = {"content": {"role": "model", "parts": [{"text": text}]}}
        return {"candidates": [candidate], "usage_metadata": {"traffic_type": "ON_DEMAND"}, **self._tail}

    def format_end(self, reply: Reply, prompt_tokens: PromptTokens) -> Value:
        """The last chunk: an empty piece or the call, why it ended, and the counts.

        Of several candidates the first alone was streamed; the others come here.
        """
        first, *others = reply.answers
        end = first if first.call else replace(first, text="")
        return self.format_reply(replace(reply, answers=(end, *others)), prompt_tokens)


def _format_candidate(index: int, answer: Answer) -> Value:
    parts, finish = read_parts(answer)
    candidate: Value = {
        "index": index,
        "content": {"role": "model", "parts": parts or [{"text": ""}]},
        "finish_reason": finish,
        "avg_logprobs": answer.logprob,
    }
    if answer.chosen:
        candidate["logprobs_result"] = {
            "chosen_candidates": [_format_token(token) for token in answer.chosen],
            "top_candidates": [
                {"candidates": [_format_token(token) for token in place]} for place in answer.likeliest if place
            ],
        }
    return candidate


def _format_token(token: Token) -> Value:
    return {"token": token.text, "token_id": token.id, "log_probability": token.logprob}


def format_usage(reply: Reply, prompt_tokens: PromptTokens, *, thinking: bool = False) -> Value:
    """Token counts of an answer, by what plays the model here; the prompt's as ``countTokens`` says it.

    Args:
        thinking: Whether thoughts were asked for: how many there were is said then.
    """
    said = sum(answer.tokens for answer in reply.answers)
    return {
        "prompt_token_count": prompt_tokens.total,
        "candidates_token_count": said,
        "total_token_count": prompt_tokens.total + said,
        "cached_content_token_count": prompt_tokens.cached.total if prompt_tokens.cached else None,
        "thoughts_token_count": NO_THOUGHTS if thinking else None,
        "traffic_type": "ON_DEMAND",
        "prompt_tokens_details": prompt_tokens.format_details(),
        "cache_tokens_details": prompt_tokens.cached.format_details() if prompt_tokens.cached else None,
        "candidates_tokens_details": PromptTokens(said).format_details(),
    }


def format_tokens(content: Value, tokens: list[tuple[int, str]]) -> Value:
    """``TokensInfo`` of a content: the bytes and the id of each token, and who says it."""
    return {
        "tokens": [piece.encode() for _, piece in tokens],
        "token_ids": [number for number, _ in tokens],
        "role": content.get("role", ""),
    }


def count_billable_characters(contents: Iterable[Value]) -> int:
    """Characters without white space.

    Source: cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens.
    """
    texts = (turn.text for content in contents for turn in split_turns(content, model=False))
    return sum(len("".join(text.split())) for text in texts)


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
        read = await read_media(call, self._backend, _contents(call.request), speaker.model)
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
            found = await self._backend.answering.tokenize(speaker.target.base_model, said)
        except TrainerUnavailableError as error:
            raise _explain(error) from error
        return {"tokens_info": [format_tokens(content, one) for content, one in zip(contents, found, strict=True)]}

    async def _read(self, call: Call, speaker: Speaker | None = None) -> Asked:
        """Who answers what. What is cached comes first, and has been counted when it was cached."""
        speaker = speaker or self._find_speaker(call, "model")
        note_inert(call.request, call.notes)
        own = await read_media(call, self._backend, call.request.get("contents", []), speaker.model)
        if not call.request.get("cached_content"):
            prompt = parse_prompt({**call.request, "contents": own.contents}, speaker.model)
            tokens = await self.count(speaker, parse_turns(own.counted), prompt.system, own.tokens)
            turns = place_images(prompt.turns, own.images)
            return Asked(speaker, replace(prompt, turns=turns, shorten=own.has_documents), tokens)
        asked = parse_turns(own.contents)
        tuned = bool(speaker.target.adapter)
        request, cached = complete_request(call, self._backend.store, self._caches, speaker.model.id, tuned)
        kept = await read_media(call, self._backend, request["contents"][: -len(own.contents)], speaker.model)
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
                return Speaker(model, Target(model.id))
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
        return Speaker(model, Target(version.base_model, checkpoint.adapter, job.progress.trainer))

    def _writer(self, call: Call, speaker: Speaker) -> ResponseWriter:
        now_ns, thinking = self._backend.clock.timestamp_ns(), asks_to_think(call.request)
        return ResponseWriter(self._backend.ids, speaker.model.id, now_ns, thinking=thinking)

    async def count(
        self, speaker: Speaker, turns: Iterable[Turn], system: str, media: Mapping[str, int]
    ) -> PromptTokens:
        """Tokens of turns and a system turn, as what plays the model counts them, beside those of media."""
        said = list_texts(turns, system)
        try:
            counts = await self._backend.answering.count_tokens(speaker.target.base_model, said)
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
