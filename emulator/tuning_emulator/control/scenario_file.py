"""Scenarios as they are written down: YAML or JSON that says what is there, how fast things go, and what goes wrong."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from tuning_emulator.control.faults import FaultBody
from tuning_emulator.control.seed_numbers import CheckpointSeed, ExperimentId, Number, Project, check_numbers
from tuning_emulator.core.ids import check_project_number
from tuning_emulator.core.job_control import JobFault, format_job_fault, format_pace, parse_job_fault, parse_pace
from tuning_emulator.core.records import Reserved
from tuning_emulator.facts import google_errors
from tuning_emulator.models.added import check_weights
from tuning_emulator.protojson.scalars import InstantError, parse_timestamp
from tuning_emulator.storage.sample_data import TRAINING_URI

VERSION = 1
"""Of the form of these files."""

PROJECT = "my-project"
"""Of tuning jobs that name none."""

MAX_BYTES = 8 << 20
MAX_SEEDS = 10_000
MAX_DEPTH = google_errors.MAX_DEPTH.value
TOO_DEEP = f"more than {MAX_DEPTH} lists and objects are nested in each other"
NUMBERS = tuple((str(n), str(n + 1)) for n in (1, 3, -3, 8, 22, 99, 100, 317, 1000, 4999))
"""Examples of tuned models that bring none: each number and the next."""


class ScenarioError(ValueError):
    """A scenario cannot be read or loaded; the text names the place in it and what would be right."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _check_time(text: str) -> str:
    try:
        parse_timestamp(text)
    except InstantError as error:
        raise ValueError(f"{text!r} is not a time like 2025-06-13T09:30:00Z") from error
    return text


class ClockSeed(_Entry):
    """What the clock shows when the scenario begins."""

    time: Annotated[str, AfterValidator(_check_time)]
    frozen: bool = False


class ObjectSeed(_Entry):
    """One object of a bucket: its text, its lines as JSON, or a file beside the scenario's."""

    text: str | None = None
    lines: tuple[Any, ...] | None = None
    file: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if sum(one is not None for one in (self.text, self.lines, self.file)) != 1:
            raise ValueError("give exactly one of text, lines and file")
        if self.file is not None and (Path(self.file).is_absolute() or ".." in Path(self.file).parts):
            raise ValueError(f"file: {self.file!r} must lie beside the scenario's file")
        return self


class ProjectSeed(_Entry):
    """A project, which has a number of its own choice."""

    id: str
    number: Number

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_project_number(self.id, self.number)
        return self


class BucketSeed(_Entry):
    """A bucket; ``{project}`` in its name is the project's id."""

    name: str
    project: Project = ""
    objects: dict[str, ObjectSeed] = {}


class _JobSeed(_Entry):
    """What tuned models and tuning jobs share.

    Attributes:
        project: Whose it is, by id or number; of a tuned model that its key or token ``projects/{project}`` sees it.
        fault: What is to happen to it, as in magic values: ``internal_error:5``.
        pace: How it goes on from the state that it begins in: ``manual`` (it stays), or as the setting.
        count: How many of them; ``{number}`` in names counts them.
    """

    display_name: str = ""
    description: str = ""
    project: Project = ""
    fault: Annotated[str, AfterValidator(lambda text: format_job_fault(parse_job_fault(text)))] | Literal[""] = ""
    pace: Annotated[str, AfterValidator(lambda text: format_pace(parse_pace(text)))] = "manual"
    epochs: int | None = Field(default=None, ge=1)
    count: int = Field(default=1, ge=1, le=MAX_SEEDS)

    def find_fault(self) -> JobFault | None:
        """The fault that it is to have."""
        return parse_job_fault(self.fault) if self.fault else None


class PermissionSeed(_Entry):
    """A permission of a tuned model."""

    role: Literal["WRITER", "READER"]
    grantee_type: Literal["USER", "GROUP", "EVERYONE"] = "USER"
    email_address: str = ""


class TunedModelSeed(_JobSeed):
    """A tuned model of the Gemini API.

    Attributes:
        id: As the client would choose it; "" lets the service make one of the display name.
        examples: (input, output); a finished one answers with the output of the nearest input.
        owner: The account; "" for that of the project.
    """

    id: str = ""
    base_model: str = "models/gemini-1.5-flash-001-tuning"
    examples: tuple[tuple[str, str], ...] = NUMBERS
    batch_size: int | None = Field(default=None, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)
    state: Literal["CREATING", "ACTIVE", "FAILED"] = "ACTIVE"
    permissions: tuple[PermissionSeed, ...] = ()
    owner: str = ""


class TuningJobSeed(_JobSeed):
    """A tuning job of Vertex AI, for programs that name what they ask for also under numbers that stand in them.

    Attributes:
        id: Its own number: ``tuningJobs/{id}``. A project by its number is ``project``.
        model, endpoint: Numbers of the model that it makes and of the endpoint of its last checkpoint, both in the
            model's home, which for newer base models is ``us`` or ``eu``.
        experiment: Id of its metadata context.
        checkpoints: Its checkpoints, first to last; there are as many epochs, unless ``epochs`` says another number.
        training_dataset: An object of the scenario or one that is there already.
    """

    id: Number = ""
    model: Number = ""
    endpoint: Number = ""
    experiment: ExperimentId = ""
    checkpoints: tuple[CheckpointSeed, ...] = ()
    location: str = "us-central1"
    base_model: str = "gemini-2.5-flash"
    training_dataset: str = TRAINING_URI
    validation_dataset: str = ""
    labels: dict[str, str] = {}
    state: Literal["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"] = "SUCCEEDED"

    @property
    def reserved(self) -> Reserved:
        """The numbers of what it makes."""
        checkpoints = tuple((one.id, one.endpoint) for one in self.checkpoints)
        return Reserved(self.model, self.experiment, self.endpoint, checkpoints)

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_numbers(self.reserved)
        numbered = [name for name in ("id", "model", "endpoint", "experiment", "checkpoints") if getattr(self, name)]
        if numbered and self.count > 1:
            raise ValueError(f"{numbered[0]}: count is {self.count}, and only one can have that number")
        made = [name for name in numbered if name not in ("id", "experiment")]
        if made and (self.state == "CANCELLED" or (self.state == "FAILED" and not self.fault)):
            raise ValueError(f"{made[0]}: a job that ends {self.state} makes none")
        return self


