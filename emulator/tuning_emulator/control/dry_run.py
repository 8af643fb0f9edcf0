"""A dry run: what a service would say about a dataset before it tunes on it, by its own checks, without a server."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from msgspec import structs

from tuning_emulator.core.as_of import LENIENT, Day
from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.records import Api, DatasetStatistics, Hyperparameters, TuningMethod
from tuning_emulator.core.rules import find_violations
from tuning_emulator.datasets.check import check_dataset, check_first_line
from tuning_emulator.datasets.columns import count_processes
from tuning_emulator.datasets.diagnosis import Diagnosis, diagnose, peek_lines
from tuning_emulator.datasets.limits import check_validation_bytes, check_validation_size, is_cut
from tuning_emulator.datasets.lines import DatasetError, dataset_form
from tuning_emulator.datasets.packing import HEAD_BYTES
from tuning_emulator.datasets.statistics import Tally, count_tokens
from tuning_emulator.facts import emulator_errors, gemini_errors, google_errors, vertex_errors
from tuning_emulator.facts.base_models import Price, find_base_model, find_price
from tuning_emulator.facts.dataset_errors import EMPTY_DATASET
from tuning_emulator.facts.limits import GEMINI_MAX_REQUEST_BYTES, adapter_size_name
from tuning_emulator.gemini.base_models import find_tunable_model
from tuning_emulator.gemini.convert import PACKAGE
from tuning_emulator.gemini.create import CREATE_RULES, RULES, read_examples
from tuning_emulator.jobs.dataset import fill_in, find_defaults, find_limits
from tuning_emulator.protojson.compiled import CompiledSchemas
from tuning_emulator.protojson.decoder import Decoder
from tuning_emulator.protojson.reader import read_json
from tuning_emulator.schema.proto import load_schemas
from tuning_emulator.schema.schema import Value
from tuning_emulator.storage.cloud import CloudObjectStore
from tuning_emulator.storage.objects import (
    FILE_BUFFER_BYTES,
    HttpObjectStore,
    LineTooLongError,
    ObjectStore,
    read_lines,
)
from tuning_emulator.vertex import rules as vertex_rules
from tuning_emulator.vertex.rules import check_fields, check_model, is_open_model
from tuning_emulator.vertex.specs import METHODS, read_request
from tuning_trainer.spec import Example, embedded_max_tokens, parse_example, total_steps

LARGE_BYTES = 32 << 20
PLACE = "gs://bucket/"
"""Stands before a local file's name where a rule wants to see where the dataset is."""

_SPECS = {method: field for field, method in METHODS.items()}


