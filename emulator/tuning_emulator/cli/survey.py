"""What a service would say about a dataset before it tunes on it: the service's own checks, without a server."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from tuning_emulator.core.as_of import LENIENT, Day
from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.records import Api, DatasetStatistics, Hyperparameters, TuningMethod
from tuning_emulator.datasets.check import check_dataset, check_validation_size, dataset_form
from tuning_emulator.datasets.columns import count_processes
from tuning_emulator.datasets.lines import DatasetError
from tuning_emulator.facts.base_models import find_base_model
from tuning_emulator.facts.dataset_errors import EMPTY_DATASET
from tuning_emulator.facts.limits import Price, adapter_size_name, find_price
from tuning_emulator.jobs.dataset import fill_in, find_defaults, find_limits
from tuning_emulator.schema.schema import Value
from tuning_emulator.storage.cloud import CloudObjectStore
from tuning_emulator.storage.objects import FILE_BUFFER_BYTES, HttpObjectStore, ObjectStore, read_lines
from tuning_emulator.vertex.rules import RULES, check_fields, check_model, is_open_model, read_draft
from tuning_emulator.vertex.specs import METHODS
from tuning_trainer.spec import total_steps

LARGE_BYTES = 32 << 20
PLACE = "gs://bucket/"
"""Stands before a local file's name where a rule wants to see where the dataset is."""

_SPECS = {method: field for field, method in METHODS.items()}


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be asked of the service.

    Attributes:
        dataset, validation: A path, ``gs://…`` or ``-`` for standard input; "" for no validation dataset.
        model: As a request names it.
        storage: Base URL of a storage emulator, ``cloud``, or "": STORAGE_EMULATOR_HOST, else Cloud Storage.
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
    storage: str = ""
    processes: int = 0

    @property
    def base_model(self) -> str:
        """The model's id without prefix."""
        row = find_base_model(self.api, self.model)
        return row.id if row else self.model


@dataclass(frozen=True, slots=True)
class Fault:
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
class Survey:
    """What came of it. ``statistics`` is None where nothing could be counted, ``price`` where none is known."""

    faults: int
    statistics: DatasetStatistics | None
    validation: DatasetStatistics | None
    hyperparameters: Hyperparameters | None
    steps: int
    training_tokens: int
    price: Price | None


Report = Callable[[Fault], None]


def survey(plan: Plan, report: Report) -> Survey:
    """Checks the request and its files; each broken rule is reported as it is found.

    Raises:
        OSError, StorageError: a file cannot be read.
    """
    faults: list[int] = []

    def count(fault: Fault) -> None:
        faults[:] = [sum(faults) + 1]
        report(fault)

    if plan.api == "gemini":
        from tuning_emulator.cli.gemini_survey import survey_gemini  # its API is not needed for the other

        statistics, validation = survey_gemini(plan, count), None
    else:
        statistics, validation = _survey_vertex(plan, count)
    return _sum_up(plan, sum(faults), statistics, validation)


def _sum_up(
    plan: Plan, faults: int, statistics: DatasetStatistics | None, validation: DatasetStatistics | None
) -> Survey:
    price = find_price(plan.api, plan.base_model, plan.method.value)
    if statistics is None:
        return Survey(faults, None, validation, None, 0, 0, price)
    examples = statistics.examples - statistics.dropped_count
    resolved = fill_in(plan.asked, find_defaults(plan.api, plan.base_model, plan.method, examples))
    epochs, batch_size = max(resolved.epochs or 1, 0), max(resolved.batch_size or 1, 1)  # a negative one is reported
    tokens = statistics.billable_tokens * epochs
    steps = total_steps(examples, epochs, batch_size)
    return Survey(faults, statistics, validation, resolved, steps, tokens, price)


# --- Vertex AI


def _survey_vertex(plan: Plan, report: Report) -> tuple[DatasetStatistics | None, DatasetStatistics | None]:
    _check_request(plan, report)
    limits = find_limits("vertex", plan.base_model)
    form = dataset_form(plan.method, plan.base_model) or "contents"

    def check(name: str, minimum: int) -> DatasetStatistics | None:
        wanted = replace(limits, min_examples=minimum)
        counted = _Described(name, report)
        try:
            with open_lines(name, plan.storage) as lines:
                return check_dataset(lines, form, wanted, None, counted, plan.processes or choose_processes(name))
        except DatasetError as error:
            if error.rule != EMPTY_DATASET.name or not counted.any:  # all lines are broken: that is told already
                counted(error)
            return None

    statistics = check(plan.dataset, limits.min_examples)
    validation = check(plan.validation, 1) if plan.validation else None
    if statistics is not None and validation is not None:
        try:
            check_validation_size(validation.examples, statistics.examples, limits)
        except DatasetError as error:
            report(Fault(plan.validation, 0, error.rule, error.message))
    return statistics, validation


class _Described:
    """Passes a file's errors on, and remembers whether there were any."""

    def __init__(self, where: str, report: Report) -> None:
        self._where = where
        self._report = report
        self.any = False

    def __call__(self, error: DatasetError) -> None:
        self.any = True
        self._report(Fault(self._where, error.line, error.rule, error.message))


def _check_request(plan: Plan, report: Report) -> None:
    """What create refuses without looking into the dataset."""
    draft = read_draft(_make_tuning_job(plan))
    model = find_base_model("vertex", plan.model)
    checks: tuple[Callable[[], None], ...] = (
        lambda: check_fields(RULES, draft),
        lambda: check_model(draft, model, draft.base_model, plan.location, plan.day),
    )
    for check in checks:
        try:
            check()
        except ApiError as error:
            report(Fault("", 0, error.rule, error.message.rstrip("\t")))


def _make_tuning_job(plan: Plan) -> Value:
    asked = plan.asked
    hyperparameters = {
        "epoch_count": asked.epochs,
        "batch_size": asked.batch_size,
        "learning_rate": asked.learning_rate,
        "learning_rate_multiplier": asked.learning_rate_multiplier,
        "adapter_size": adapter_size_name(asked.adapter_size) if asked.adapter_size else None,
        "beta": asked.beta,
    }
    spec: Value = {
        "training_dataset_uri": _as_uri(plan.dataset),
        "hyper_parameters": {name: value for name, value in hyperparameters.items() if value is not None},
    }
    if plan.validation:
        spec["validation_dataset_uri"] = _as_uri(plan.validation)
    name = _SPECS[plan.method]
    if plan.method is TuningMethod.FULL:
        name, spec["tuning_mode"] = "supervised_tuning_spec", "TUNING_MODE_FULL"
    job: Value = {"base_model": plan.model, name: spec}
    if is_open_model(plan.base_model):
        job["output_uri"] = PLACE
    return job


def _as_uri(name: str) -> str:
    return name if name.startswith("gs://") else PLACE + "dataset.jsonl"


# --- files


def choose_processes(name: str) -> int:
    """One for a file that is read before a second one has started; else one for each core."""
    return count_processes() if os.path.isfile(name) and os.path.getsize(name) > LARGE_BYTES else 1


@contextmanager
def open_lines(name: str, storage: str) -> Iterator[Iterable[bytes]]:
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


def open_objects(storage: str) -> ObjectStore:
    """Where ``gs://`` is."""
    storage = storage or os.environ.get("STORAGE_EMULATOR_HOST", "") or "cloud"
    return CloudObjectStore() if storage == "cloud" else HttpObjectStore(storage)
