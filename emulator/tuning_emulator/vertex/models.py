"""The Model Registry as far as tuned models are in it, and the Model Garden: the base models that Vertex AI offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from tuning_emulator.api.call import Call
from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.records import Model, ModelVersion
from tuning_emulator.facts import vertex_errors
from tuning_emulator.facts.base_models import BaseModel, find_base_model, list_base_models
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.registry import DEFAULT_ALIAS, default_version, find_version
from tuning_emulator.protojson.masks import MaskError, check_mask, split_path
from tuning_emulator.schema.schema import Value
from tuning_emulator.store.store import NEWEST
from tuning_emulator.vertex.convert import (
    Deployments,
    Place,
    format_checkpoint,
    format_model,
    format_version_etag,
    index_deployments,
    parse_name,
    parse_place,
    place_of,
)
from tuning_emulator.vertex.listing import list_all, list_newest_first
from tuning_emulator.vertex.operations import Operations

# --- what a PATCH changes

MAPS = ("labels", "traffic_split")
"""Fields whose zero is an empty map; that of the others is an empty text."""


def read_changes(call: Call, field: str, changeable: tuple[str, ...]) -> Value:
    """The changeable fields that a PATCH sets, with their new values (a zero where the body leaves one out).

    With a mask: those it names; ``*`` names all. Without: those that the body carries. Other fields of the message
    are ignored, as output-only ones are.

    Raises:
        ApiError: INVALID_ARGUMENT, the mask names what the message has not.
    """
    sent: Value = call.request.get(field, {})
    mask = call.request.get("update_mask")
    if not mask:
        return {name: sent[name] for name in changeable if name in sent}
    message = call.schema.message(field[:1].upper() + field[1:])
    try:
        check_mask(mask, message, call.schema.messages)
    except MaskError as error:
        raise vertex_errors.MASK_UNKNOWN_FIELD(path=error) from error
    heads = {split_path(path)[0] for path in mask}
    names = changeable if "*" in heads else tuple(name for name in changeable if name in heads)
    return {name: sent.get(name, {} if name in MAPS else "") for name in names}


ENDPOINTS_AT_ONCE = 1000
"""How many endpoints are read at a time to see where models are deployed."""

CHANGEABLE = ("display_name", "description", "labels", "version_description", "default_checkpoint_id")
"""What PATCH changes. ``version_aliases`` has a method of its own."""


class Models:
    """``ModelService``."""

    def __init__(self, backend: Backend, operations: Operations) -> None:
        self._backend = backend
        self._store = backend.store
        self._operations = operations

    def get_model(self, call: Call) -> Value:
        """A version of a model: the default one unless the name says which."""
        return self._describe(self._require(call.request["name"]))

    def list_models(self, call: Call) -> Value:
        """The default version of every model of a place."""
        place = parse_place(call.request["parent"])
        deployments = self._index(place)

        def describe(model: Model) -> Value | None:
            version = default_version(self._store.list_model_versions(model.uid))
            return self._format(model, version, deployments) if version else None

        return list_newest_first(
            call,
            "models",
            "Model",
            lambda before, limit: self._store.list_models_newest_first(place.project, place.location, before, limit),
            describe,
        )

    def list_model_versions(self, call: Call) -> Value:
        """Every version of a model, newest first, named ``ID@1``."""
        model = self._require_model(call.request["name"])
        deployments = self._index(Place(model.project, model.location))
        versions = reversed(self._store.list_model_versions(model.uid))
        values = [self._format(model, one, deployments, versioned_name=True) for one in versions]
        return list_all(call, values, "models", "Model")

    def list_model_version_checkpoints(self, call: Call) -> Value:
        """Checkpoints of a version, first to last."""
        version = self._require(call.request["name"])
        values = [format_checkpoint(one) for one in self._store.list_checkpoints(version.job_uid)]
        return list_all(call, values, "checkpoints")

    def update_model(self, call: Call) -> Value:
        """Changes fields of a version. Without a mask: those that the request carries (google-genai sends none).

        A new default checkpoint shows in ``tunedModel.endpoint`` of the tuning job.
        """
        sent: Value = call.request.get("model", {})
        version = self._require(sent.get("name", ""))
        if sent.get("etag") and sent["etag"] != format_version_etag(version):
            raise vertex_errors.ETAG_MISMATCH()
        changes = self._check_changes(version, read_changes(call, "model", CHANGEABLE))
        changed = replace(version, **changes, updated_ns=self._backend.clock.timestamp_ns())
        return self._describe(self._store.replace_model_version(changed))

    def merge_version_aliases(self, call: Call) -> Value:
        """Adds aliases to a version, taking them from others; ``-alias`` removes one. ``default`` only moves."""
        version = self._require(call.request["name"])
        given = [str(alias) for alias in call.request.get("version_aliases", ())]
        added = [alias for alias in given if not alias.startswith("-")]
        removed = {alias[1:] for alias in given if alias.startswith("-")}
        if DEFAULT_ALIAS in removed:
            raise vertex_errors.DEFAULT_ALIAS_REMOVED()
        now_ns = self._backend.clock.timestamp_ns()
        with self._store.transaction():
            for other in self._store.list_model_versions(version.model_uid):
                own = other.version == version.version
                kept = tuple(one for one in other.aliases if one not in (removed if own else added))
                aliases = (*kept, *(one for one in added if one not in kept)) if own else kept
                if aliases != other.aliases:
                    self._store.replace_model_version(replace(other, aliases=aliases, updated_ns=now_ns))
        return self._describe(self._require(call.request["name"]))

    def delete_model(self, call: Call) -> Value:
        """Removes a model with all its versions; deployed ones must be undeployed first."""
        model = self._require_model(call.request["name"])
        place = Place(model.project, model.location)
        deployed = [one for key, found in self._index(place).items() if key[0] == model.id for one in found]
        if deployed:
            raise _refuse_deployed(deployed)
        self._store.delete_model(model.uid)
        return self._operations.finish(call, place, str(place), "DeleteOperationMetadata")

    def delete_model_version(self, call: Call) -> Value:
        """Removes one version, which must be neither deployed nor the default of several nor the only one."""
        version = self._require(call.request["name"])
        place = place_of(version)
        name = f"{place}/models/{version.model_id}@{version.version}"
        if deployed := self._index(place).get((version.model_id, version.version)):
            raise _refuse_deployed(deployed)
        if len(self._store.list_model_versions(version.model_uid)) == 1:
            raise vertex_errors.LAST_MODEL_VERSION(name=name)
        if DEFAULT_ALIAS in version.aliases:
            raise vertex_errors.DEFAULT_MODEL_VERSION(name=name)
        self._store.delete_model_version(version.model_uid, version.version)
        return self._operations.finish(call, place, str(place), "DeleteOperationMetadata")

    # ------------------------------------------------------------ inside

    def _check_changes(self, version: ModelVersion, sent: Value) -> dict[str, Any]:
        """The record's fields that change.

        Raises:
            ApiError: the checkpoint does not exist.
        """
        changes: dict[str, Any] = dict(sent)
        wanted = changes.pop("default_checkpoint_id", None)
        if wanted is not None:
            saved = [one.id for one in self._store.list_checkpoints(version.job_uid)]
            if wanted not in saved:
                raise vertex_errors.CHECKPOINT_NOT_FOUND(id=wanted, known=", ".join(saved))
            changes["default_checkpoint"] = wanted
        return changes

    def _require(self, name: str) -> ModelVersion:
        place, (tail,) = parse_name(name, "models")
        identifier, _, version = tail.partition("@")
        found = find_version(self._store, place.project, place.location, identifier, version)
        if found is None:
            raise vertex_errors.MODEL_NOT_FOUND(name=f"{place}/models/{tail}")
        return found

    def _require_model(self, name: str) -> Model:
        place, (tail,) = parse_name(name, "models")
        found = self._store.get_model(place.project, place.location, tail.partition("@")[0])
        if found is None:
            raise vertex_errors.MODEL_NOT_FOUND(name=f"{place}/models/{tail}")
        return found

    def _describe(self, version: ModelVersion) -> Value:
        model = self._store.get_model(version.project, version.location, version.model_id)
        assert model is not None  # its version was just read
        return self._format(model, version, self._index(place_of(version)))

    def _format(
        self, model: Model, version: ModelVersion, deployments: Deployments, versioned_name: bool = False
    ) -> Value:
        checkpoints = self._store.list_checkpoints(version.job_uid)
        return format_model(model, version, checkpoints, deployments, versioned_name)

    def _index(self, place: Place) -> Deployments:
        endpoints = []
        before = NEWEST
        while batch := self._store.list_endpoints_newest_first(
            place.project, place.location, before, ENDPOINTS_AT_ONCE
        ):
            endpoints += batch
            before = batch[-1].uid
        return index_deployments(endpoints)


def _refuse_deployed(deployed: Sequence[Value]) -> ApiError:
    """The answer to who deletes what these ``DeployedModelRef`` messages are about; a list of several is assumed."""
    return vertex_errors.MODEL_DEPLOYED(endpoints=", ".join(dict.fromkeys(one["endpoint"] for one in deployed)))


# --- the Model Garden


GOOGLE = "publishers/google"


class Publishers:
    """``ModelGardenService``. Its models belong to no project: a project's own day counts where a caller has one."""

    def __init__(self, backend: Backend) -> None:
        self._calendar = backend.calendar

    def list_publisher_models(self, call: Call) -> Value:
        """Google's models; other publishers have none here."""
        known = list_base_models("vertex") if call.request["parent"] == GOOGLE else ()
        day = self._calendar.find_day(call.caller.project)
        models = [one for one in known if "/" not in one.id and day.offers(one.since, one.until)]
        return list_all(call, [format_publisher_model(one) for one in models], "publisher_models", "PublisherModel")

    def get_publisher_model(self, call: Call) -> Value:
        """One of Google's models."""
        name = call.request["name"]
        publisher, _, identifier = str(name).rpartition("/models/")
        model = find_base_model("vertex", identifier.partition("@")[0]) if publisher == GOOGLE else None
        day = self._calendar.find_day(call.caller.project)
        if model is None or not day.offers(model.since, model.until):
            raise vertex_errors.PUBLISHER_MODEL_NOT_FOUND(name=name)
        return format_publisher_model(model)


def format_publisher_model(model: BaseModel) -> Value:
    """A base model as the Model Garden lists it."""
    return {
        "name": f"{GOOGLE}/models/{model.id}",
        "version_id": "default",
        "open_source_category": "PROPRIETARY",
        "launch_stage": "GA",
        "publisher_model_template": f"projects/{{project}}/locations/{{location}}/{GOOGLE}/models/{model.id}",
    }
