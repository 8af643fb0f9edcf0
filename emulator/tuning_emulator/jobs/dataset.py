"""Reading and checking a job's data, in a thread, before it is trained on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.records import Api, DatasetStatistics, Hyperparameters, TuningJob, TuningMethod
from tuning_emulator.datasets.check import MediaReading, ReadExample, check_dataset
from tuning_emulator.datasets.limits import (
    DEFAULT_LIMITS,
    DatasetLimits,
    check_validation_bytes,
    check_validation_size,
)
from tuning_emulator.datasets.lines import DatasetForm, dataset_form
from tuning_emulator.datasets.statistics import DROPPED_SAMPLE
from tuning_emulator.facts import emulator_errors, vertex_errors
from tuning_emulator.facts.base_models import find_base_model
from tuning_emulator.facts.defaults import Defaults, gemini_defaults, vertex_defaults
from tuning_emulator.media.examples import ExampleReader
from tuning_emulator.media.parts import PromptReader
from tuning_emulator.media.reading import MediaReader
from tuning_emulator.storage.objects import (
    ObjectForbiddenError,
    ObjectNotFoundError,
    ObjectStore,
    StorageError,
    StorageUnavailableError,
)
from tuning_trainer.spec import Started

_MODALITIES = {"image": "image", "document": "PDF document", "audio": "audio", "video": "video"}
"""Our words for what examples may hold, and the service's in its error text."""


log = logging.getLogger(__name__)


class Prepared(Struct, frozen=True):
    """A checked dataset: what the trainer reads and what the service reports.

    Attributes:
        examples: Number of examples that are trained on.
        statistics: None for Gemini, which reports none.
    """

    examples: int
    statistics: DatasetStatistics | None = None


class DatasetPreparation(Struct, frozen=True):
    """Fetches what a job is tuned on and writes it for the trainer.

    Attributes:
        open_objects: Cloud Storage as it is reached now.
        media: Reads the files that examples name. sees: Whether what a job tunes sees images itself.
    """

    open_objects: Callable[[], ObjectStore]
    media: MediaReader
    sees: Callable[[TuningJob], bool] = lambda _: False

    def __call__(
        self, job: TuningJob, inline: str, examples: Path, validation: Path, keep_going: Callable[[], None]
    ) -> Prepared:
        """Writes the examples, and the validation examples if the job has any.

        Raises:
            ApiError: the data is refused, or cannot be read.
        """
        if inline:
            examples.write_text(inline, encoding="utf-8")
            return Prepared(inline.rstrip("\n").count("\n") + 1)
        form = dataset_form(job.asked.method, job.asked.base_model) or "contents"
        limits = find_limits(job.api, job.asked.base_model)
        lines = self.read_lines(job, job.asked.training_uri, keep_going)
        statistics = check_dataset(lines, form, limits, examples, read_media=self.find_reader(job, keep_going))
        log_reduced(job, {reason: (count, first) for reason, count, first in statistics.reduced})
        self.read_validation(job, statistics.examples, form, validation, keep_going)
        return Prepared(statistics.examples - statistics.dropped_count, statistics)

    def read_validation(
        self,
        job: TuningJob,
        training_examples: int,
        form: DatasetForm,
        destination: Path,
        keep_going: Callable[[], None],
    ) -> None:
        """Writes the validation examples, if the job has any.

        Raises:
            ApiError: they are refused, or cannot be read.
        """
        if not job.asked.validation_uri:
            return
        limits = find_limits(job.api, job.asked.base_model)
        self._check_bytes(job, limits)
        no_minimum = replace(limits, min_examples=1)  # that one is the training set's
        lines = self.read_lines(job, job.asked.validation_uri, keep_going)
        checked = check_dataset(lines, form, no_minimum, destination, read_media=self.find_reader(job, keep_going))
        check_validation_size(checked.examples, training_examples, limits)

    def _check_bytes(self, job: TuningJob, limits: DatasetLimits) -> None:
        if not limits.validation_bytes_fraction:
            return
        try:
            training, validation = map(self.open_objects().stat, (job.asked.training_uri, job.asked.validation_uri))
        except StorageError as error:
            raise _explain(error, job, job.asked.validation_uri) from error
        if training is not None and validation is not None:  # else reading says so
            check_validation_bytes(validation.size_bytes, training.size_bytes, limits)

    def find_reader(self, job: TuningJob, keep_going: Callable[[], None]) -> MediaReading:
        """What reads the files that a job's examples name, until the job is asked to stop."""
        base_model = job.asked.base_model
        read = ExampleReader(PromptReader(self.media, self.open_objects), base_model, self.sees(job))

        def read_on(values: dict[str, Any]) -> ReadExample:
            keep_going()
            return read(values)

        return read_on

    def read_lines(self, job: TuningJob, uri: str, keep_going: Callable[[], None]) -> Iterator[bytes]:
        """The lines of an object, until the job is asked to stop.

        Raises:
            ApiError: it cannot be read.
        """
        try:
            for line in self.open_objects().lines(uri):
                keep_going()
                yield line
        except StorageError as error:
            raise _explain(error, job, uri) from error


def log_reduced(job: TuningJob, reduced: Mapping[str, tuple[int, int]]) -> None:
    """Says what the trainer here does not read of a job's examples, which no answer of a service would say."""
    for reason, (count, first) in reduced.items():
        log.warning("job %s: %s", job.id, format_reduced(reason, count, first))


