"""Answering: generateContent, its stream, countTokens and computeTokens, on endpoints and publishers' models."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable

from msgspec import Struct

from tuning_emulator.api.call import Call
from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.ids import Ids, project_number
from tuning_emulator.core.records import Endpoint
from tuning_emulator.facts import emulator_errors, vertex_errors
from tuning_emulator.facts.base_models import BaseModel, find_base_model
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.registry import find_checkpoint, find_version
from tuning_emulator.jobs.trainer import PromptRefusedError, Target, TrainerUnavailableError
from tuning_emulator.schema.schema import Value
from tuning_trainer.spec import Answer, Prompt, Reply, Turn

# --- contents to prompts and replies to contents

MAX_CANDIDATES = 8
"""Source: cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference, candidateCount."""

MAX_TOP_K = 1_000_000
"""More than any vocabulary; the real models' limits differ and are lower."""

DEFAULT_MAX_OUTPUT_TOKENS = 256
"""Cap of an answer when the request sets none. The real models go on to 8,192 and more; ours say little."""

_TEXT_FIELDS = frozenset(("text", "thought", "thought_signature"))


def parse_prompt(request: Value, model: BaseModel) -> Prompt:
    """The prompt of a generateContent request, with the model's sampling defaults.

    Without a temperature the likeliest answer is given: the service would draw one at the model's default.

    Raises:
        ApiError: nothing is said, a role is unknown, the last turn is the model's, a part is not text, or the
            generation config is out of range.
    """
    turns = parse_turns(request.get("contents", []))
    if turns[-1].role == "model":
        raise vertex_errors.LAST_TURN_IS_MODEL()
    config = request.get("generation_config") or {}
    if config.get("response_schema") or config.get("response_json_schema") is not None:
        raise emulator_errors.RESPONSE_SCHEMA_UNSUPPORTED()
    return Prompt(
        turns=turns,
        system=join_text(request.get("system_instruction") or {}),
        max_output_tokens=_parse_max_output_tokens(config, model),
        temperature=_parse_range(config, "temperature", 0.0, 0.0, _or(model.max_temperature, 2.0)),
        top_p=_parse_range(config, "top_p", _or(model.top_p, 1.0), 0.0, 1.0),
        top_k=int(_parse_range(config, "top_k", model.top_k or 0, 0, MAX_TOP_K)),
        seed=config.get("seed", 0),
        stop=tuple(config.get("stop_sequences", ())),
        candidates=int(_parse_range(config, "candidate_count", 1, 1, MAX_CANDIDATES)),
    )


def parse_turns(contents: list[Value]) -> tuple[Turn, ...]:
    """Contents as turns. Roles in any case are accepted, and none in a single turn (both documented)."""
    if not contents:
        raise vertex_errors.CONTENTS_REQUIRED()
    turns = []
    for content in contents:
        role = str(content.get("role", "")).lower() or "user"
        if role not in ("user", "model"):
            raise vertex_errors.PROMPT_INVALID_ROLE()
        if not content.get("parts"):
            raise vertex_errors.PARTS_REQUIRED()
        turns.append(Turn("user" if role == "user" else "model", join_text(content)))
    return tuple(turns)


def join_text(content: Value) -> str:
    """The text of a content's parts.

    Raises:
        ApiError: a part holds something else; the emulator's models read text alone.
    """
    pieces = []
    for part in content.get("parts", []):
        other = sorted(part.keys() - _TEXT_FIELDS)
        if other:
            raise emulator_errors.PART_NOT_TEXT(kind=other[0])
        pieces.append(part.get("text", ""))
    return "".join(pieces)


def _or(fact: float | None, otherwise: float) -> float:
    """A default of the model's row, or that of the API where the row has none."""
    return otherwise if fact is None else fact


def _parse_range(config: Value, name: str, default: float, low: float, high: float) -> float:
    value = config.get(name)
    if value is None:
        return default
    if not low <= value <= high:
        raise vertex_errors.GENERATION_CONFIG_RANGE(name=name, value=f"{value:g}", low=f"{low:g}", high=f"{high:g}")
    return float(value)


def _parse_max_output_tokens(config: Value, model: BaseModel) -> int:
    limit = model.output_token_limit or 8192
    wanted = _parse_range(config, "max_output_tokens", min(DEFAULT_MAX_OUTPUT_TOKENS, limit), 1, limit)
    return int(wanted)


# --- answers


class ResponseWriter:
    """Writes the answer, whole or in chunks; all chunks carry the same id and time."""

    def __init__(self, ids: Ids, model_version: str, now_ns: int) -> None:
        self._tail: Value = {"model_version": model_version, "create_time": now_ns, "response_id": ids.base36(22)}

    def format_reply(self, reply: Reply) -> Value:
        """The whole answer."""
        candidates = [_format_candidate(index, answer, answer.text) for index, answer in enumerate(reply.answers)]
        return {"candidates": candidates, "usage_metadata": format_usage(reply), **self._tail}

    def format_delta(self, text: str) -> Value:
        """A piece of a streamed answer."""
        candidate = {"content": {"role": "model", "parts": [{"text": text}]}}
        return {"candidates": [candidate], "usage_metadata": {"traffic_type": "ON_DEMAND"}, **self._tail}

    def format_end(self, reply: Reply) -> Value:
        """The last chunk: an empty piece, why it ended, and the counts."""
        candidates = [_format_candidate(index, answer, "") for index, answer in enumerate(reply.answers)]
        return {"candidates": candidates, "usage_metadata": format_usage(reply), **self._tail}


def _format_candidate(index: int, answer: Answer, text: str) -> Value:
    return {
        "index": index,
        "content": {"role": "model", "parts": [{"text": text}]},
        "finish_reason": answer.finish,
        "avg_logprobs": answer.logprob,
    }