@dataclass(frozen=True, slots=True)
class TuningRequest:
    """What would be asked of the service.

    Attributes:
        dataset, validation: A path, ``gs://…`` or ``-`` for standard input; "" for no validation dataset.
        model: As a request names it.
        storage: Base URL of a storage emulator, ``cloud``, or "": STORAGE_EMULATOR_HOST, else Cloud Storage; or the
            store itself.
        processes: How many count a dataset of Vertex AI; 0: one for each core where the file is large.
    """

    dataset: str
    model: str
    api: Api
    method: TuningMethod = TuningMethod.SUPERVISED
    validation: str = ""
    location: str = "us-central1"
    asked: Hyperparameters = field(default_factory=Hyperparameters)
    day: Day = LENIENT
    storage: str | ObjectStore = ""
    processes: int = 0

    @property
    def base_model(self) -> str:
        """The model's id without prefix."""
        row = find_base_model(self.api, self.model)
        return row.id if row else self.model


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that is broken.

    Attributes:
        where: The file, or "" for the request itself.
        line: 1-based; 0 where no line is to blame.
        rule: Name of the fact with the text.
        message: In the service's words.
    """

    where: str
    line: int
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class DryRun:
    """What came of it.

    Attributes:
        errors: Rules of the service that are broken.
        statistics: None where nothing could be counted.
        price: None where none is known.
        diagnoses: What its files are that are not what the service takes; our words, not the service's.
    """

    errors: int
    statistics: DatasetStatistics | None
    validation: DatasetStatistics | None
    hyperparameters: Hyperparameters | None
    steps: int
    training_tokens: int
    price: Price | None
    diagnoses: tuple[Diagnosis, ...] = ()

    @property
    def good(self) -> bool:
        """Whether the service would take it."""
        return not self.errors and not any(one.container for one in self.diagnoses)


Report = Callable[[BrokenRule], None]


def dry_run(request: TuningRequest, report: Report) -> DryRun:
    """Checks the request and its files; each broken rule is reported as it is found.

    Raises:
        OSError, StorageError: a file cannot be read.
    """
    errors = 0
    diagnoses: list[Diagnosis] = []

    def count(broken: BrokenRule) -> None:
        nonlocal errors
        errors += 1
        report(broken)

    if request.api == "gemini":
        statistics, validation = _run_gemini(request, count, diagnoses), None
    else:
        statistics, validation = _run_vertex(request, count, diagnoses)
    return replace(_sum_up(request, errors, statistics, validation), diagnoses=tuple(diagnoses))


def _sum_up(
    request: TuningRequest, errors: int, statistics: DatasetStatistics | None, validation: DatasetStatistics | None
) -> DryRun:
    price = find_price(request.api, request.base_model, request.method.value)
    if statistics is None:
        return DryRun(errors, None, validation, None, 0, 0, price)
    examples = statistics.examples - statistics.dropped_count
    defaults = find_defaults(
        request.api, request.base_model, request.method, examples, statistics.billable_tokens, request.asked
    )
    resolved = fill_in(request.asked, defaults)
    epochs, batch_size = max(resolved.epochs or 1, 0), max(resolved.batch_size or 1, 1)  # a negative one is reported
    tokens = statistics.billable_tokens * epochs
    steps = total_steps(examples, epochs, batch_size)
    return DryRun(errors, statistics, validation, resolved, steps, tokens, price)


# --- Vertex AI


def _run_vertex(
    request: TuningRequest, report: Report, diagnoses: list[Diagnosis]
) -> tuple[DatasetStatistics | None, DatasetStatistics | None]:
    _check_request(request, report)
    limits = find_limits("vertex", request.base_model)
    form = dataset_form(request.method, request.base_model) or "contents"

    def check(name: str, minimum: int) -> DatasetStatistics | None:
        wanted = structs.replace(limits, min_examples=minimum, readable_tokens=embedded_max_tokens())
        counted = _Described(name, report)
        try:
            with open_lines(name, request.storage) as opened:
                head, lines = (_read_head(name), opened) if _is_file(name) else peek_lines(opened)
                if (found := diagnose(head, "vertex", form, name)) is not None:
                    diagnoses.append(found)
                    if found.container:
                        check_first_line(lines, form)  # what create says; each further line would say it again
                return check_dataset(lines, form, wanted, None, counted, request.processes or choose_processes(name))
        except LineTooLongError:
            if not diagnoses:
                raise
            missing = vertex_errors.NOT_JSONL_OBJECT  # what create says of an endless line
            field = "training_dataset_uri" if name == request.dataset else "validation_dataset_uri"
            report(BrokenRule(name, 0, missing.name, missing.format(field=field)))
            return None
        except DatasetError as error:
            if error.rule != EMPTY_DATASET.name or not counted.any:  # all lines are broken: that is told already
                counted(error)
            return None

    statistics = check(request.dataset, limits.min_examples)
    validation = check(request.validation, 1) if request.validation else None
    if statistics is not None and validation is not None:
        try:
            check_validation_size(validation.examples, statistics.examples, limits)
            sizes = (_measure(request.validation, request.storage), _measure(request.dataset, request.storage))
            check_validation_bytes(*sizes, limits)
        except DatasetError as error:
            report(BrokenRule(request.validation, 0, error.rule, error.message))
    return statistics, validation


def _is_file(name: str) -> bool:
    return not name.startswith("gs://") and not is_pipe(name)


def is_pipe(name: str) -> bool:
    """Whether a dataset can be read once only: standard input, or what a shell makes of ``<(command)``."""
    return name == "-" or Path(name).is_fifo()


def _read_head(name: str) -> bytes:
    with open_file(name) as stream:
        return stream.read(HEAD_BYTES)


def _measure(name: str, storage: str | ObjectStore) -> int:
    """Bytes of a file or an object; 0 for standard input, whose length is not known before it is read."""
    if name.startswith("gs://"):
        info = open_objects(storage).stat(name)
        return info.size_bytes if info else 0
    return Path(name).stat().st_size if _is_file(name) else 0


class _Described:
    """Passes a file's errors on, and remembers whether there were any."""

    def __init__(self, where: str, report: Report) -> None:
        self._where = where
        self._report = report
        self.any = False

    def __call__(self, error: DatasetError) -> None:
        self.any = True
        self._report(BrokenRule(self._where, error.line, error.rule, error.message))


