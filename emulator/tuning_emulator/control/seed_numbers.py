"""Numbers that a scenario gives to what Vertex AI numbers itself, for programs that name their resources literally."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from tuning_emulator.core.ids import project_number
from tuning_emulator.core.records import Reserved, TuningJob
from tuning_emulator.facts.base_models import find_home
from tuning_emulator.store.store import Store

MAX_DIGITS = 19
"""The service's own ids have 18 or 19."""


class TakenError(ValueError):
    """Something has that number already; the text names the field and the resource."""


def _write_out(value: Any) -> Any:
    """YAML reads ``456`` as a number, and it is meant as a name."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _check_number(text: str) -> str:
    if text and not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise ValueError(f"{text!r} is no number of 1 to {MAX_DIGITS} digits, as the service's ids are")
    return text


def _check_experiment(text: str) -> str:
    plain = text.replace("-", "").replace("_", "")
    if text and not (plain.isascii() and plain.isalnum() and len(text) <= 128):
        raise ValueError(f"{text!r} is no id like tuning-experiment-2025010112345678")
    return text


def _check_project(text: str) -> str:
    if "/" in text:
        raise ValueError(f"{text!r} is no project; give its id or number alone")
    return text


Number = Annotated[str, BeforeValidator(_write_out), AfterValidator(_check_number)]
Project = Annotated[str, BeforeValidator(_write_out), AfterValidator(_check_project)]
ExperimentId = Annotated[str, BeforeValidator(_write_out), AfterValidator(_check_experiment)]


class CheckpointSeed(BaseModel):
    """A checkpoint of a tuning job: its id (``1``, ``2``, … where none is given) and the number of its endpoint."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Number = ""
    endpoint: Number = ""


def check_numbers(reserved: Reserved) -> None:
    """Refuses numbers of one job that contradict each other.

    Raises:
        ValueError: they do; the text names the field.
    """
    ids = [identifier or str(place) for place, (identifier, _) in enumerate(reserved.checkpoints, start=1)]
    if len(set(ids)) < len(ids):
        raise ValueError(f"checkpoints: two have one id; they are {', '.join(ids)}")
    last = reserved.checkpoints[-1][1] if reserved.checkpoints else ""
    if last and reserved.endpoint and last != reserved.endpoint:
        raise ValueError(f"endpoint: {reserved.endpoint!r} is that of the last checkpoint, which says {last!r}")
    endpoints = [*(endpoint for _, endpoint in reserved.checkpoints[:-1] if endpoint), reserved.endpoint or last]
    if len(set(endpoints)) < len(endpoints):
        raise ValueError("checkpoints: two have one endpoint, and each is served by its own")


def refuse_taken(
    store: Store, project: str, location: str, base_model: str, identifier: str, reserved: Reserved
) -> None:
    """Refuses numbers that something in the place has already, or that a job which has not ended will give.

    Args:
        project: Its id or number. identifier: Of the job; "" where nobody chose it.

    Raises:
        TakenError: the text names the field and the resource.
    """
    number, home = project_number(project), find_home(base_model, location)
    place = f"projects/{number}/locations"
    if identifier and store.get_job("vertex", number, location, identifier):
        raise TakenError(f"id: {place}/{location}/tuningJobs/{identifier} is there already")
    if reserved.experiment and store.get_job_by_experiment(number, location, reserved.experiment):
        raise TakenError(f"experiment: {place}/{location} has a {reserved.experiment} already")
    promised = set(_list_promised(store, number, home))
    for field, kind, value in _list_resources(reserved):
        find = store.get_model if kind == "models" else store.get_endpoint
        if find(number, home, value) or (kind, value) in promised:
            raise TakenError(f"{field}: {place}/{home}/{kind}/{value} is there already, or will be")


def _list_promised(store: Store, number: str, home: str) -> Iterator[tuple[str, str]]:
    """(kind, number) of all that jobs of a place are yet to make."""
    for job in store.list_unfinished_jobs():
        if not isinstance(job, TuningJob) or job.api != "vertex" or project_number(job.project) != number:
            continue
        if find_home(job.asked.base_model, job.location) == home:
            yield from ((kind, value) for _, kind, value in _list_resources(job.reserved))


def _list_resources(reserved: Reserved) -> Iterator[tuple[str, str, str]]:
    """(field of the seed, collection, number) of all that has a number."""
    if reserved.model:
        yield "model", "models", reserved.model
    if reserved.endpoint:
        yield "endpoint", "endpoints", reserved.endpoint
    for place, (_, endpoint) in enumerate(reserved.checkpoints):
        if endpoint and endpoint != reserved.endpoint:
            yield f"checkpoints.{place}.endpoint", "endpoints", endpoint
