"""From a create request to a waiting job: whose model is tuned, what the rules say, what is stored."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tuning_emulator.api.call import Call
from tuning_emulator.core.ids import tuned_model_slug_fits
from tuning_emulator.core.job_control import Magic
from tuning_emulator.core.records import Asked, Hyperparameters, Progress, TuningJob, TuningMethod
from tuning_emulator.core.rules import Breaches, Rule, Values, find_violations
from tuning_emulator.facts import gemini_errors
from tuning_emulator.facts.base_models import BaseModel, find_base_model
from tuning_emulator.facts.defaults import gemini_defaults
from tuning_emulator.facts.limits import (
    GEMINI_ID_FILLED,
    GEMINI_MAX_DISPLAY_NAME_CHARACTERS,
    GEMINI_MAX_INPUT_CHARACTERS,
    GEMINI_MAX_OUTPUT_CHARACTERS,
    GEMINI_MAX_STEPS,
)
from tuning_emulator.gemini.base_models import find_max_temperature, find_tunable_model
from tuning_emulator.gemini.convert import format_state, is_active, own_permission
from tuning_emulator.gemini.hints import explain_missing_data
from tuning_emulator.gemini.permissions import find_tuned_model
from tuning_emulator.gemini.rules import dig, drawing_rules, refuse_violations
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.pacing import find_magic
from tuning_emulator.schema.schema import Value
from tuning_trainer.spec import Example, Turn, format_example, total_steps

# --- training examples of a create request

MAX_INPUT = GEMINI_MAX_INPUT_CHARACTERS.value
MAX_OUTPUT = GEMINI_MAX_OUTPUT_CHARACTERS.value


def find_dataset(request: Value) -> Value | None:
    """The ``TuningExamples`` of a create request, or None when it brings none."""
    found: Value | None = dig(request, "tuned_model", "tuning_task", "training_data", "examples")
    return found


def _pairs(request: Value) -> list[Value]:
    pairs: list[Value] = (find_dataset(request) or {}).get("examples", [])
    return pairs


def _conversations(request: Value) -> list[Value]:
    conversations: list[Value] = (find_dataset(request) or {}).get("multiturn_examples", [])
    return conversations


def _training_data(request: Value) -> Value | None:
    data: Value | None = dig(request, "tuned_model", "tuning_task", "training_data")
    return data


def _has_no_examples(request: Value) -> bool:
    return _training_data(request) is not None and not _pairs(request) and not _conversations(request)


def _find_missing_outputs(request: Value) -> Iterator[Values]:
    return ({"index": index} for index, pair in enumerate(_pairs(request)) if not pair.get("output"))


def _find_long(field: str, limit: int) -> Callable[[Value], Iterator[Values]]:
    def find(request: Value) -> Iterator[Values]:
        lengths = (len(pair.get(field, "")) for pair in _pairs(request))
        return ({"index": i, "limit": limit, "length": n} for i, n in enumerate(lengths) if n > limit)

    return find


def _find_empty_conversations(request: Value) -> Iterator[Values]:
    return ({"index": index} for index, one in enumerate(_conversations(request)) if not one.get("contents"))


def _list_turns(request: Value) -> Iterator[tuple[Values, Value]]:
    for index, conversation in enumerate(_conversations(request)):
        for turn, content in enumerate(conversation.get("contents", [])):
            yield {"index": index, "turn": turn}, content


def _find_roles(request: Value) -> Iterator[Values]:
    for place, content in _list_turns(request):
        if (role := content.get("role", "")) not in ("user", "model"):
            yield {**place, "role": role}


def _find_empty_turns(request: Value) -> Iterator[Values]:
    return (place for place, content in _list_turns(request) if not content.get("parts"))


def _find_open_ends(request: Value) -> Iterator[Values]:
    for index, conversation in enumerate(_conversations(request)):
        contents = conversation.get("contents", [])
        if contents and contents[-1].get("role") != "model":
            yield {"index": index}


RULES: tuple[Rule[Value], ...] = (
    Rule(gemini_errors.TRAINING_DATA_MISSING, lambda request: _training_data(request) is None),
    Rule(gemini_errors.EXAMPLES_EMPTY, _has_no_examples),
    Rule(gemini_errors.OUTPUT_MISSING, _find_missing_outputs),
    Rule(gemini_errors.TEXT_INPUT_LENGTH, _find_long("text_input", MAX_INPUT)),
    Rule(gemini_errors.OUTPUT_LENGTH, _find_long("output", MAX_OUTPUT)),
    Rule(gemini_errors.MULTITURN_EMPTY, _find_empty_conversations),
    Rule(gemini_errors.MULTITURN_ROLE, _find_roles),
    Rule(gemini_errors.MULTITURN_PARTS, _find_empty_turns),
    Rule(gemini_errors.MULTITURN_END, _find_open_ends),
)
"""Over the whole request."""


def read_examples(request: Value) -> tuple[Example, ...]:
    """The examples of a request that kept the rules."""
    pairs = (read_pair(pair.get("text_input", ""), pair["output"]) for pair in _pairs(request))
    return (*pairs, *(_read_conversation(one) for one in _conversations(request)))


def read_pair(text_input: str, output: str) -> Example:
    """One question and its answer."""
    return Example((Turn("user", text_input), Turn("model", output)))


def _read_conversation(conversation: Value) -> Example:
    turns = tuple(Turn(content["role"], _join(content)) for content in conversation["contents"])
    return Example(turns, _join(conversation.get("system_instruction", {})))


def _join(content: Value) -> str:
    return "".join(part.get("text", "") for part in content.get("parts", []))


class DefaultDatasetError(ValueError):
    """The file of default examples cannot be used; the text names the file, the line and what would be right."""


def load_default_dataset(path: Path | None) -> tuple[Example, ...]:
    """Reads JSON lines of ``{"text_input": …, "output": …}``; ``textInput`` is taken too. None: no examples.

    Raises:
        DefaultDatasetError: the file cannot be read, or a line of it.
    """
    if path is None:
        return ()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DefaultDatasetError(f"default_dataset: {path}: {error}") from error
    try:
        return _read_lines(data.decode().splitlines(), path)
    except (DefaultDatasetError, UnicodeDecodeError) as error:
        from tuning_emulator.datasets.diagnosis import diagnose  # late: a good file needs none
        from tuning_emulator.datasets.packing import HEAD_BYTES

        found = diagnose(data[:HEAD_BYTES], "gemini", name=str(path))
        said = f"default_dataset: {path}: {error}" if isinstance(error, UnicodeDecodeError) else str(error)
        raise DefaultDatasetError(f"{said}; {found}" if found else said) from error


def _read_lines(lines: list[str], path: Path) -> tuple[Example, ...]:
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise DefaultDatasetError(f"default_dataset: {path}: holds no examples")
    return tuple(_parse_line(line, f"default_dataset: {path}, line {number}") for number, line in numbered)


def _parse_line(line: str, where: str) -> Example:
    try:
        pair: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise DefaultDatasetError(f"{where}: not JSON: {error}") from error
    if not isinstance(pair, dict):
        raise DefaultDatasetError(f'{where}: {line!r} is not {{"text_input": …, "output": …}}')
    text_input = pair.get("text_input", pair.get("textInput"))
    output = pair.get("output")
    if not isinstance(text_input, str) or not isinstance(output, str) or not output:
        raise DefaultDatasetError(f"{where}: text_input and output must be strings, output not empty")
    return read_pair(text_input, output)


MAX_DISPLAY_NAME = GEMINI_MAX_DISPLAY_NAME_CHARACTERS.value


class TunedFields(Struct, frozen=True):
    """The fields of a tuned model (``config``) that create and update share."""

    config: Value
    max_temperature: float


class Origin(Struct, frozen=True):
    """What is tuned: a base model, or a tuned model (``tunedModels/x``) and its base model."""

    base_model: str
    source_model: str = ""


# --- rules over fields


def _find_tuned_model_id(request: Value) -> Breaches:
    identifier = request.get("tuned_model_id", "")
    return identifier != "" and not tuned_model_slug_fits(identifier) and {"id": identifier}


def _lacks_source(request: Value) -> bool:
    model = request.get("tuned_model", {})
    return not model.get("base_model") and model.get("tuned_model_source") is None


def _has_wrong_base_model(request: Value) -> bool:
    name = dig(request, "tuned_model", "base_model")
    return bool(name) and not _is_name(name, "models/")


def _has_wrong_source(request: Value) -> bool:
    source = dig(request, "tuned_model", "tuned_model_source")
    return source is not None and not _is_name(source.get("tuned_model", ""), "tunedModels/")


def _is_name(name: str, prefix: str) -> bool:
    rest = name.removeprefix(prefix)
    return rest not in (name, "") and "/" not in rest


def _not_positive(field: str) -> Callable[[Value], bool]:
    def check(request: Value) -> bool:
        value = dig(request, "tuned_model", "tuning_task", "hyperparameters", field)
        return value is not None and not 0 < value < math.inf

    return check


def _has_long_name(fields: TunedFields) -> bool:
    return len(fields.config.get("display_name") or "") > MAX_DISPLAY_NAME


CREATE_RULES: tuple[Rule[Value], ...] = (
    Rule(gemini_errors.TUNED_MODEL_ID_FORMAT, _find_tuned_model_id),
    Rule(gemini_errors.SOURCE_MODEL_MISSING, _lacks_source),
    Rule(gemini_errors.BASE_MODEL_FORMAT, _has_wrong_base_model),
    Rule(gemini_errors.SOURCE_TUNED_MODEL_FORMAT, _has_wrong_source),
    Rule(gemini_errors.EPOCH_COUNT, _not_positive("epoch_count")),
    Rule(gemini_errors.BATCH_SIZE, _not_positive("batch_size")),
    Rule(gemini_errors.LEARNING_RATE, _not_positive("learning_rate")),
    Rule(gemini_errors.LEARNING_RATE_MULTIPLIER, _not_positive("learning_rate_multiplier")),
)
"""Over the whole request, before its examples."""

FIELD_RULES: tuple[Rule[TunedFields], ...] = (
    Rule(gemini_errors.DISPLAY_NAME_LENGTH, _has_long_name),
    *drawing_rules(gemini_errors.TUNED_TEMPERATURE, gemini_errors.TUNED_TOP_P, gemini_errors.TUNED_TOP_K),
)
"""Over what create and update share."""


# --- the way of a create


class Creation:
    """Makes jobs of create requests."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def create(self, call: Call) -> TuningJob:
        """Checks a create request and stores its job, its examples and the owner's permission.

        Raises:
            ApiError: a rule refuses it; nothing is stored.
        """
        request = call.request
        examples = self._read_examples(call)
        if not request.get("tuned_model_id") and not dig(request, "tuned_model", "display_name"):
            raise gemini_errors.NAME_MISSING()
        origin = self._find_origin(call)
        base = self._find_base(call, origin)
        magic = find_magic("gemini", request["tuned_model"].get("display_name", ""), {})
        job = self._make_job(call, origin, base, self._choose_id(call))
        return self._store(_fill(job, len(examples)), examples, magic)

    def _read_examples(self, call: Call) -> tuple[Example, ...]:
        """Checks every field; where no examples were sent, the default data set stands in if there is one."""
        request = call.request
        missing = find_dataset(request) is None
        if missing:
            call.notes.append(explain_missing_data(call.headers))
        found = find_violations(CREATE_RULES, request)
        found += find_violations(FIELD_RULES, _read_fields(request), request="CreateTunedModelRequest")
        if missing and self._backend.default_dataset:
            refuse_violations(found)
            return self._backend.default_dataset
        refuse_violations([*found, *find_violations(RULES, request)])
        return read_examples(request)

    def _find_origin(self, call: Call) -> Origin:
        model = call.request["tuned_model"]
        source = model.get("tuned_model_source")
        if source is None:
            return Origin(model["base_model"].removeprefix("models/"))
        parent = find_tuned_model(self._backend.store, source["tuned_model"], call.caller)
        if not is_active(parent):
            raise gemini_errors.SOURCE_NOT_ACTIVE(id=parent.id, state=format_state(parent))
        return Origin(parent.asked.base_model, source["tuned_model"])

    def _find_base(self, call: Call, origin: Origin) -> BaseModel:
        base = find_tunable_model(origin.base_model, self._backend.find_day(call.caller))
        if base is None:
            raise gemini_errors.BASE_MODEL_NOT_TUNABLE(model=origin.base_model, version=call.version)
        self._backend.note_retired(base, self._backend.find_day(call.caller), tuning=True)
        if not origin.source_model:  # what a tuned model was tuned on may be another
            self._backend.refuse_untunable(base.id)
        return base

    def _choose_id(self, call: Call) -> str:
        """The client's own id if it is free, else one from the display name. Ids are global."""
        store, wanted = self._backend.store, call.request.get("tuned_model_id", "")
        if not wanted:
            return self._make_id(call)
        taken = store.get_tuned_model(wanted)
        if taken is None:
            return str(wanted)
        if taken.owner.lower() == call.caller.principal.lower():
            raise gemini_errors.TUNED_MODEL_EXISTS(id=wanted)
        raise gemini_errors.TUNED_MODEL_ID_OF_STRANGER(id=wanted)

    def _make_id(self, call: Call) -> str:
        """A free id from the display name, as such ids looked on the caller's day."""
        filled = self._backend.find_day(call.caller).holds(GEMINI_ID_FILLED)
        while True:
            made = self._backend.ids.tuned_model(call.request["tuned_model"]["display_name"], filled=filled)
            if self._backend.store.get_tuned_model(made) is None:
                return made

    def _make_job(self, call: Call, origin: Origin, base: BaseModel, identifier: str) -> TuningJob:
        model = call.request["tuned_model"]
        now_ns = self._backend.clock.timestamp_ns()
        hyperparameters = _read_hyperparameters(dig(model, "tuning_task", "hyperparameters") or {})
        return TuningJob(
            uid=0,
            api="gemini",
            project=call.caller.project,
            location="",
            id=identifier,
            api_version=call.version,
            operation_id=self._backend.ids.operation(),
            created_ns=now_ns,
            asked=Asked(TuningMethod.SUPERVISED, base.id, hyperparameters, source_model=origin.source_model),
            progress=Progress(updated_ns=now_ns),
            owner=call.caller.principal,
            display_name=model.get("display_name", ""),
            description=model.get("description", ""),
            temperature=_given(model, "temperature", base.temperature),
            top_p=_given(model, "top_p", base.top_p),
            top_k=_given(model, "top_k", base.top_k or 0),
            reader_project_numbers=tuple(model.get("reader_project_numbers", ())),
        )

    def _store(self, job: TuningJob, examples: tuple[Example, ...], magic: Magic) -> TuningJob:
        store = self._backend.store
        lines = "\n".join(format_example(example) for example in examples)
        with store.transaction():
            job = store.insert_job(job)
            store.put_inline_dataset(job.uid, lines)
            store.put_permission(own_permission(job))
        self._backend.queue.submit(job, magic)
        return job


