"""Models and endpoints: record to message."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence

from emulator.core.records import Checkpoint, DeployedModel, Endpoint, Model, ModelVersion
from emulator.schema.declare import Value
from emulator.vertex.names import (
    Place,
    format_endpoint_name,
    format_model_name,
    format_version_name,
    place_of,
)

Deployments = Mapping[tuple[str, int], Sequence[Value]]
"""``DeployedModelRef`` messages by (model id, version)."""


def format_etag(name: str, revision: int) -> str:
    """An etag in the service's shape, base64; it changes with every write."""
    digest = hashlib.sha256(f"{name}#{revision}".encode()).digest()
    return base64.b64encode(digest[:32]).decode()


def index_deployments(endpoints: Iterable[Endpoint]) -> Deployments:
    """Where each model version is deployed."""
    found: dict[tuple[str, int], list[Value]] = {}
    for endpoint in endpoints:
        name = format_endpoint_name(place_of(endpoint), endpoint.id)
        for one in endpoint.deployed:
            reference = {"endpoint": name, "deployed_model_id": one.id, "checkpoint_id": one.checkpoint_id}
            found.setdefault((one.model_id, one.version), []).append(reference)
    return found


def format_model(
    model: Model,
    version: ModelVersion,
    checkpoints: Sequence[Checkpoint],
    deployments: Deployments,
    versioned_name: bool = False,
) -> Value:
    """A version of a model as the registry shows it. ``versioned_name``: lists of versions name them ``ID@1``.

    Source kind and base model source are assumed: no tuned Gemini model was recorded in the registry.
    """
    name = format_model_name(version)
    return {
        "name": format_version_name(version) if versioned_name else name,
        "display_name": version.display_name,
        "description": version.description,
        "create_time": model.created_ns,
        "update_time": version.updated_ns,
        "deployed_models": list(deployments.get((version.model_id, version.version), ())),
        "etag": format_version_etag(version),
        "labels": dict(version.labels),
        "version_id": str(version.version),
        "version_aliases": list(version.aliases),
        "version_description": version.version_description,
        "version_create_time": version.created_ns,
        "version_update_time": version.updated_ns,
        "model_source_info": {"source_type": "GENIE"},
        "base_model_source": {"genie_source": {"base_model_uri": f"publishers/google/models/{version.base_model}"}},
        "default_checkpoint_id": version.default_checkpoint,
        "checkpoints": [format_checkpoint(one) for one in checkpoints],
    }


def format_version_etag(version: ModelVersion) -> str:
    """The etag of a model version."""
    return format_etag(format_version_name(version), version.revision)


def format_checkpoint(checkpoint: Checkpoint) -> Value:
    """A checkpoint as models show it: without its endpoint."""
    return {"checkpoint_id": checkpoint.id, "epoch": checkpoint.epoch, "step": checkpoint.step}


def format_endpoint(endpoint: Endpoint) -> Value:
    """An endpoint with what it serves."""
    place = place_of(endpoint)
    return {
        "name": format_endpoint_name(place, endpoint.id),
        "display_name": endpoint.display_name,
        "description": endpoint.description,
        "deployed_models": [format_deployed_model(place, one) for one in endpoint.deployed],
        "traffic_split": dict(endpoint.traffic),
        "etag": format_endpoint_etag(endpoint),
        "labels": dict(endpoint.labels),
        "create_time": endpoint.created_ns,
        "update_time": endpoint.updated_ns,
    }


def format_endpoint_etag(endpoint: Endpoint) -> str:
    """The etag of an endpoint."""
    return format_etag(format_endpoint_name(place_of(endpoint), endpoint.id), endpoint.revision)


def format_deployed_model(place: Place, deployed: DeployedModel) -> Value:
    """What an endpoint serves. Which kind of resources a tuned Gemini shows is not known; none is printed."""
    return {
        "id": deployed.id,
        "model": f"{place}/models/{deployed.model_id}",
        "display_name": deployed.display_name,
        "create_time": deployed.created_ns,
        "model_version_id": str(deployed.version),
        "checkpoint_id": deployed.checkpoint_id,
    }
