"""Copies of a model of the registry: in another place or as another version, and its files in Cloud Storage.

Sources: cloud.google.com …/v1/projects.locations.models/copy and /export; what a copy does not keep (aliases,
deployments): cloud.google.com/vertex-ai/docs/model-registry/copy-model.
"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from tuning_emulator.api.call import Call
from tuning_emulator.core.clock import SECOND_NS
from tuning_emulator.core.records import Model, ModelVersion
from tuning_emulator.facts import vertex_errors
from tuning_emulator.facts.model_row import OPEN_MARK
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.output import refuse_output
from tuning_emulator.jobs.registry import DEFAULT_ALIAS, find_checkpoint, find_named_version
from tuning_emulator.schema.schema import Value
from tuning_emulator.storage.objects import ObjectStore, StorageError
from tuning_emulator.vertex.convert import (
    EXPORT_FORMAT,
    Place,
    format_model_name,
    format_version_name,
    parse_name,
    parse_place,
    place_of,
)
from tuning_emulator.vertex.operations import Operations
from tuning_emulator.vertex.rules import OUTPUT_PREFIX

_MODEL_ID = re.compile(r"[a-z_][a-z0-9_-]{0,62}")


class Copies:
    """``ModelService.CopyModel`` and ``ExportModel``."""

    def __init__(self, backend: Backend, operations: Operations) -> None:
        self._backend = backend
        self._store = backend.store
        self._operations = operations

    # ------------------------------------------------------------ in the registry

    def copy_model(self, call: Call) -> Value:
        """A version as a new model of a place, or as a new version of a model there."""
        place, source_name = parse_place(call.request["parent"]), call.request.get("source_model", "")
        source = find_named_version(self._store, source_name)
        if source is None:
            raise vertex_errors.MODEL_NOT_FOUND(name=source_name)
        if source.project != place.project:
            raise vertex_errors.COPY_ACROSS_PROJECTS(name=source_name)
        for field in ("encryption_spec", "custom_service_account"):
            if field in call.request:
                call.notes.append(f"{field} has no effect: nothing is encrypted here, and no account acts")
        made = self._insert_copy(place, source, call.request)
        name = format_model_name(made)
        response = {"model": name, "model_version_id": str(made.version)}
        return self._operations.finish(
            call, place, name, "CopyModelOperationMetadata", "CopyModelResponse", response, shown_done=False
        )

    def _insert_copy(self, place: Place, source: ModelVersion, request: Value) -> ModelVersion:
        now_ns = self._backend.clock.timestamp_ns()
        with self._store.transaction():
            model, number = self._choose_model(place, request, now_ns)
            made = replace(
                source,
                model_uid=model.uid,
                location=model.location,
                model_id=model.id,
                version=number,
                aliases=(DEFAULT_ALIAS,) if number == 1 else (),
                created_ns=now_ns,
                updated_ns=now_ns,
                revision=1,
                copied_from=format_version_name(source),
            )
            self._store.insert_model_version(made)
        return made

    def _choose_model(self, place: Place, request: Value, now_ns: int) -> tuple[Model, int]:
        """The model that gets the copy, and which version the copy is."""
        if parent := request.get("parent_model", ""):
            there, (identifier,) = parse_name(parent, "models")
            model = self._store.get_model(there.project, there.location, identifier)
            if model is None or there != place:
                raise vertex_errors.MODEL_NOT_FOUND(name=parent)
            return model, self._store.list_model_versions(model.uid)[-1].version + 1
        identifier = request.get("model_id", "")
        if identifier and _MODEL_ID.fullmatch(identifier) is None:
            raise vertex_errors.MODEL_ID_INVALID()
        if identifier and self._store.get_model(place.project, place.location, identifier) is not None:
            raise vertex_errors.MODEL_EXISTS(name=f"{place}/models/{identifier}")
        made = Model(0, place.project, place.location, identifier or self._backend.ids.number(), now_ns)
        return self._store.insert_model(made), 1

    # ------------------------------------------------------------ in Cloud Storage

    async def export_model(self, call: Call) -> Value:
        """Writes the files of an open model's default checkpoint to a folder of their own."""
        config: Value = call.request.get("output_config", {})
        parse_name(call.request["name"], "models")
        version = find_named_version(self._store, call.request["name"])
        if version is None:
            raise vertex_errors.MODEL_NOT_FOUND(name=call.request["name"])
        wanted = config.get("export_format_id", "")
        if OPEN_MARK not in version.base_model or wanted not in ("", EXPORT_FORMAT) or "image_destination" in config:
            call.notes.append("tuning-emulator export-adapter NAME DIRECTORY writes what any model has learned")
            raise vertex_errors.EXPORT_NOT_SUPPORTED(name=format_model_name(version), format=wanted)
        prefix = config.get("artifact_destination", {}).get("output_uri_prefix", "")
        if OUTPUT_PREFIX.fullmatch(prefix) is None:
            raise vertex_errors.OUTPUT_PREFIX_INVALID(uri=prefix)
        folder = f"{prefix.rstrip('/')}/{self._name_folder(version)}/"
        checkpoint = find_checkpoint(self._store, version)
        if checkpoint is None:  # its job has not ended well, or not yet
            raise vertex_errors.CHECKPOINT_NOT_FOUND(id="", known="")
        directory = self._backend.answering.find_files(checkpoint.adapter)
        await asyncio.to_thread(write_files, self._backend.objects(), folder, directory)
        return self._operations.finish(
            call,
            place_of(version),
            format_model_name(version),
            "ExportModelOperationMetadata",
            "ExportModelResponse",
            shown_done=False,
            metadata={"output_info": {"artifact_output_uri": folder}},
        )

    def _name_folder(self, version: ModelVersion) -> str:
        """Documented: ``model-export-<display name>-<time of the call>``."""
        moment = datetime.fromtimestamp(self._backend.clock.now_ns() / SECOND_NS, UTC)
        shown = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return f"model-export-{version.display_name}-{shown}"


def write_files(objects: ObjectStore, folder: str, directory: Path) -> None:
    """Writes the files of a directory to a folder of Cloud Storage. Blocks.

    Raises:
        ApiError: the bucket cannot be written to.
    """
    for file in sorted(directory.iterdir()):
        if file.is_file():
            try:
                objects.write(f"{folder}{file.name}", file.read_bytes())
            except StorageError as error:
                raise refuse_output(error, folder) from error
