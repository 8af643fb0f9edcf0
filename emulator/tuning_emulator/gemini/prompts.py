"""From a request for content to a prompt: what the rules say, and what the trainer is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from tuning_emulator.core.as_of import LENIENT, Day
from tuning_emulator.core.errors import ErrorText
from tuning_emulator.core.forms import list_declarations, read_form, read_mime_type, read_thinking_level
from tuning_emulator.core.functions import join_system, list_texts, split_turns
from tuning_emulator.core.rules import Breaches, Rule, Values, find_violations
from tuning_emulator.facts import gemini_errors
from tuning_emulator.facts.base_models import BaseModel
from tuning_emulator.facts.limits import GEMINI_MAX_CANDIDATES, GEMINI_MAX_PROMPT_CHARACTERS, GEMINI_MAX_STOP_SEQUENCES
from tuning_emulator.gemini.base_models import find_max_temperature
from tuning_emulator.gemini.rules import check_fields, dig, drawing_rules
from tuning_emulator.gemini.schemas import FUNCTION_RULES, SCHEMA_RULES
from tuning_emulator.gemini.tools import TOOL_RULES
from tuning_emulator.schema.schema import Value
from tuning_trainer.spec import Prompt, Turn

MAX_CANDIDATES = GEMINI_MAX_CANDIDATES.value
MAX_STOP_SEQUENCES = GEMINI_MAX_STOP_SEQUENCES.value
MAX_TUNED_INPUT = GEMINI_MAX_PROMPT_CHARACTERS.value

_DATA = (
    "text",
    "inline_data",
    "function_call",
    "function_response",
    "file_data",
    "executable_code",
    "code_execution_result",
)
_FUNCTION_PARTS = ("function_call", "function_response")
_MEDIA = {"image": "Image", "audio": "Audio", "video": "Video"}
_MIME_TYPES = ("text/plain", "application/json", "application/xml", "application/yaml", "text/x.enum")


class ContentRequest(Struct, frozen=True):
    """A request for content, with what its rules look at.

    Attributes:
        body: The ``GenerateContentRequest`` (or the ``CountTokensRequest`` as such).
        request: How the request is called in texts.
        model: Full name of the model asked, ``tunedModels/x`` or ``models/x``.
        base: Row of the base model behind it.
        temperature, top_p, top_k: What holds where the request says nothing; temperature None: nothing is drawn.
        day: Whose words are spoken.
    """

    body: Value
    request: str
    model: str
    base: BaseModel
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    day: Day = LENIENT

    @property
    def is_tuned(self) -> bool:
        """Whether a tuned model is asked."""
        return self.model.startswith("tunedModels/")

    @property
    def is_single(self) -> bool:
        """Whether its base model knew one candidate, one turn and no system instruction. Source: the texts' rows."""
        return self.base.id.startswith("gemini-1.0")

    @property
    def max_temperature(self) -> float:
        """The base model's."""
        return find_max_temperature(self.base)

    @property
    def config(self) -> Value:
        """The ``GenerationConfig``."""
        config: Value = self.body.get("generation_config") or {}
        return config

    @property
    def mime_type(self) -> str:
        """Of the answer that is wanted."""
        return read_mime_type(self.config)

    @property
    def contents(self) -> list[Value]:
        """The conversation."""
        contents: list[Value] = self.body.get("contents") or []
        return contents


# --- rules over contents


def _list_parts(asked: ContentRequest) -> Iterator[tuple[Values, Value]]:
    for index, content in enumerate(asked.contents):
        for number, part in enumerate(content.get("parts", [])):
            yield {"index": index, "part": number}, part


def _find_kind(part: Value) -> str:
    """Which field of a part is set, or "" for none."""
    return next((name for name in _DATA if part.get(name) is not None), "")


def _find_empty_contents(asked: ContentRequest) -> Iterator[Values]:
    return ({"index": index} for index, content in enumerate(asked.contents) if not content.get("parts"))


def _find_empty_parts(asked: ContentRequest) -> Iterator[Values]:
    return (place for place, part in _list_parts(asked) if not _find_kind(part))


CONTENT_RULES: tuple[Rule[ContentRequest], ...] = (
    Rule(gemini_errors.CONTENTS_MISSING, lambda asked: not asked.contents),
    Rule(gemini_errors.PARTS_EMPTY, _find_empty_contents),
    Rule(gemini_errors.PART_WITHOUT_DATA, _find_empty_parts),
)

KEPT_RULES = (*CONTENT_RULES[1:], *SCHEMA_RULES)
"""Over content to be cached, which may be a system instruction alone."""

# --- rules over the generation config


def _has_no_room(asked: ContentRequest) -> bool:
    value = asked.config.get("max_output_tokens")
    return value is not None and value < 1


def _find_candidate_count(asked: ContentRequest) -> Breaches:
    value = asked.config.get("candidate_count")
    return value is not None and not 1 <= value <= MAX_CANDIDATES and {"maximum": MAX_CANDIDATES}


