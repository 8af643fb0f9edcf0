"""The files of a batch, and why Cloud Storage has not what it needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from typing import Any, TypeAlias

from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.records import Job
from tuning_emulator.facts import emulator_errors, vertex_errors
from tuning_emulator.jobs import output
from tuning_emulator.storage.objects import (
    BucketNotFoundError,
    ObjectForbiddenError,
    ObjectNotFoundError,
    StorageError,
    StorageUnavailableError,
    parse_uri,
)

Result: TypeAlias = dict[str, Any]
"""What one request has come to, as JSON."""

REQUESTS_NAME, RESULTS_NAME = "requests.jsonl", "results.jsonl"

# --- why Cloud Storage has not what a batch needs


def explain_input(error: StorageError, job: Job, uri: str) -> ApiError:
    """Why an object could not be read, in the service's words where they are known."""
    if isinstance(error, BucketNotFoundError):
        return vertex_errors.BATCH_BUCKET_NOT_FOUND(bucket=parse_uri(uri)[0])
    if isinstance(error, ObjectNotFoundError):
        return vertex_errors.DATASET_NOT_FOUND(uri=uri)
    if isinstance(error, ObjectForbiddenError):
        return vertex_errors.DATASET_ACCESS_DENIED(service_account=name_service_agent(job))
    gone = isinstance(error, StorageUnavailableError)
    return (emulator_errors.DATASET_UNAVAILABLE if gone else emulator_errors.DATASET_UNREADABLE)(reason=error)


def explain_output(error: StorageError, job: Job, uri: str) -> ApiError:
    """Why the results could not be written, likewise."""
    if isinstance(error, BucketNotFoundError):
        return vertex_errors.BATCH_BUCKET_NOT_FOUND(bucket=parse_uri(uri)[0])
    if isinstance(error, ObjectForbiddenError):
        return vertex_errors.BATCH_OUTPUT_FORBIDDEN(service_account=name_service_agent(job), uri=uri)
    return output.explain_output(error, uri)


def name_service_agent(job: Job) -> str:
    """The account that reads and writes for a project's batches (recorded with the texts that name it)."""
    return f"service-{job.project}@gcp-sa-aiplatform.iam.gserviceaccount.com"


# --- the files of a batch


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, none of them blank."""
    with path.open("rb") as file:
        yield from (line.rstrip(b"\n") for line in file)


def read_results(directory: Path) -> Iterator[Result]:
    """What a batch has done so far, in the order of its requests; the line that is being written is left out."""
    path = directory / RESULTS_NAME
    if path.exists():
        with path.open("rb") as file:
            yield from (json.loads(line) for line in file if line.endswith(b"\n"))


def write_result(file: RawIOBase, result: Result) -> None:
    """Adds a line, all of it.

    Raises:
        OSError: there is no space for it.
    """
    rest = memoryview(json.dumps(result, ensure_ascii=False).encode() + b"\n")
    while rest:
        rest = rest[file.write(rest) or 0 :]


def cut_unfinished(path: Path) -> int:
    """Cuts off what follows the last whole line of the results; how many whole ones there are."""
    if not path.exists():
        return 0
    with path.open("r+b") as file:
        whole = [line for line in file if line.endswith(b"\n")]
        file.truncate(sum(map(len, whole)))
    return len(whole)


def check_line(line: bytes, position: int) -> None:
    """Whether a line is a JSON object, without which nothing of an input is taken.

    Args:
        position: In bytes from the beginning of its object.

    Raises:
        ApiError: it is not.
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise vertex_errors.BATCH_INPUT_UNREADABLE(position=position)