def _check_request(request: TuningRequest, report: Report) -> None:
    """What create refuses without looking into the dataset."""
    asked = read_request(make_tuning_job(request))
    model = find_base_model("vertex", request.model)
    checks: tuple[Callable[[], None], ...] = (
        lambda: check_fields(vertex_rules.RULES, asked),
        lambda: check_model(asked, model, asked.base_model, request.location, request.day),
    )
    for check in checks:
        try:
            check()
        except ApiError as error:
            report(BrokenRule("", 0, error.rule, error.message.rstrip("\t")))


def make_tuning_job(request: TuningRequest) -> Value:
    """The body of ``tuningJobs`` create. A local file stands somewhere in Cloud Storage there."""
    asked = request.asked
    hyperparameters = {
        "epoch_count": asked.epochs,
        "batch_size": asked.batch_size,
        "learning_rate": asked.learning_rate,
        "learning_rate_multiplier": asked.learning_rate_multiplier,
        "adapter_size": adapter_size_name(asked.adapter_size) if asked.adapter_size else None,
        "beta": asked.beta,
    }
    spec: Value = {
        "training_dataset_uri": _as_uri(request.dataset),
        "hyper_parameters": {name: value for name, value in hyperparameters.items() if value is not None},
    }
    if request.validation:
        spec["validation_dataset_uri"] = _as_uri(request.validation)
    name = _SPECS[request.method]
    if request.method is TuningMethod.FULL:
        name, spec["tuning_mode"] = "supervised_tuning_spec", "TUNING_MODE_FULL"
    job: Value = {"base_model": request.model, name: spec}
    if is_open_model(request.base_model):
        job["output_uri"] = PLACE
    return job


def _as_uri(name: str) -> str:
    return name if name.startswith("gs://") else PLACE + "dataset.jsonl"


# --- the Gemini API: examples travel inside the create request, so the request is what is checked

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


def _run_gemini(request: TuningRequest, report: Report, diagnoses: list[Diagnosis]) -> DatasetStatistics | None:
    """Reports what ``tunedModels`` create would refuse; counts the examples if it would not refuse one.

    The file has a JSON object a line, ``{"text_input": …, "output": …}`` or, of several turns, ``{"contents": […]}``;
    or it is a JSON array of these.

    Raises:
        OSError, StorageError: the file cannot be read.
    """
    if request.validation:
        raise ValueError("--validation: the Gemini API takes no validation dataset")
    if find_tunable_model(request.base_model, request.day) is None:
        text = gemini_errors.BASE_MODEL_NOT_TUNABLE
        report(BrokenRule("", 0, text.name, text.format(model=request.base_model, version=_VERSION)))
    data = read_whole(request)
    limit = GEMINI_MAX_REQUEST_BYTES.value
    if len(data) > limit:
        large = google_errors.BODY_TOO_LARGE
        report(BrokenRule(request.dataset, 0, large.name, large.format(limit_bytes=limit)))
        return None
    found = diagnose(data[:HEAD_BYTES], "gemini", name=request.dataset)
    if found is not None:
        diagnoses.append(found)
        if found.container:
            return None  # there are no examples that a request could carry
    broken: list[BrokenRule] = []
    lines = split_examples(request, data, broken.append)
    create = _bind(request, lines, broken.append)
    if lines.any or not broken:
        broken += _find_violations(request, lines, create)
    for one in sorted(broken, key=lambda one: one.line):
        report(one)
    return None if any(one.line for one in broken) else _count(read_examples(create))


def read_whole(request: TuningRequest) -> bytes:
    """The file, as far as a request may be long: no more is taken into memory."""
    limit = GEMINI_MAX_REQUEST_BYTES.value + 1
    if not request.dataset.startswith("gs://"):
        with open_file(request.dataset) as stream:
            return stream.read(limit)
    parts, size = [], 0
    for line in open_objects(request.storage).lines(request.dataset):
        parts.append(line)
        size += len(line) + 1
        if size > limit:
            break
    return b"\n".join(parts)


def split_examples(request: TuningRequest, data: bytes, report: Report) -> GeminiLines:
    """The examples in a file's bytes; lines that are not JSON are reported."""
    lines = GeminiLines()
    if data.lstrip().startswith(b"["):
        try:
            for value in read_json(data):
                lines.add(value, 1)
        except ApiError as error:
            report(BrokenRule(request.dataset, 1, error.rule, error.message))
        return lines
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            try:
                lines.add(read_json(line), number)
            except ApiError as error:
                report(BrokenRule(request.dataset, number, error.rule, error.message))
    return lines