def _find_stop_sequences(asked: ContentRequest) -> Breaches:
    length = len(asked.config.get("stop_sequences", []))
    return length > MAX_STOP_SEQUENCES and {"limit": MAX_STOP_SEQUENCES, "length": length}


_HARMS = ("HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT", "HARASSMENT", "CIVIC_INTEGRITY")
_FILTERED = frozenset(f"HARM_CATEGORY_{name}" for name in _HARMS)
"""What a request may set a threshold for; those of PaLM, and none at all, are refused."""


def _find_categories(asked: ContentRequest) -> Iterator[Values]:
    settings = asked.body.get("safety_settings") or ()
    return ({"index": index} for index, one in enumerate(settings) if one.get("category") not in _FILTERED)


CONFIG_RULES: tuple[Rule[ContentRequest], ...] = (
    *drawing_rules(gemini_errors.TEMPERATURE, gemini_errors.TOP_P, gemini_errors.TOP_K),
    Rule(gemini_errors.MAX_OUTPUT_TOKENS, _has_no_room),
    Rule(gemini_errors.CANDIDATE_COUNT, _find_candidate_count),
    Rule(gemini_errors.STOP_SEQUENCES, _find_stop_sequences),
    Rule(gemini_errors.SAFETY_CATEGORY, _find_categories),
    Rule(gemini_errors.RESPONSE_MIME_TYPE, lambda asked: asked.mime_type not in _MIME_TYPES),
)

# --- what the model does not do


def _has_strange_role(asked: ContentRequest) -> bool:
    return any(one.get("role") not in (None, "", "user", "model", "function") for one in asked.contents)


def _ends_with_model(asked: ContentRequest) -> bool:
    """Recorded for gemini-1.0; that newer models refuse it too is said by their clients, without the text."""
    return bool(asked.contents) and asked.contents[-1].get("role") == "model"


def _has_system_instruction(asked: ContentRequest) -> bool:
    return (asked.is_tuned or asked.is_single) and asked.body.get("system_instruction") is not None


def _has_json_mode(asked: ContentRequest) -> bool:
    return (asked.is_tuned or asked.is_single) and asked.mime_type != "text/plain"


def _has_functions(asked: ContentRequest) -> bool:
    """Tuned models, and Gemma, knew no functions."""
    kinds = (_find_kind(part) for _, part in _list_parts(asked))
    without = asked.is_tuned or asked.base.id.startswith("gemma")
    return without and (bool(list_declarations(asked.body)) or any(kind in _FUNCTION_PARTS for kind in kinds))


def _has_penalties(asked: ContentRequest) -> bool:
    """Gemini 2.5 takes none here, though it does on Vertex AI."""
    wanted = any(asked.config.get(name) for name in ("presence_penalty", "frequency_penalty"))
    return wanted and asked.base.id.startswith("gemini-2.5")


def _find_media(asked: ContentRequest) -> Iterator[Values]:
    """Parts that the model does not read: of one that reads text alone all media, of any one code and its results."""
    reads_media = not asked.is_tuned and len(asked.base.prompt_kinds) > 1
    for _, part in _list_parts(asked):
        kind = _find_kind(part)
        if kind not in ("", "text", *_FUNCTION_PARTS) and not (reads_media and kind.endswith("_data")):
            mime_type = dig(part, kind, "mime_type") if kind.endswith("_data") else ""
            yield {"modality": _MEDIA.get(str(mime_type).partition("/")[0], "Document")}


def _find_modalities(asked: ContentRequest) -> Breaches:
    wanted = [one for one in asked.config.get("response_modalities", []) if one not in ("TEXT", "MODALITY_UNSPECIFIED")]
    return wanted != [] and {"modalities": ", ".join(map(str, wanted))}


def _has_turns(asked: ContentRequest) -> bool:
    return asked.is_tuned and asked.is_single and len(asked.contents) > 1


def _wants_logprobs(row: ErrorText) -> Callable[[ContentRequest], bool]:
    return lambda asked: bool(asked.config.get("response_logprobs")) and asked.day.holds(row)


def _thinks_not(asked: ContentRequest) -> bool:
    return bool(asked.config.get("thinking_config")) and not asked.base.thinking


def _sets_level(asked: ContentRequest) -> bool:
    return read_thinking_level(asked.config.get("thinking_config") or {}) != ""


def _sets_level_and_budget(asked: ContentRequest) -> bool:
    return _sets_level(asked) and dig(asked.config, "thinking_config", "thinking_budget") is not None


def _find_thinking_budget(asked: ContentRequest) -> Breaches:
    budget = dig(asked.config, "thinking_config", "thinking_budget")
    return bool(budget) and not asked.base.takes_thinking_budget(budget) and {"budget": budget}


