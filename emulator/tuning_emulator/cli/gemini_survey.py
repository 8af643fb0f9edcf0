"""A dataset of the Gemini API: it travels inside the create request, so the request is what is checked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tuning_emulator.cli.survey import Fault, Plan, Report, open_file, open_objects
from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.records import DatasetStatistics, Hyperparameters
from tuning_emulator.datasets.statistics import Tally
from tuning_emulator.datasets.tokens import count_tokens
from tuning_emulator.facts import gemini_errors, google_errors
from tuning_emulator.facts.limits import GEMINI_MAX_REQUEST_BYTES
from tuning_emulator.gemini.base_models import find_tunable_model
from tuning_emulator.gemini.convert import PACKAGE
from tuning_emulator.gemini.create import CREATE_RULES, RULES, read_examples
from tuning_emulator.gemini.rules import find_breaches
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.protojson.decoder import Violations
from tuning_emulator.protojson.reader import read_json
from tuning_emulator.schema.proto import load_schemas
from tuning_emulator.schema.schema import Value
from tuning_trainer.spec import Example

_VERSION = "v1beta"
_REQUEST = f"{PACKAGE}.{_VERSION}.CreateTunedModelRequest"
_PLACE = re.compile(r"\b(examples|multiturn_examples)\[(\d+)\]")


class GeminiLines:
    """The examples of a file in the two lists in which a request has them, and the line of each."""

    def __init__(self) -> None:
        self.examples: dict[str, list[Any]] = {"examples": [], "multiturn_examples": []}
        self._lines: dict[str, list[int]] = {"examples": [], "multiturn_examples": []}

    def add(self, value: Any, line: int) -> None:
        """Takes the JSON value of a line."""
        kind = "multiturn_examples" if isinstance(value, dict) and "contents" in value else "examples"
        self.examples[kind].append(value)
        self._lines[kind].append(line)

    @property
    def any(self) -> bool:
        """Whether there are examples at all."""
        return any(self.examples.values())

    def find(self, message: str) -> int:
        """The line that a text blames, 0 for none."""
        place = _PLACE.search(message)
        return self._lines[place[1]][int(place[2])] if place else 0


def survey_gemini(plan: Plan, report: Report) -> DatasetStatistics | None:
    """Reports what ``tunedModels`` create would refuse; counts the examples if it would not refuse one.

    The file has a JSON object a line, ``{"text_input": …, "output": …}`` or, of several turns, ``{"contents": […]}``;
    or it is a JSON array of these.

    Raises:
        OSError, StorageError: the file cannot be read.
    """
    if plan.validation:
        raise ValueError("--validation: the Gemini API takes no validation dataset")
    if find_tunable_model(plan.base_model, plan.day) is None:
        text = gemini_errors.BASE_MODEL_NOT_TUNABLE
        report(Fault("", 0, text.name, text.format(model=plan.base_model, version=_VERSION)))
    data = read_whole(plan)
    limit = GEMINI_MAX_REQUEST_BYTES.value
    if len(data) > limit:
        large = google_errors.BODY_TOO_LARGE
        report(Fault(plan.dataset, 0, large.name, large.format(limit_bytes=limit)))
        return None
    broken: list[Fault] = []
    lines = split_examples(plan, data, broken.append)
    request = _bind(plan, lines, broken.append)
    if lines.any or not broken:
        broken += _find_breaches(plan, lines, request)
    for fault in sorted(broken, key=lambda one: one.line):
        report(fault)
    return None if any(fault.line for fault in broken) else _count(read_examples(request))


def read_whole(plan: Plan) -> bytes:
    """The file, as far as a request may be long: no more is taken into memory."""
    limit = GEMINI_MAX_REQUEST_BYTES.value + 1
    if not plan.dataset.startswith("gs://"):
        with open_file(plan.dataset) as stream:
            return stream.read(limit)
    parts, size = [], 0
    for line in open_objects(plan.storage).lines(plan.dataset):
        parts.append(line)
        size += len(line) + 1
        if size > limit:
            break
    return b"\n".join(parts)


def split_examples(plan: Plan, data: bytes, report: Report) -> GeminiLines:
    """The examples in a file's bytes; lines that are not JSON are reported."""
    lines = GeminiLines()
    if data.lstrip().startswith(b"["):
        try:
            for value in read_json(data):
                lines.add(value, 1)
        except ApiError as error:
            report(Fault(plan.dataset, 1, error.rule, error.message))
        return lines
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            try:
                lines.add(read_json(line), number)
            except ApiError as error:
                report(Fault(plan.dataset, number, error.rule, error.message))
    return lines


def _bind(plan: Plan, lines: GeminiLines, report: Report) -> Value:
    """The create request, read as the service's front end reads it."""
    given = {name: items for name, items in lines.examples.items() if items}
    model = {
        "base_model": f"models/{plan.base_model}",
        "display_name": "validated",
        "tuning_task": {
            "hyperparameters": _name_hyperparameters(plan.asked),
            "training_data": {"examples": given},
        },
    }
    violations = Violations()
    body = json.dumps(model).encode()
    request = Codec(load_schemas(PACKAGE).values()).read(body, _REQUEST, violations, "tuned_model")
    for place, text in violations.found:
        line = lines.find(place)
        report(Fault(plan.dataset if line else "", line, "transcoding", text))
    return request


def _name_hyperparameters(asked: Hyperparameters) -> dict[str, Any]:
    given = {
        "epoch_count": asked.epochs,
        "batch_size": asked.batch_size,
        "learning_rate": asked.learning_rate,
        "learning_rate_multiplier": asked.learning_rate_multiplier,
    }
    return {name: value for name, value in given.items() if value is not None}


def _find_breaches(plan: Plan, lines: GeminiLines, request: Value) -> Iterator[Fault]:
    for text, values in (*find_breaches(CREATE_RULES, request), *find_breaches(RULES, request)):
        message = text.format(**values).rstrip("\n")
        line = lines.find(message)
        yield Fault(
            plan.dataset if line or text.name == gemini_errors.EXAMPLES_EMPTY.name else "", line, text.name, message
        )


def _count(examples: tuple[Example, ...]) -> DatasetStatistics | None:
    """Statistics as Vertex AI defines them; the Gemini API shows none."""
    tally = Tally()
    for example in examples:
        tokens = [count_tokens(turn.text) for turn in example.turns]
        outputs = sum(count for count, turn in zip(tokens, example.turns, strict=True) if turn.role == "model")
        inputs = sum(tokens) - outputs + count_tokens(example.system)
        tally.add_all([inputs], [outputs], [len(tokens)])
    return tally.summarise() if tally.examples else None
