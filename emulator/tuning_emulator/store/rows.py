"""Records to rows and back: columns to search by, and the whole record as JSON in the column ``body``.

The columns are written from the record, with it. Two things count as they stand in the columns: a uid, which SQLite
gives, and how many steps and epochs a job has done, which is written after every step without the rest.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from tuning_emulator.core.records import Endpoint, ModelVersion, Operation, Record, TuningJob

R = TypeVar("R", bound=Record)

_encode = msgspec.json.Encoder().encode


class DamagedRowError(Exception):
    """A row holds no record; the text names table and row."""

    def __init__(self, table: str, row: object, reason: object) -> None:
        super().__init__(f"{table}: row {row} cannot be read: {reason}")


def _create_parser(table: str, kind: type[R], key: str) -> Callable[[sqlite3.Row], R]:
    """Reads the body of a row. ``key``: the column that error texts name the row by."""
    decode = msgspec.json.Decoder(kind).decode

    def parse(row: sqlite3.Row) -> R:
        try:
            return decode(row["body"])
        except (msgspec.MsgspecError, RecursionError) as error:
            raise DamagedRowError(table, row[key], error) from error

    return parse


def _dump(record: Record) -> str:
    return _encode(record).decode()


# --- tuning jobs

_parse_job = _create_parser("tuning_jobs", TuningJob, "uid")


def parse_job(row: sqlite3.Row) -> TuningJob:
    """A row of ``tuning_jobs``.

    Raises:
        DamagedRowError: it holds no job. So do the other readers.
    """
    job = _parse_job(row)
    steps, epochs = row["completed_steps"], row["completed_epochs"]
    return replace(job, uid=row["uid"], progress=replace(job.progress, completed_steps=steps, completed_epochs=epochs))


def format_job(job: TuningJob) -> dict[str, Any]:
    """Its columns by name."""
    progress = job.progress
    return {
        "uid": job.uid,
        "api": job.api,
        "project": job.project,
        "location": job.location,
        "id": job.id,
        "state": progress.state,
        "display_name": job.display_name,
        "experiment_id": progress.experiment_id,
        "shared": int(bool(job.reader_project_numbers)),
        "latest_ns": max(job.created_ns, progress.updated_ns, progress.started_ns or 0, progress.ended_ns or 0),
        "completed_steps": progress.completed_steps,
        "completed_epochs": progress.completed_epochs,
        "body": _dump(job),
    }


# --- what jobs leave behind

parse_model_version = _create_parser("model_versions", ModelVersion, "job_uid")
parse_operation = _create_parser("operations", Operation, "name")
_parse_endpoint = _create_parser("endpoints", Endpoint, "uid")


def parse_endpoint(row: sqlite3.Row) -> Endpoint:
    """A row of ``endpoints``."""
    return replace(_parse_endpoint(row), uid=row["uid"])


def format_model_version(version: ModelVersion) -> dict[str, Any]:
    """Its columns by name."""
    return _format(version, "model_uid", "version", "job_uid", "updated_ns")


def format_endpoint(endpoint: Endpoint) -> dict[str, Any]:
    """Its columns by name."""
    return _format(endpoint, "uid", "project", "location", "id", "updated_ns")


def format_operation(operation: Operation) -> dict[str, Any]:
    """Its columns by name."""
    return _format(operation, "name", "project", "location", "updated_ns")


def _format(record: Record, *columns: str) -> dict[str, Any]:
    return {**{name: getattr(record, name) for name in columns}, "body": _dump(record)}