def read_dataset(request: TuningRequest, name: str) -> list[Example]:
    """The examples of a file that the service would take, as the trainer reads them.

    Raises:
        OSError, StorageError: it cannot be read. DatasetError: no example is left.
    """
    if request.api == "gemini":
        create = _bind(request, split_examples(request, read_whole(request), lambda _: None), lambda _: None)
        return list(read_examples(create))
    form = dataset_form(request.method, request.base_model) or "contents"
    limits = structs.replace(find_limits("vertex", request.base_model), min_examples=1)
    with tempfile.TemporaryDirectory() as folder, open_lines(name, request.storage) as lines:
        written = Path(folder) / "examples.jsonl"
        check_dataset(lines, form, limits, written)
        return [parse_example(line) for line in written.read_text("utf-8").splitlines()]


def _bind(request: TuningRequest, lines: GeminiLines, report: Report) -> Value:
    """The create request, read as the service's front end reads it."""
    body = json.dumps(make_tuned_model(request, lines, "validated")).encode()
    decoder = Decoder(CompiledSchemas(load_schemas(PACKAGE).values()), _REQUEST)
    create = decoder.read_body(body, "tuned_model")
    for place, text in decoder.violations.found:
        line = lines.find(place)
        report(BrokenRule(request.dataset if line else "", line, "transcoding", text))
    return create


def make_tuned_model(request: TuningRequest, lines: GeminiLines, display_name: str) -> dict[str, Any]:
    """The body of ``tunedModels`` create."""
    asked = request.asked
    given = {
        "epoch_count": asked.epochs,
        "batch_size": asked.batch_size,
        "learning_rate": asked.learning_rate,
        "learning_rate_multiplier": asked.learning_rate_multiplier,
    }
    return {
        "base_model": f"models/{request.base_model}",
        "display_name": display_name,
        "tuning_task": {
            "hyperparameters": {name: value for name, value in given.items() if value is not None},
            "training_data": {"examples": {name: items for name, items in lines.examples.items() if items}},
        },
    }


def _find_violations(request: TuningRequest, lines: GeminiLines, create: Value) -> Iterator[BrokenRule]:
    for violation in (*find_violations(CREATE_RULES, create), *find_violations(RULES, create)):
        message = violation.text.rstrip("\n")
        line = lines.find(message)
        where = request.dataset if line or violation.row is gemini_errors.EXAMPLES_EMPTY else ""
        yield BrokenRule(where, line, violation.row.name, message)


def _count(examples: tuple[Example, ...]) -> DatasetStatistics | None:
    """Statistics as Vertex AI defines them; the Gemini API shows none."""
    tally, readable = Tally(), embedded_max_tokens()
    for example in examples:
        tokens = [count_tokens(turn.text) for turn in example.turns]
        outputs = sum(count for count, turn in zip(tokens, example.turns, strict=True) if turn.role == "model")
        inputs = sum(tokens) - outputs + count_tokens(example.system)
        tally.add_all([inputs], [outputs], [len(tokens)])
        if is_cut(inputs + outputs, readable):
            tally.reduce(emulator_errors.CUT.format(limit=f"about {readable:,}"), tally.examples)
    return tally.summarise() if tally.examples else None


# --- files


def choose_processes(name: str) -> int:
    """One for a file that is read before a second one has started; else one for each core."""
    return count_processes() if os.path.isfile(name) and os.path.getsize(name) > LARGE_BYTES else 1


@contextmanager
def open_lines(name: str, storage: str | ObjectStore) -> Iterator[Iterable[bytes]]:
    """Lines of a local file, an object, or standard input.

    Raises:
        OSError, StorageError: it cannot be read.
    """
    if name.startswith("gs://"):
        yield open_objects(storage).lines(name)
    else:
        with open_file(name) as stream:
            yield read_lines(stream)


@contextmanager
def open_file(name: str) -> Iterator[BinaryIO]:
    """A local file, or standard input for ``-``."""
    if name == "-":
        with open(sys.stdin.fileno(), "rb", FILE_BUFFER_BYTES, closefd=False) as stream:
            yield stream
    else:
        with open(name, "rb", FILE_BUFFER_BYTES) as stream:
            yield stream


def open_objects(storage: str | ObjectStore) -> ObjectStore:
    """Where ``gs://`` is."""
    if not isinstance(storage, str):
        return storage
    storage = storage or os.environ.get("STORAGE_EMULATOR_HOST", "") or "cloud"
    return CloudObjectStore() if storage == "cloud" else HttpObjectStore(storage)