def _read_fields(request: Value) -> TunedFields:
    """The fields that update has too; the base model, if it is known, says how hot it may be."""
    model: Value = request.get("tuned_model", {})
    base = find_base_model("gemini", (model.get("base_model") or "").removeprefix("models/"))
    return TunedFields(model, find_max_temperature(base))


def _given(model: Value, name: str, default: Any) -> Any:
    """A field as sent, or the base model's value. Recorded: a base without topK makes a tuned model with topK 0."""
    return model[name] if model.get(name) is not None else default


def _read_hyperparameters(asked: Value) -> Hyperparameters:
    return Hyperparameters(
        epochs=asked.get("epoch_count"),
        batch_size=asked.get("batch_size"),
        learning_rate=asked.get("learning_rate"),
        learning_rate_multiplier=asked.get("learning_rate_multiplier"),
    )


def _fill(job: TuningJob, examples: int) -> TuningJob:
    """Fixes what the request left open: Gemini knows its examples from the start and echoes everything at once.

    Raises:
        ApiError: INVALID_ARGUMENT, more steps than the answer's int32 can count.
    """
    asked, defaults = job.asked.hyperparameters, gemini_defaults(examples)
    epochs = asked.epochs or defaults.epochs
    batch_size = asked.batch_size or defaults.batch_size
    rate = asked.learning_rate or defaults.learning_rate * (asked.learning_rate_multiplier or 1.0)
    filled = replace(asked, epochs=epochs, batch_size=batch_size, learning_rate=rate)
    steps = total_steps(examples, epochs, batch_size)
    if steps > GEMINI_MAX_STEPS.value:
        raise gemini_errors.TOO_MANY_STEPS(steps=steps, maximum=GEMINI_MAX_STEPS.value)
    return replace(
        job,
        asked=replace(job.asked, hyperparameters=filled),
        progress=replace(job.progress, total_steps=steps),
    )