def format_usage(reply: Reply) -> Value:
    """Token counts of an answer, by what plays the model here."""
    said = sum(answer.tokens for answer in reply.answers)
    return {
        "prompt_token_count": reply.prompt_tokens,
        "candidates_token_count": said,
        "total_token_count": reply.prompt_tokens + said,
        "traffic_type": "ON_DEMAND",
        "prompt_tokens_details": format_text_tokens(reply.prompt_tokens),
        "candidates_tokens_details": format_text_tokens(said),
    }


def format_text_tokens(count: int) -> list[Value]:
    """``ModalityTokenCount`` of text, none for no tokens."""
    return [{"modality": "TEXT", "token_count": count}] if count else []


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
    return sum(len("".join(join_text(content).split())) for content in contents)


_PUBLISHED = re.compile(
    r"(?:projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/)?publishers/google/models/(?P<id>[^/]+)"
)
_ENDPOINT = re.compile(r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/endpoints/(?P<id>[^/]+)")


STABLE_VERSIONS = ("001", "002")
"""What an auto-updated alias such as ``gemini-2.0-flash`` stands for. Source: cloud.google.com, model versions."""


class Speaker(Struct, frozen=True):
    """Who answers: a base model, perhaps with an adapter, and what it calls itself."""

    model: BaseModel
    target: Target


class Generation:
    """The prediction methods of ``PredictionService`` and ``LlmUtilityService``."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def generate_content(self, call: Call) -> Value:
        """The whole answer."""
        speaker = self._find_speaker(call, "model")
        prompt = parse_prompt(call.request, speaker.model)
        try:
            reply = await self._backend.answering.generate(speaker.target, prompt)
        except TrainerUnavailableError as error:
            raise _explain(error) from error
        return self._writer(speaker).format_reply(reply)

    async def stream_generate_content(self, call: Call) -> AsyncIterator[Value]:
        """The answer piece by piece; what is wrong with the request is said before the first piece."""
        speaker = self._find_speaker(call, "model")
        prompt = parse_prompt(call.request, speaker.model)
        writer = self._writer(speaker)
        try:
            async for piece in self._backend.answering.stream(speaker.target, prompt):
                yield writer.format_delta(piece) if isinstance(piece, str) else writer.format_end(piece)
        except TrainerUnavailableError as error:
            raise _explain(error) from error

    async def count_tokens(self, call: Call) -> Value:
        """Tokens of contents (or of old-style instances) as what plays the model counts them."""
        speaker = self._find_speaker(call, "endpoint")
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
        speaker = self._find_speaker(call, "endpoint")
        contents = _contents(call.request)
        said = [join_text(content) for content in contents]
        try:
            found = await self._backend.answering.tokenize(speaker.target.base_model, said)
        except TrainerUnavailableError as error:
            raise _explain(error) from error
        return {"tokens_info": [format_tokens(content, one) for content, one in zip(contents, found, strict=True)]}

    def _find_speaker(self, call: Call, field: str) -> Speaker:
        """What answers to the name in a field. A key, which express mode alone takes, finds no endpoint."""
        name = call.request.get(field, "")
        published = _PUBLISHED.fullmatch(name)
        if published is not None:
            return self._find_published(name, published["id"], published["project"] or "")
        match = _ENDPOINT.fullmatch(name)
        if match is None:
            raise vertex_errors.MODEL_NAME_MALFORMED(name=name)
        endpoint = self._backend.store.get_endpoint(project_number(match["project"]), match["location"], match["id"])
        if endpoint is None or call.caller.kind == "key":
            raise vertex_errors.PREDICTION_ENDPOINT_NOT_FOUND(name=name)
        return self._find_deployed(name, endpoint)

    def _find_published(self, name: str, identifier: str, project: str) -> Speaker:
        day = self._backend.calendar.find_day(project)
        plain = identifier.partition("@")[0]
        for candidate in (plain, *(f"{plain}-{version}" for version in STABLE_VERSIONS)):
            model = find_base_model("vertex", candidate)
            if model is not None and day.offers(model.since, model.until):
                return Speaker(model, Target(model.id))
        raise vertex_errors.PUBLISHER_MODEL_NOT_FOUND(name=name)

    def _find_deployed(self, name: str, endpoint: Endpoint) -> Speaker:
        """The model that most of an endpoint's traffic goes to."""
        store = self._backend.store
        ranked = sorted(endpoint.deployed, key=lambda one: endpoint.traffic.get(one.id, 0), reverse=True)
        if not ranked:
            raise vertex_errors.ENDPOINT_SERVES_NOTHING(name=name)
        deployed = ranked[0]
        version = find_version(store, endpoint.project, endpoint.location, deployed.model_id, str(deployed.version))
        job = store.get_job_by_uid(version.job_uid) if version else None
        checkpoint = find_checkpoint(store, version, deployed.checkpoint_id) if version else None
        model = find_base_model("vertex", version.base_model) if version else None
        if version is None or job is None or checkpoint is None or model is None:
            raise vertex_errors.ENDPOINT_SERVES_NOTHING(name=name)
        return Speaker(model, Target(version.base_model, checkpoint.adapter, job.progress.trainer))

    def _writer(self, speaker: Speaker) -> ResponseWriter:
        return ResponseWriter(self._backend.ids, speaker.model.id, self._backend.clock.timestamp_ns())

    async def _count(self, speaker: Speaker, said: list[str]) -> list[int]:
        try:
            return await self._backend.answering.count_tokens(speaker.target.base_model, said)
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
    parse_turns(contents)  # refuses none at all, unknown roles and what is not text
    return contents