def format_reduced(reason: str, count: int, first: int) -> str:
    """A row of ``DatasetStatistics.reduced`` as a sentence."""
    return f"reads {count:,} of the examples (the first is {first:,}) in part. {reason}"


def find_limits(api: Api, base_model: str) -> DatasetLimits:
    """What a base model allows."""
    model = find_base_model(api, base_model)
    if model is None or model.limits is None:
        return DEFAULT_LIMITS
    limits = model.limits
    return DatasetLimits(
        max_tokens_per_example=limits.max_tokens_per_example,
        min_examples=limits.min_training_examples or 1,
        max_examples=limits.max_training_examples or DEFAULT_LIMITS.max_examples,
        max_media_examples=limits.max_multimodal_examples or DEFAULT_LIMITS.max_media_examples,
        max_bytes=limits.max_dataset_bytes,
        function_calls=model.tools or model.open,  # an open model's text on roles names ``function``
        modalities=tuple(_MODALITIES[kind] for kind in model.modalities if kind in _MODALITIES),
        validation_max_examples=limits.max_validation_examples,
        validation_fraction=limits.validation_share,
        validation_fraction_above=limits.validation_share_from,
        validation_bytes_fraction=limits.validation_bytes_share,
    )


def _explain(error: StorageError, job: TuningJob, uri: str) -> ApiError:
    """Why the object could not be read, in the service's words where they are known."""
    if isinstance(error, ObjectNotFoundError):
        return vertex_errors.DATASET_NOT_FOUND(uri=uri)
    if isinstance(error, ObjectForbiddenError):
        account = f"service-{job.project}@gcp-sa-vertex-tune.iam.gserviceaccount.com"
        return vertex_errors.DATASET_ACCESS_DENIED(service_account=account)
    gone = isinstance(error, StorageUnavailableError)
    return (emulator_errors.DATASET_UNAVAILABLE if gone else emulator_errors.DATASET_UNREADABLE)(reason=error)


# --- what the trainer found out about the examples


def count_dropped(statistics: DatasetStatistics, numbers: Sequence[int]) -> DatasetStatistics:
    """The statistics with the examples that what plays the base model found too long; a resumed job's are in already.

    Args:
        numbers: 0-based, among the examples that the trainer was given.
    """
    reason = emulator_errors.OVER_TRAINERS_LIMIT.text
    if not numbers or any(said == reason for _, said in statistics.dropped):
        return statistics
    wanted = set(numbers[:DROPPED_SAMPLE])
    fresh = [(index, reason) for number, index in enumerate(_list_given(statistics)) if number in wanted]
    dropped = tuple(sorted([*statistics.dropped, *fresh]))
    return replace(statistics, dropped_count=statistics.dropped_count + len(numbers), dropped=dropped)


def count_reduced(statistics: DatasetStatistics, started: Started) -> DatasetStatistics:
    """The statistics with the examples that the trainer has cut; a resumed job's are in already."""
    if not started.cut:
        return statistics
    reason = emulator_errors.CUT.format(limit=f"{started.max_tokens:,}")
    first = next(islice(_list_given(statistics), started.cut[0], None))
    others = [one for one in statistics.reduced if one[0] != reason]
    return replace(statistics, reduced=(*others, (reason, len(started.cut), first)))


def _list_given(statistics: DatasetStatistics) -> Iterator[int]:
    """The 1-based numbers of the examples that the trainer was given, as far as it is known which were dropped."""
    dropped = {index for index, _ in statistics.dropped}
    return (index for index in range(1, statistics.examples + 1) if index not in dropped)


# --- what a job runs with


def resolve_hyperparameters(job: TuningJob, prepared: Prepared) -> Hyperparameters:
    """Fills in what the request left open; the defaults depend on the number of examples, and of their tokens.

    ``learning_rate`` is the rate that is trained with: as given, or the default times the multiplier.
    """
    asked = job.asked
    tokens = prepared.statistics.billable_tokens if prepared.statistics else 0
    defaults = find_defaults(job.api, asked.base_model, asked.method, prepared.examples, tokens, asked.hyperparameters)
    return fill_in(asked.hyperparameters, defaults)


def fill_in(asked: Hyperparameters, defaults: Defaults) -> Hyperparameters:
    """What was asked for, and the defaults for the rest."""
    multiplier = asked.learning_rate_multiplier
    if multiplier is None:
        multiplier = defaults.learning_rate_multiplier
    rate = asked.learning_rate if asked.learning_rate is not None else defaults.learning_rate * multiplier
    return Hyperparameters(
        epochs=asked.epochs or defaults.epochs,
        batch_size=defaults.batch_size if defaults.packed else asked.batch_size or defaults.batch_size,
        learning_rate=rate,
        learning_rate_multiplier=multiplier,
        adapter_size=asked.adapter_size or defaults.adapter_size,
        beta=defaults.beta if asked.beta is None else asked.beta,
    )


def find_defaults(
    api: Api,
    base_model: str,
    method: TuningMethod,
    examples: int,
    tokens: int = 0,
    asked: Hyperparameters | None = None,
) -> Defaults:
    """The defaults of an API, a base model and a method for so many examples of so many tokens in all.

    Args:
        asked: A packed model's batch size counts sequences; how many examples fill them is found out here.
    """
    if api == "gemini":
        return gemini_defaults(examples)
    sequences = asked.batch_size or 0 if asked else 0
    return vertex_defaults(find_base_model("vertex", base_model), method.value, examples, tokens, sequences)
