"""Endpoints: where tuned models answer."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec.structs import replace

from tuning_emulator.api.call import Call
from tuning_emulator.core.records import DeployedModel, Endpoint
from tuning_emulator.core.rules import Rule
from tuning_emulator.facts import vertex_errors
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.registry import find_checkpoint, find_named_version, find_version
from tuning_emulator.schema.schema import Value
from tuning_emulator.vertex.convert import (
    format_deployed_model,
    format_endpoint,
    format_endpoint_etag,
    format_endpoint_name,
    parse_name,
    parse_place,
    place_of,
)
from tuning_emulator.vertex.listing import list_newest_first
from tuning_emulator.vertex.models import read_changes
from tuning_emulator.vertex.operations import Operations
from tuning_emulator.vertex.rules import check_fields

CHANGEABLE = ("display_name", "description", "labels", "traffic_split")
"""What PATCH changes."""

_ENDPOINT_ID = re.compile(r"\d{1,10}|[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
"""Source: aiplatform discovery document, endpoints.create."""


def _lacks_display_name(request: Value) -> bool:
    return not request.get("endpoint", {}).get("display_name")


def _has_wrong_id(request: Value) -> bool:
    identifier = request.get("endpoint_id", "")
    return identifier != "" and _ENDPOINT_ID.fullmatch(identifier) is None


CREATE_RULES: tuple[Rule[Value], ...] = (
    Rule(vertex_errors.REQUIRED_FIELD, _lacks_display_name, "endpoint.display_name"),
    Rule(vertex_errors.ENDPOINT_ID_INVALID, _has_wrong_id, "endpoint_id"),
)

NEW_MODEL = "0"
"""Stands for the model being deployed in the traffic split of deployModel. Source: aiplatform discovery document."""


class Endpoints:
    """``EndpointService``."""

    def __init__(self, backend: Backend, operations: Operations) -> None:
        self._backend = backend
        self._store = backend.store
        self._operations = operations

    def create_endpoint(self, call: Call) -> Value:
        """An empty endpoint, for deployModel."""
        place = parse_place(call.request["parent"])
        sent: Value = call.request.get("endpoint", {})
        check_fields(CREATE_RULES, call.request)
        identifier = call.request.get("endpoint_id", "")
        now_ns = self._backend.clock.timestamp_ns()
        endpoint = Endpoint(
            uid=0,
            project=place.project,
            location=place.location,
            id=identifier or self._backend.ids.number(),
            display_name=sent["display_name"],
            description=sent.get("description", ""),
            labels=sent.get("labels", {}),
            deployed=(),
            traffic={},
            created_ns=now_ns,
            updated_ns=now_ns,
            revision=1,
        )
        name = format_endpoint_name(place, endpoint.id)
        if self._store.get_endpoint(place.project, place.location, endpoint.id) is not None:
            raise vertex_errors.ENDPOINT_EXISTS(name=name)
        self._store.insert_endpoint(endpoint)
        response = {"name": name, "display_name": endpoint.display_name}  # recorded: no times in the response
        return self._operations.finish(
            call, place, name, "CreateEndpointOperationMetadata", "Endpoint", response, shown_done=False
        )

    def get_endpoint(self, call: Call) -> Value:
        """One endpoint."""
        return format_endpoint(self._require(call.request["name"]))

    def list_endpoints(self, call: Call) -> Value:
        """Endpoints of a place."""
        place = parse_place(call.request["parent"])
        return list_newest_first(
            call,
            "endpoints",
            "Endpoint",
            lambda before, limit: self._store.list_endpoints_newest_first(place.project, place.location, before, limit),
            format_endpoint,
        )

    def update_endpoint(self, call: Call) -> Value:
        """Changes names, labels and the traffic split."""
        return format_endpoint(self._update(call))

    def update_endpoint_long_running(self, call: Call) -> Value:
        """The same as an operation, without a mask."""
        changed = self._update(call)
        place, name = place_of(changed), format_endpoint_name(place_of(changed), changed.id)
        return self._operations.finish(
            call, place, name, "UpdateEndpointOperationMetadata", "Endpoint", format_endpoint(changed), shown_done=False
        )

    def _update(self, call: Call) -> Endpoint:
        sent: Value = call.request.get("endpoint", {})
        endpoint = self._require(sent.get("name", ""))
        if sent.get("etag") and sent["etag"] != format_endpoint_etag(endpoint):
            raise vertex_errors.ETAG_MISMATCH()
        changes = read_changes(call, "endpoint", CHANGEABLE)
        if "traffic_split" in changes:
            changes["traffic"] = _check_traffic(changes.pop("traffic_split"), endpoint.deployed)
        changed = replace(endpoint, **changes, updated_ns=self._backend.clock.timestamp_ns())
        return self._store.replace_endpoint(changed)

    def delete_endpoint(self, call: Call) -> Value:
        """Removes an endpoint that serves nothing any more. The operation is done at once (recorded)."""
        endpoint = self._require(call.request["name"])
        place = place_of(endpoint)
        if endpoint.deployed:
            raise vertex_errors.ENDPOINT_NOT_EMPTY()
        self._store.delete_endpoint(endpoint.uid)
        return self._operations.finish(call, place, str(place), "DeleteOperationMetadata")

    def deploy_model(self, call: Call) -> Value:
        """Makes an endpoint serve a version of a tuned model, at a checkpoint, with the traffic that is asked for."""
        endpoint = self._require(call.request["endpoint"])
        place = place_of(endpoint)
        sent: Value = call.request.get("deployed_model", {})
        version = find_named_version(self._store, sent.get("model", ""))
        if version is None or place_of(version) != place:
            raise vertex_errors.MODEL_NOT_FOUND(name=sent.get("model", ""))
        checkpoint = find_checkpoint(self._store, version, sent.get("checkpoint_id", ""))
        if checkpoint is None:
            saved = [one.id for one in self._store.list_checkpoints(version.job_uid)]
            raise vertex_errors.CHECKPOINT_NOT_FOUND(id=sent.get("checkpoint_id", ""), known=", ".join(saved))
        deployed = DeployedModel(
            id=sent.get("id") or self._backend.ids.number(),
            model_id=version.model_id,
            version=version.version,
            checkpoint_id=checkpoint.id,
            display_name=sent.get("display_name") or version.display_name,
            created_ns=self._backend.clock.timestamp_ns(),
        )
        split = call.request.get("traffic_split") or endpoint.traffic
        renamed = {deployed.id if key == NEW_MODEL else key: share for key, share in split.items()}
        name = format_endpoint_name(place, endpoint.id)
        if deployed.id in {one.id for one in endpoint.deployed}:
            raise vertex_errors.DEPLOYED_MODEL_EXISTS(id=deployed.id, name=name)
        with self._store.transaction():
            self._serve(endpoint, (*endpoint.deployed, deployed), renamed)
            if not (checkpoint.endpoint_id or version.copied_from):
                self._store.put_checkpoint(replace(checkpoint, endpoint_id=endpoint.id))
        response = {"deployed_model": format_deployed_model(place, deployed)}
        return self._operations.finish(
            call, place, name, "DeployModelOperationMetadata", "DeployModelResponse", response, shown_done=False
        )

    def undeploy_model(self, call: Call) -> Value:
        """Stops an endpoint from serving a model. Its share of the traffic must go elsewhere, unless it is the last.

        After the last one no traffic is left, whatever split the request has (documented).
        """
        endpoint = self._require(call.request["endpoint"])
        place = place_of(endpoint)
        name = format_endpoint_name(place, endpoint.id)
        identifier = call.request.get("deployed_model_id", "")
        left = tuple(one for one in endpoint.deployed if one.id != identifier)
        if len(left) == len(endpoint.deployed):
            raise vertex_errors.DEPLOYED_MODEL_NOT_FOUND(id=identifier, name=name)
        (gone,) = (one for one in endpoint.deployed if one.id == identifier)
        split = call.request.get("traffic_split") or endpoint.traffic
        if left and split.get(identifier):
            raise vertex_errors.DEPLOYED_MODEL_HAS_TRAFFIC(id=identifier, share=split[identifier])
        with self._store.transaction():
            self._serve(endpoint, left, split if left else {})
            self._detach(endpoint, gone)
        return self._operations.finish(
            call, place, name, "UndeployModelOperationMetadata", "UndeployModelResponse", shown_done=False
        )

    # ------------------------------------------------------------ inside

    def _serve(self, endpoint: Endpoint, deployed: tuple[DeployedModel, ...], split: Mapping[str, int]) -> None:
        traffic = _check_traffic(split, deployed)
        self._store.replace_endpoint(
            replace(endpoint, deployed=deployed, traffic=traffic, updated_ns=self._backend.clock.timestamp_ns())
        )

    def _detach(self, endpoint: Endpoint, gone: DeployedModel) -> None:
        """A checkpoint that is no longer deployed shows no endpoint, and its job none if it is the default one."""
        version = find_version(self._store, endpoint.project, endpoint.location, gone.model_id, str(gone.version))
        for one in self._store.list_checkpoints(version.job_uid) if version and not version.copied_from else ():
            if one.id == gone.checkpoint_id and one.endpoint_id == endpoint.id:
                self._store.put_checkpoint(replace(one, endpoint_id=""))

    def _require(self, name: str) -> Endpoint:
        place, (identifier,) = parse_name(name, "endpoints")
        found = self._store.get_endpoint(place.project, place.location, identifier)
        if found is None:
            raise vertex_errors.ENDPOINT_NOT_FOUND(name=format_endpoint_name(place, identifier))
        return found


def _check_traffic(split: Mapping[str, int], deployed: tuple[DeployedModel, ...]) -> dict[str, int]:
    """A traffic split: shares of models that are deployed, 100 together, or none at all.

    Raises:
        ApiError: it names another model, or its shares are not 100 together.
    """
    known = {one.id for one in deployed}
    shares = {key: share for key, share in split.items() if share}
    wrong = sorted(shares.keys() - known)
    if wrong or (shares and sum(shares.values()) != 100) or min(shares.values(), default=0) < 0:
        shown = ", ".join(f"{key}: {share}" for key, share in shares.items())
        raise vertex_errors.TRAFFIC_SPLIT_INVALID(split=shown, known=", ".join(sorted(known)))
    return shares
