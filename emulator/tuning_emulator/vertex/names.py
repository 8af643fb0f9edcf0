"""Resource names of Vertex AI. Answers carry the project's number, whatever the request carried."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.records import Endpoint, ModelVersion, TuningJob
from tuning_emulator.facts import vertex_errors

PACKAGE = "google.cloud.aiplatform"
"""Of its messages and services, without the version."""

_NAME = re.compile(r"projects/([^/]+)/locations/([^/]+)(?:/(.+))?")


@dataclass(frozen=True, slots=True)
class Place:
    """A project (its number) in a location: the parent of everything."""

    project: str
    location: str

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"


def parse_place(parent: str) -> Place:
    """``projects/p/locations/l``.

    Raises:
        ApiError: INVALID_ARGUMENT, not such a name.
    """
    return parse_name(parent)[0]


def parse_name(name: str, *collections: str) -> tuple[Place, list[str]]:
    """The place of a name and the ids in it: one for each collection, in order.

    ``parse_name("projects/p/locations/l/tuningJobs/1", "tuningJobs")`` is ``(Place("…", "l"), ["1"])``.

    Raises:
        ApiError: INVALID_ARGUMENT, not a name of these collections.
    """
    match = _NAME.fullmatch(name)
    segments = (match[3] or "").split("/") if match and match[3] else []
    if match is None or tuple(segments[::2]) != collections or len(segments) % 2:
        wanted = "".join(f"/{collection}/{{id}}" for collection in collections)
        raise refuse_name(name, f"projects/{{project}}/locations/{{location}}{wanted}")
    return Place(project_number(match[1]), match[2]), segments[1::2]


def parse_any_name(name: str) -> tuple[Place, str]:
    """The place of any resource and the name with the project's number.

    Raises:
        ApiError: INVALID_ARGUMENT, it does not begin with a place.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise refuse_name(name, "projects/{project}/locations/{location}")
    place = Place(project_number(match[1]), match[2])
    return place, f"{place}/{match[3]}" if match[3] else str(place)


def refuse_name(name: str, wanted: str) -> ApiError:
    """The answer to a name of another form."""
    return vertex_errors.MALFORMED_NAME(name=name, form=wanted)


def place_of(record: TuningJob | ModelVersion | Endpoint) -> Place:
    """Where a record is."""
    return Place(project_number(record.project), record.location)


def format_job_name(job: TuningJob) -> str:
    """``projects/649241623633/locations/us-central1/tuningJobs/1715586718876303360``."""
    return f"{place_of(job)}/tuningJobs/{job.id}"


def format_model_name(version: ModelVersion) -> str:
    """Name of the parent model, without version."""
    return f"{place_of(version)}/models/{version.model_id}"


def format_version_name(version: ModelVersion) -> str:
    """Name with version, as ``tunedModel.model`` has it."""
    return f"{format_model_name(version)}@{version.version}"


def format_endpoint_name(place: Place, endpoint_id: str) -> str:
    """``projects/…/locations/…/endpoints/9091681879928602624``."""
    return f"{place}/endpoints/{endpoint_id}"


def format_context_name(job: TuningJob) -> str:
    """Name of the job's experiment."""
    return f"{place_of(job)}/metadataStores/default/contexts/{job.progress.experiment_id}"
