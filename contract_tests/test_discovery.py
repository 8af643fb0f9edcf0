"""The discovery documents that the emulator serves beside the published ones.

Runs in the parity environment: google-api-python-client ships Vertex AI's documents.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tuning_emulator.api.call import Api, relative_name
from tuning_emulator.rest.discovery import build_document
from tuning_emulator.schema.proto import load_schemas

SCHEMAS = load_schemas("google.cloud.aiplatform")
_CHAT = "projects.locations.endpoints.chat.completions.chat"
HERE_ALONE = {"v1": {_CHAT}, "v1beta1": {_CHAT, "projects.locations.tuningJobs.operations.list"}}
"""Methods that the published document lacks; clients have them."""
THERE_ALONE = {"projects.locations.endpoints.list": {"gdcZone"}, "projects.locations.list": {"extraLocationTypes"}}
"""Parameters that are in no proto."""
OTHER_PROPERTIES = {
    "Candidate": {"score"},
    "Endpoint": {"privateModelServerEnabled"},
    "GoogleIamV1SetIamPolicyRequest": {"updateMask"},
}
"""Properties that the protos have and the published documents lack."""
LEFT_OUT = {"PublisherModel": {"parent", "supportedActions"}}
"""See test_schema.LEFT_OUT."""

COMPARED = ("id", "path", "flatPath", "httpMethod", "parameterOrder", "request", "response")
PARAMETER = ("type", "format", "location", "required", "pattern", "repeated")


@pytest.fixture(scope="module", params=list(SCHEMAS))
def documents(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A version of Vertex AI, its document here and the published one."""
    cache = importlib.import_module("googleapiclient.discovery_cache")
    schemas = SCHEMAS.values()
    served: dict[str, Any] = {relative_name(one, method): None for one in schemas for method in one.methods.values()}
    api = Api("vertex", "aiplatform.googleapis.com", "", "aiplatform.googleapis.com", SCHEMAS, served)
    published = json.loads(cache.get_static_doc("aiplatform", request.param))
    return request.param, build_document(api, request.param, "https://aiplatform.googleapis.com"), published


def list_methods(place: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every method by its dotted name."""
    for name, inner in place.get("resources", {}).items():
        yield from list_methods(inner, (*path, name))
    for name, method in place.get("methods", {}).items():
        yield ".".join((*path, name)), method


def describe_parameters(method: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What a client checks of each parameter."""
    return {
        name: {key: said[key] for key in PARAMETER if key in said}
        for name, said in method.get("parameters", {}).items()
    }


def test_methods_are_the_published_ones(documents: tuple[str, dict[str, Any], dict[str, Any]]) -> None:
    """Same names, paths, verbs, order of parameters, request and response."""
    version, ours, published = documents
    theirs = dict(list_methods(published))
    wrong, alone = [], set()
    for name, method in list_methods(ours):
        if name not in theirs:
            alone.add(name)
            continue
        wrong += [f"{name}.{key}" for key in COMPARED if method.get(key) != theirs[name].get(key)]
    assert wrong == []
    assert alone == HERE_ALONE[version]


def test_parameters_are_the_published_ones(documents: tuple[str, dict[str, Any], dict[str, Any]]) -> None:
    """Same path and query parameters, with type, format and pattern."""
    _, ours, published = documents
    theirs = dict(list_methods(published))
    for name, method in list_methods(ours):
        if name in theirs:
            wanted = describe_parameters(theirs[name])
            for one in THERE_ALONE.get(name, ()):
                del wanted[one]
            assert describe_parameters(method) == wanted, name


def test_schemas_are_the_published_ones(documents: tuple[str, dict[str, Any], dict[str, Any]]) -> None:
    """Same schema names; same properties but for those listed above."""
    version, ours, published = documents
    prefix = f"GoogleCloudAiplatform{version[:1].upper()}{version[1:]}"
    for name, schema in ours["schemas"].items():
        assert name in published["schemas"]
        here, there = set(schema["properties"]), set(published["schemas"][name].get("properties", {}))
        short = name.removeprefix(prefix)
        assert here - there <= OTHER_PROPERTIES.get(short, set()), name
        assert there - here <= LEFT_OUT.get(short, set()), name
