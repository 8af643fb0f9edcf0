"""Contents as the conversations that models are asked: turns, system turn, and how an answer is drawn."""

from __future__ import annotations

from tuning_emulator.core.forms import list_declarations, read_thinking_level
from tuning_emulator.core.functions import join_system, split_turns
from tuning_emulator.core.json_schema import SchemaError
from tuning_emulator.facts import emulator_errors, vertex_errors
from tuning_emulator.facts.base_models import BaseModel
from tuning_emulator.schema.schema import Value
from tuning_emulator.vertex.request_rules import check_content_request
from tuning_emulator.vertex.schemas import read_checked_form
from tuning_trainer.spec import Prompt, Turn

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
