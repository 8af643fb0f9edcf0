"""Copying a finished job's results to the bucket of its ``outputUri``: model, loss curve, labelled dataset."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tuning_emulator.core.errors import ApiError
from tuning_emulator.facts import emulator_errors
from tuning_emulator.facts.limits import FINAL_FOLDER, LABELLED_DATASET, METRICS_FOLDER
from tuning_emulator.jobs.distillation import LABELLED_NAME
from tuning_emulator.storage.objects import (
    ObjectForbiddenError,
    ObjectNotFoundError,
    ObjectStore,
    StorageError,
    StorageUnavailableError,
)
from tuning_trainer.spec import EMBEDDED, embedded_base_model

if TYPE_CHECKING:
    import tarfile  # loaded where an adapter is handed out

EVENTS_FOLDER = "tensorboard"
"""In the job's directory: the trainer's event files."""


def write_output(objects: ObjectStore, output_uri: str, directory: Path, adapter: Path) -> None:
    """Copies everything that a job has made to where its request wants it; done twice, the same is written again.

    Args:
        directory: The job's own.

    Raises:
        ApiError: the bucket cannot be written to.
    """
    for uri, file in list_results(output_uri, directory, adapter):
        try:
            objects.write(uri, file.read_bytes())
        except StorageError as error:
            raise refuse_output(error, output_uri) from error


def metrics_uri(output_uri: str) -> str:
    """Folder of the event files under an ``outputUri``."""
    return f"{output_uri.rstrip('/')}/{METRICS_FOLDER.value}/"


def list_results(output_uri: str, directory: Path, adapter: Path) -> Iterator[tuple[str, Path]]:
    """(URI, file) of everything that a job has made."""
    root = output_uri.rstrip("/")
    for folder, name in ((adapter, FINAL_FOLDER.value), (directory / EVENTS_FOLDER, METRICS_FOLDER.value)):
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if file.is_file():
                yield f"{root}/{name}/{file.name}", file
    if (directory / LABELLED_NAME).exists():
        yield f"{root}/{LABELLED_DATASET.value}", directory / LABELLED_NAME


def refuse_output(error: StorageError, output_uri: str) -> ApiError:
    """Why the results could not be written. The service's words are not known."""
    row = emulator_errors.OUTPUT_REFUSED
    for kind, known in (
        (ObjectForbiddenError, emulator_errors.OUTPUT_FORBIDDEN),
        (ObjectNotFoundError, emulator_errors.OUTPUT_NOT_FOUND),
        (StorageUnavailableError, emulator_errors.OUTPUT_UNAVAILABLE),
    ):
        row = known if isinstance(error, kind) else row
    return row(uri=output_uri, reason=error)


# --- handing out what tuning made

ADAPTER_CONFIG = "adapter_config.json"


def pack_adapter(directory: Path, target: IO[bytes]) -> None:
    """Writes the files of an adapter, or of a fully tuned model, as a tar archive without folders.

    The base model that ships with the trainer is named by its directory on this machine, so that
    ``AutoPeftModelForCausalLM`` finds it.

    Raises:
        FileNotFoundError: the directory is not there any more.
    """
    import tarfile

    with tarfile.open(fileobj=target, mode="w") as archive:
        for file in sorted(directory.iterdir()):
            if file.name == ADAPTER_CONFIG:
                _add_bytes(archive, file.name, _name_base_model(file.read_text("utf-8")))
            elif file.is_file():
                archive.add(file, file.name)


def unpack_adapter(source: IO[bytes], target: Path) -> None:
    """Writes the files of such an archive to a directory.

    Raises:
        tarfile.TarError: it is none, or holds something else than plain files.
    """
    import tarfile

    with tarfile.open(fileobj=source, mode="r|") as archive:
        archive.extractall(target, filter="data")


def _name_base_model(text: str) -> bytes:
    values = json.loads(text)
    if values.get("base_model_name_or_path") == EMBEDDED:
        values["base_model_name_or_path"] = str(embedded_base_model())
    return json.dumps(values, indent=2).encode() + b"\n"


def _add_bytes(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    import tarfile

    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, BytesIO(data))
