"""Records to rows and back."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from typing import Any

from tuning_emulator.core.records import (
    DatasetStatistics,
    DeployedModel,
    Distribution,
    Endpoint,
    Failure,
    Hyperparameters,
    JobState,
    ModelVersion,
    Operation,
    Phase,
    TuningJob,
    TuningMethod,
)


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _dump_record(record: Any) -> str | None:
    return None if record is None else _dump(dataclasses.asdict(record))


def format_job(job: TuningJob) -> tuple[Any, ...]:
    """The columns of ``tuning_jobs`` after ``uid``, in order."""
    return (
        job.api,
        job.project,
        job.location,
        job.id,
        job.api_version,
        job.operation_id,
        job.owner,
        job.display_name,
        job.description,
        _dump(job.labels),
        job.base_model,
        job.source_model,
        job.source_checkpoint,
        job.method,
        _dump_record(job.requested),
        _dump_record(job.resolved),
        job.training_uri,
        job.validation_uri,
        int(job.export_last_checkpoint_only),
        _dump(job.sent),
        job.state,
        job.phase,
        _dump_record(job.error),
        job.created_ns,
        job.started_ns,
        job.ended_ns,
        job.updated_ns,
        job.total_steps,
        job.completed_steps,
        job.completed_epochs,
        _dump_record(job.statistics),
        job.experiment_id,
        job.trainer,
        job.device,
        job.adapter,
        job.temperature,
        job.top_p,
        job.top_k,
        _dump(job.reader_project_numbers),
    )


def parse_job(row: sqlite3.Row) -> TuningJob:
    """A row of ``tuning_jobs``."""
    values: dict[str, Any] = dict(row)
    values["labels"] = json.loads(values["labels"])
    values["sent"] = json.loads(values["sent"])
    values["method"] = TuningMethod(values["method"])
    values["requested"] = Hyperparameters(**json.loads(values["requested"]))
    values["resolved"] = Hyperparameters(**json.loads(values["resolved"])) if values["resolved"] else None
    values["export_last_checkpoint_only"] = bool(values["export_last_checkpoint_only"])
    values["state"] = JobState(values["state"])
    values["phase"] = Phase(values["phase"])
    values["error"] = parse_failure(values["error"])
    values["statistics"] = _parse_statistics(values["statistics"])
    values["reader_project_numbers"] = tuple(json.loads(values["reader_project_numbers"]))
    return TuningJob(**values)


def parse_failure(text: str | None) -> Failure | None:
    """A stored ``google.rpc.Status``."""
    return Failure(**json.loads(text)) if text else None


def format_failure(failure: Failure | None) -> str | None:
    """What ``parse_failure`` reads."""
    return _dump_record(failure)


def _parse_statistics(text: str | None) -> DatasetStatistics | None:
    if not text:
        return None
    values = json.loads(text)
    for name in ("input_tokens", "output_tokens", "messages", "scores", "score_variance"):
        values[name] = _parse_distribution(values[name])
    values["dropped"] = tuple((index, reason) for index, reason in values["dropped"])
    values["samples"] = tuple(values["samples"])
    return DatasetStatistics(**values)


def _parse_distribution(values: dict[str, Any] | None) -> Distribution | None:
    if values is None:
        return None
    buckets = tuple((count, left, right) for count, left, right in values.pop("buckets"))
    return Distribution(**values, buckets=buckets)


def parse_model_version(row: sqlite3.Row) -> ModelVersion:
    """A row of ``model_versions`` joined with its model's name."""
    values: dict[str, Any] = dict(row)
    values["aliases"] = tuple(json.loads(values["aliases"]))
    values["labels"] = json.loads(values["labels"])
    return ModelVersion(**values)


def format_list(values: tuple[str, ...]) -> str:
    """A list of texts as a column."""
    return _dump(values)


def format_map(values: Any) -> str:
    """A mapping as a column."""
    return _dump(dict(values))


def format_deployed(deployed: tuple[DeployedModel, ...]) -> str:
    """What an endpoint serves, as a column."""
    return _dump([dataclasses.asdict(one) for one in deployed])


def parse_endpoint(row: sqlite3.Row) -> Endpoint:
    """A row of ``endpoints``."""
    values: dict[str, Any] = dict(row)
    values["labels"] = json.loads(values["labels"])
    values["deployed"] = tuple(DeployedModel(**one) for one in json.loads(values["deployed"]))
    values["traffic"] = json.loads(values["traffic"])
    return Endpoint(**values)


def parse_operation(row: sqlite3.Row) -> Operation:
    """A row of ``operations``."""
    values: dict[str, Any] = dict(row)
    del values["uid"]
    values["done"] = bool(values["done"])
    values["response"] = json.loads(values["response"])
    values["error"] = parse_failure(values["error"])
    return Operation(**values)
