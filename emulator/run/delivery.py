"""Copying a finished job's results to the bucket of its ``outputUri``: model, loss curve, labelled dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emulator.core.errors import Code
from emulator.datasets.objects import (
    ObjectForbiddenError,
    ObjectNotFoundError,
    ObjectStore,
    StorageError,
    StorageUnavailableError,
)
from emulator.facts.outputs import FINAL_FOLDER, LABELLED_DATASET, METRICS_FOLDER
from emulator.run.distillation import LABELLED_NAME
from emulator.run.pipeline import JobFailedError

EVENTS_FOLDER = "tensorboard"
"""In the job's directory: the trainer's event files."""


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Writes results as objects.

    Attributes:
        open_objects: Cloud Storage as it is reached now.
    """

    open_objects: Callable[[], ObjectStore]

    def __call__(self, output_uri: str, directory: Path, adapter: Path) -> None:
        """Copies everything there is; done twice, the same objects are written again.

        Raises:
            JobFailedError: the bucket cannot be written to.
        """
        objects = self.open_objects()
        for uri, file in list_results(output_uri, directory, adapter):
            try:
                objects.write(uri, file.read_bytes())
            except StorageError as error:
                raise _refuse(error, output_uri) from error


def metrics_uri(output_uri: str) -> str:
    """Folder of the event files under an ``outputUri``."""
    return f"{output_uri.rstrip('/')}/{METRICS_FOLDER.value}/"


def list_results(output_uri: str, directory: Path, adapter: Path) -> Iterator[tuple[str, Path]]:
    """(URI, file) of everything that a job has made."""
    root = output_uri.rstrip("/")
    for folder, name in ((adapter, str(FINAL_FOLDER.value)), (directory / EVENTS_FOLDER, str(METRICS_FOLDER.value))):
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if file.is_file():
                yield f"{root}/{name}/{file.name}", file
    if (directory / LABELLED_NAME).exists():
        yield f"{root}/{LABELLED_DATASET.value}", directory / LABELLED_NAME


def _refuse(error: StorageError, output_uri: str) -> JobFailedError:
    """Why the results could not be written. The service's words are not known."""
    code = Code.INVALID_ARGUMENT
    for kind, known in (
        (ObjectForbiddenError, Code.PERMISSION_DENIED),
        (ObjectNotFoundError, Code.NOT_FOUND),
        (StorageUnavailableError, Code.UNAVAILABLE),
    ):
        code = known if isinstance(error, kind) else code
    return JobFailedError(code, f"The results cannot be written to {output_uri}: {error}")