def _stops_thinking(asked: ContentRequest) -> bool:
    budget = dig(asked.config, "thinking_config", "thinking_budget")
    return budget == 0 and not asked.base.takes_thinking_budget(0)


def _has_candidates(asked: ContentRequest) -> bool:
    return asked.is_single and (asked.config.get("candidate_count") or 1) > 1


def _find_characters(asked: ContentRequest) -> Breaches:
    length = sum(len(turn.text) for turn in read_turns(asked.contents)) if asked.is_tuned else 0
    return length > MAX_TUNED_INPUT and {"length": length, "limit": MAX_TUNED_INPUT}


ABILITY_RULES: tuple[Rule[ContentRequest], ...] = (
    Rule(gemini_errors.ROLE, _has_strange_role),
    Rule(gemini_errors.SINGLE_TURN_END, lambda asked: len(asked.contents) == 1 and _ends_with_model(asked)),
    Rule(gemini_errors.MULTITURN, _has_turns),
    Rule(gemini_errors.MULTITURN_REQUEST_END, lambda asked: len(asked.contents) > 1 and _ends_with_model(asked)),
    Rule(gemini_errors.SYSTEM_INSTRUCTION, _has_system_instruction),
    Rule(gemini_errors.JSON_MODE, _has_json_mode),
    Rule(gemini_errors.FUNCTION_CALLING, _has_functions),
    Rule(gemini_errors.INPUT_MODALITY, _find_media),
    Rule(gemini_errors.RESPONSE_MODALITIES, _find_modalities),
    *(Rule(row, _wants_logprobs(row)) for row in gemini_errors.LOGPROBS_TEXTS),
    Rule(gemini_errors.THINKING_NOT_ENABLED, _thinks_not),
    Rule(gemini_errors.THINKING_BOTH, _sets_level_and_budget),
    Rule(gemini_errors.THINKING_LEVEL, lambda asked: _sets_level(asked) and not asked.base.thinking_levels),
    Rule(gemini_errors.THINKING_REQUIRED, _stops_thinking),
    Rule(gemini_errors.THINKING_BUDGET, _find_thinking_budget),
    Rule(gemini_errors.PENALTY, _has_penalties),
    Rule(gemini_errors.ONE_CANDIDATE, _has_candidates),
    Rule(gemini_errors.INPUT_CHARACTERS, _find_characters),
    *TOOL_RULES,
    *FUNCTION_RULES,
)
"""Each speaks alone."""


# --- prompts


def check_request(asked: ContentRequest) -> None:
    """Holds a request for an answer against the rules over its fields.

    Raises:
        ApiError: some of them refuse it.
    """
    check_fields((*CONTENT_RULES, *CONFIG_RULES, *SCHEMA_RULES), asked, request=asked.request)


def read_prompt(asked: ContentRequest) -> Prompt:
    """The prompt of a request that ``check_request`` has passed, with what is cached in it and words for its media.

    Without a temperature of the request (or one that the tuned model was created with) the likeliest answer is given,
    and without ``seed`` drawn answers repeat: the service would draw a new one each time.

    Raises:
        ApiError: the model does not do what is asked.
    """
    for violation in find_violations(ABILITY_RULES, asked, model=asked.model):
        raise violation.row(**violation.values)
    config = asked.config
    return Prompt(
        turns=read_turns(asked.contents),
        system=read_system(asked),
        max_output_tokens=config.get("max_output_tokens") or asked.base.output_token_limit,
        temperature=_choose(config.get("temperature"), asked.temperature, 0.0),
        top_p=_choose(config.get("top_p"), asked.top_p, 1.0),
        top_k=int(_choose(config.get("top_k"), asked.top_k, 0)),
        seed=config.get("seed") or 0,
        stop=tuple(stop for stop in config.get("stop_sequences", []) if stop),
        candidates=config.get("candidate_count") or 1,
        presence_penalty=config.get("presence_penalty") or 0.0,
        frequency_penalty=config.get("frequency_penalty") or 0.0,
        form=read_form(asked.body),
    )


def list_counted(asked: ContentRequest) -> list[str]:
    """The texts whose tokens are counted, of a request that need not be one for an answer."""
    return list_texts(read_turns(asked.contents), read_system(asked))


def read_system(asked: ContentRequest) -> str:
    """The system turn: the instruction, and the functions that may be called."""
    declarations = list_declarations(asked.body)
    return join_system(declarations, join_text(asked.body.get("system_instruction") or {}))


def read_turns(contents: list[Value]) -> tuple[Turn, ...]:
    """The conversation; a content without role is the user's."""
    return tuple(turn for one in contents for turn in split_turns(one, model=one.get("role") == "model"))


def join_text(content: Value) -> str:
    """The text of all parts."""
    return "".join(part.get("text") or "" for part in content.get("parts", []))


def _choose(given: float | None, default: float | None, last: float) -> float:
    if given is not None:
        return given
    return last if default is None else default
