"""Contents to prompts and replies to contents. Shapes of answers: recorded bodies of publishers' models, 2025."""

from __future__ import annotations

from collections.abc import Iterable

from emulator.core.names import Ids
from emulator.facts import vertex_resource_errors as resource_errors
from emulator.facts.models import BaseModel
from emulator.schema.declare import Value
from emulator.vertex.refusals import refuse
from trainer.spec import Answer, Prompt, Reply, Turn

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
        raise refuse(resource_errors.LAST_TURN_IS_MODEL)
    config = request.get("generation_config") or {}
    if config.get("response_schema") or config.get("response_json_schema") is not None:
        raise refuse(resource_errors.RESPONSE_SCHEMA_UNSUPPORTED)
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
        raise refuse(resource_errors.CONTENTS_REQUIRED)
    turns = []
    for content in contents:
        role = str(content.get("role", "")).lower() or "user"
        if role not in ("user", "model"):
            raise refuse(resource_errors.INVALID_ROLE)
        if not content.get("parts"):
            raise refuse(resource_errors.PARTS_REQUIRED)
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
            raise refuse(resource_errors.PART_NOT_TEXT, kind=other[0])
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
        raise refuse(
            resource_errors.GENERATION_CONFIG_RANGE, name=name, value=f"{value:g}", low=f"{low:g}", high=f"{high:g}"
        )
    return float(value)


def _parse_max_output_tokens(config: Value, model: BaseModel) -> int:
    limit = model.output_token_limit or 8192
    wanted = _parse_range(config, "max_output_tokens", min(DEFAULT_MAX_OUTPUT_TOKENS, limit), 1, limit)
    return int(wanted)


# ---------------------------------------------------------------- answers


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