class EndpointSeed(_Entry):
    """An endpoint that serves nothing yet. ``id``: its number."""

    id: Number = ""
    display_name: str
    project: Project = ""
    location: str = "us-central1"


class JobFaultSeed(_Entry):
    """What is to happen to the next jobs of a project, or of any."""

    fault: Annotated[str, AfterValidator(lambda text: format_job_fault(parse_job_fault(text)))]
    project: Project = ""
    jobs: int = Field(default=1, ge=1, le=1_000_000)


class Scenario(_Entry):
    """A whole scenario.

    Attributes:
        pace: Of all jobs to come, as the setting: ``time:60``. base_models: What plays base models from now on, as the
            setting: ``{"*": smollm2}``. faults: As ``POST /emulator/v1/faults`` takes them.
    """

    version: Literal[1]
    description: str = ""
    clock: ClockSeed | None = None
    pace: Annotated[str, AfterValidator(lambda text: format_pace(parse_pace(text)))] | None = None
    base_models: Annotated[dict[str, str], AfterValidator(check_weights)] | None = None
    faults: tuple[FaultBody, ...] = ()
    job_faults: tuple[JobFaultSeed, ...] = ()
    projects: tuple[ProjectSeed, ...] = ()
    buckets: tuple[BucketSeed, ...] = ()
    tuned_models: tuple[TunedModelSeed, ...] = ()
    tuning_jobs: tuple[TuningJobSeed, ...] = ()
    endpoints: tuple[EndpointSeed, ...] = ()


# --- reading


def parse_scenario(text: bytes) -> Scenario:
    """Reads a scenario, YAML or JSON.

    Raises:
        ScenarioError: it is neither, or says something unknown; the text names the place.
    """
    if len(text) > MAX_BYTES:
        raise ScenarioError(f"it has {len(text)} bytes; at most {MAX_BYTES} are read")
    try:
        return Scenario.model_validate(_parse_text(text))
    except ValidationError as error:
        raise ScenarioError("; ".join(_format_problem(problem) for problem in error.errors()[:5])) from error


def _parse_text(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    except RecursionError as error:
        raise ScenarioError(TOO_DEEP) from error
    import yaml  # loaded only where a scenario is

    try:
        opening = (
            yaml.BlockSequenceStartToken,
            yaml.BlockMappingStartToken,
            yaml.FlowSequenceStartToken,
            yaml.FlowMappingStartToken,
        )
        closing = (yaml.BlockEndToken, yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)
        depth = 0
        for token in yaml.scan(text):
            if isinstance(token, yaml.AliasToken):
                raise ScenarioError("aliases (*name) are not read; write it out")
            depth += isinstance(token, opening) - isinstance(token, closing)
            if depth > MAX_DEPTH:  # the loader recurses in C, where nothing stops it before the stack ends
                raise ScenarioError(TOO_DEEP)
        return _drop_dates(yaml.load(text, Loader=yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader))  # noqa: S506 safe ones
    except RecursionError as error:
        raise ScenarioError(TOO_DEEP) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ScenarioError(f"it is neither YAML nor JSON: {place}{error.problem}") from error
    except yaml.YAMLError as error:  # of its reader, which knows characters alone
        raise ScenarioError("it is neither YAML nor JSON: a character in it is not UTF-8 or not allowed") from error
    except ScenarioError:
        raise
    except (ValueError, OverflowError) as error:  # a number, a date or text that is none
        raise ScenarioError("it is neither YAML nor JSON: a value in it cannot be read") from error


def _drop_dates(value: Any) -> Any:
    """YAML reads times as times; we want them as they stand there."""
    if isinstance(value, dict):
        return {str(key): _drop_dates(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_drop_dates(one) for one in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def _format_problem(problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"]) or "the scenario"
    given = "" if problem["type"] in ("missing", "value_error") else f", not {str(problem['input'])[:100]!r}"
    return f"{place}: {str(problem['msg']).removeprefix('Value error, ')}{given}"


# --- those that come with the package


def list_packaged() -> dict[str, str]:
    """Descriptions of the packaged scenarios by name."""
    return {name: parse_scenario(read_packaged(name)).description for name in _list_names()}


def read_packaged(name: str) -> bytes:
    """The text of a packaged scenario.

    Raises:
        ScenarioError: there is none of that name.
    """
    if name not in _list_names():
        raise ScenarioError(f"name: {name!r} is no scenario of the package; there are {', '.join(_list_names())}")
    text: bytes = _folder().joinpath(f"{name}.yaml").read_bytes()
    return text


def _list_names() -> list[str]:
    return sorted(file.name.removesuffix(".yaml") for file in _folder().iterdir() if file.name.endswith(".yaml"))


def _folder() -> Any:
    return resources.files("tuning_emulator.control").joinpath("packaged")
