"""The declared messages, enums and HTTP bindings against the official descriptors.

Needs google-ai-generativelanguage, google-cloud-aiplatform and google-cloud-storage (dev tools; the emulator has none).
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tuning_emulator.facts.differences import DIVERGENCES
from tuning_emulator.schema.proto import load_schemas
from tuning_emulator.schema.schema import PRESENCE, WELL_KNOWN, Enum, Field, Message, Method, Schema

SCALAR_NAMES = {
    1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 7: "fixed32", 8: "bool", 9: "string", 12: "bytes",
    13: "uint32",
}  # fmt: skip
"""``google.protobuf.FieldDescriptorProto.Type`` of the scalars in use."""

FIRST_STAND_IN = 10001
"""Fields numbered from here on are in the discovery documents alone."""

PACKAGES = {
    "gemini": "google.ai.generativelanguage",
    "vertex": "google.cloud.aiplatform",
    "storage": "google.storage",
}
MODULES = {**PACKAGES, "storage": "google.cloud._storage"}
"""Where the official classes are, without the version."""

GEMINI, VERTEX = load_schemas(PACKAGES["gemini"]), load_schemas(PACKAGES["vertex"])
SERVED = [
    (api, version, schema) for api, package in PACKAGES.items() for version, schema in load_schemas(package).items()
]

LEFT_OUT = {
    # v1alpha gave number 1 of VideoMetadata another meaning; v1beta's is declared.
    "VideoMetadata.video_duration",
    # Only the Model Garden's console reads these.
    "PublisherModel.parent",
    "PublisherModel.supported_actions",
}
"""Official fields that are left out on purpose; the divergences say so too."""


def test_left_out_fields_are_known_divergences() -> None:
    """A field that the services have and we do not is a failure or a row of the divergences."""
    (row,) = (one for one in DIVERGENCES if one.name == "left_out_fields")
    assert [name for name in LEFT_OUT if name not in row.real] == []


def load_types(api: str, version: str) -> Any:
    """The official module of message classes, or a skip that says what is missing."""
    return pytest.importorskip(
        f"{MODULES[api]}_{version}.types",
        reason=f"the official package of {PACKAGES[api]} is not installed: its descriptors were not compared",
    )


def find_descriptors(api: str, version: str) -> dict[str, Any]:
    """Message and enum descriptors of one official version, by name relative to the package."""
    types = load_types(api, version)
    found: dict[str, Any] = {}

    def take(descriptor: Any) -> None:
        name = descriptor.full_name.removeprefix(f"{PACKAGES[api]}.{version}.")
        if name in found:
            return
        found[name] = descriptor
        for one in [*getattr(descriptor, "nested_types", ()), *getattr(descriptor, "enum_types", ())]:
            take(one)
        for one in getattr(descriptor, "fields", ()):
            if one.enum_type is not None:
                take(one.enum_type)

    for name in types.__all__:
        kind = getattr(types, name)
        if hasattr(kind, "pb"):
            take(kind.pb(kind()).DESCRIPTOR)
    return found


@pytest.fixture(scope="session")
def official() -> dict[tuple[str, str], dict[str, Any]]:
    """Descriptors by (API, version)."""
    return {}


def descriptors_for(
    cache: dict[tuple[str, str], dict[str, Any]], api: str, version: str
) -> list[tuple[str, dict[str, Any]]]:
    """The official versions that a declared version is compared with: all of Gemini's, for they are declared alike."""
    versions = ("v1beta", "v1alpha", "v1") if api == "gemini" else (version,)
    for one in versions:
        if (api, one) not in cache:
            cache[api, one] = find_descriptors(api, one)
    return [(one, cache[api, one]) for one in versions]


def name_field(field: Any) -> str:
    """The field's proto name: the generated classes put ``_`` after names that Python reserves."""
    return str(field.name).rstrip("_")


def describe_official(field: Any, api: str, version: str) -> tuple[object, ...]:
    """What a declaration must say: number, type, repeated, key, oneof, presence; type without package."""
    is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
    value = field.message_type.fields_by_name["value"] if is_map else field
    kind = value.message_type or value.enum_type
    named = kind.full_name.removeprefix(f"{PACKAGES[api]}.{version}.") if kind else SCALAR_NAMES[value.type]
    oneof = field.containing_oneof.name if field.containing_oneof else ""
    optional = oneof.startswith("_") and value.message_type is None
    key = SCALAR_NAMES[field.message_type.fields_by_name["key"].type] if is_map else ""
    return field.number, named, field.is_repeated and not is_map, key, "" if oneof.startswith("_") else oneof, optional


def describe_declared(field: Field, api: str, version: str) -> tuple[object, ...]:
    """The same of a declared field."""
    named = field.type.removeprefix(f"{PACKAGES[api]}.{version}.")
    return field.number, named, field.repeated, field.key, field.oneof, bool(field.behaviour & PRESENCE)


def own_messages(schema: Schema) -> Iterator[tuple[str, Message]]:
    """The API's own messages by relative name."""
    prefix = f"{schema.package}.{schema.version}."
    for name, message in schema.messages.items():
        if name.startswith(prefix):
            yield name.removeprefix(prefix), message


def own_enums(schema: Schema) -> Iterator[tuple[str, Enum]]:
    """The API's enums by relative name."""
    prefix = f"{schema.package}.{schema.version}."
    for name, enum in schema.enums.items():
        yield name.removeprefix(prefix), enum


@pytest.mark.parametrize(("api", "version", "schema"), SERVED, ids=[f"{api}-{version}" for api, version, _ in SERVED])
def test_declared_fields_are_the_official_ones(
    api: str, version: str, schema: Schema, official: dict[tuple[str, str], dict[str, Any]]
) -> None:
    """Every declared field has the number, type, label, oneof and presence of an official version.

    Vertex AI's own version decides; what its package lacks (the discovery document is newer) is
    compared with the other version's.
    """
    sources = descriptors_for(official, api, version)
    others = descriptors_for_all(official, api) if api == "vertex" else []
    wrong = []
    for name, message in own_messages(schema):
        for field in message.fields:
            if field.number >= FIRST_STAND_IN or name in MESSAGES_WITHOUT_PROTO:
                continue
            said = list_official(sources, api, name, field.name) or list_official(others, api, name, field.name)
            if describe_declared(field, api, version) not in said:
                wrong.append(f"{name}.{field.name}: {describe_declared(field, api, version)}, official {said}")
    assert not wrong


def list_official(
    sources: list[tuple[str, dict[str, Any]]], api: str, message: str, field: str
) -> list[tuple[object, ...]]:
    """What the official versions say of a field."""
    listed = [(version, found[message]) for version, found in sources if message in found]
    return [
        describe_official(one, api, version)
        for version, descriptor in listed
        for one in descriptor.fields
        if name_field(one) == field
    ]


MESSAGES_WITHOUT_PROTO = {
    *("OptimizePromptRequest", "ProcessDataRequest", "ValidateReinforcementTuningRewardRequest"),
    "BatchGenerateContentRequest",
}
"""Requests that discovery documents and references alone have; Vertex AI's declare their path variable as number 1."""


@pytest.mark.parametrize(("api", "version", "schema"), SERVED, ids=[f"{api}-{version}" for api, version, _ in SERVED])
def test_no_official_field_is_missing(
    api: str, version: str, schema: Schema, official: dict[tuple[str, str], dict[str, Any]]
) -> None:
    """A client that sets any official field of a served message is understood."""
    missing = []
    for _, found in descriptors_for(official, api, version):
        for name, message in own_messages(schema):
            declared = {field.name for field in message.fields}
            listed = [name_field(field) for field in found[name].fields] if name in found else []
            missing += [f"{name}.{one}" for one in listed if one not in declared and f"{name}.{one}" not in LEFT_OUT]
    assert not missing


@pytest.mark.parametrize(("api", "version", "schema"), SERVED, ids=[f"{api}-{version}" for api, version, _ in SERVED])
def test_enums_are_the_official_ones(
    api: str, version: str, schema: Schema, official: dict[tuple[str, str], dict[str, Any]]
) -> None:
    """Every value of an official enum is declared with its number, and no other."""
    sources = descriptors_for(official, api, version)
    wrong = []
    for name, enum in own_enums(schema):
        values: dict[str, int] = {}
        for _, found in descriptors_for_all(official, api) if api == "vertex" else sources:
            values |= {one.name: one.number for one in found[name].values} if name in found else {}
        if values and dict(enum.values) != values:
            wrong.append(f"{name}: {set(enum.values.items()) ^ set(values.items())}")
    assert not wrong


def descriptors_for_all(cache: dict[tuple[str, str], dict[str, Any]], api: str) -> list[tuple[str, dict[str, Any]]]:
    """Both versions of Vertex AI: an enum is declared once, with the values of both."""
    return [pair for version in VERTEX for pair in descriptors_for(cache, api, version)]


HIDDEN = {"google.iam.v1.Policy": {"audit_configs"}}
"""Official fields of shared messages that no API here has, by its discovery documents."""


@pytest.mark.parametrize(
    ("package", "modules"),
    [
        ("google.rpc", ("google.rpc.status_pb2", "google.rpc.error_details_pb2")),
        ("google.longrunning", ("google.longrunning.operations_pb2",)),
        (
            "google.type",
            tuple(f"google.type.{name}_pb2" for name in ("date", "expr", "interval", "latlng")),
        ),
        ("google.cloud.location", ("google.cloud.location.locations_pb2",)),
        ("google.iam.v1", tuple(f"google.iam.v1.{name}_pb2" for name in ("iam_policy", "options", "policy"))),
        (
            "google.protobuf",
            tuple(
                f"google.protobuf.{name}_pb2"
                for name in ("any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers")
            ),
        ),
    ],
)
def test_shared_messages_are_the_official_ones(package: str, modules: tuple[str, ...]) -> None:
    """What many APIs share is declared as its descriptors are."""
    for name in modules:
        pytest.importorskip(name, reason="googleapis-common-protos is not installed")
    found: dict[str, Any] = {}
    for module in map(importlib.import_module, modules):
        for one in module.DESCRIPTOR.message_types_by_name.values():
            found |= {inner.full_name: inner for inner in (one, *one.nested_types)}
    own = [one for one in load_schemas(package)[""].messages.values() if one.name.startswith(f"{package}.")]
    assert own
    for message in own:
        declared = {field.name: describe_declared(field, "gemini", "") for field in message.fields}
        assert declared == {
            field.name: describe_official(field, "gemini", "")
            for field in found[message.name].fields
            if field.name not in HIDDEN.get(message.name, ())
        }, message.name


# --- HTTP bindings

TRANSPORTS = {
    "gemini": {
        "ModelService": "model_service",
        "PermissionService": "permission_service",
        "GenerativeService": "generative_service",
        "TextService": "text_service",
        "BatchService": "batch_service",
        "CacheService": "cache_service",
    },
    "vertex": {
        "GenAiTuningService": "gen_ai_tuning_service",
        "JobService": "job_service",
        "GenAiCacheService": "gen_ai_cache_service",
        "ModelService": "model_service",
        "EndpointService": "endpoint_service",
        "PredictionService": "prediction_service",
        "LlmUtilityService": "llm_utility_service",
        "MetadataService": "metadata_service",
        "TensorboardService": "tensorboard_service",
        "ModelGardenService": "model_garden_service",
    },
    "storage": {"Storage": "storage"},
}
NOT_SERVED = re.compile(r"=(corpora|dynamic)/")
"""Places whose resources do not exist here."""


OPERATION_METHODS = ["GetOperation", "ListOperations", "CancelOperation", "DeleteOperation", "WaitOperation"]


def official_rules(api: str, version: str, service: str, method: str) -> set[tuple[str, str, str]] | None:
    """(verb, path, body) of a method in the official REST transport, or None when it has none."""
    load_types(api, version)
    try:
        module = importlib.import_module(
            f"{PACKAGES[api]}_{version}.services.{TRANSPORTS[api][service]}.transports.rest_base"
        )
    except ImportError:
        return None
    transport = getattr(module, f"_Base{service}RestTransport")
    options = getattr(transport, f"_Base{method}", None)
    if options is None or not hasattr(options, "_get_http_options"):
        return None
    listed = options._get_http_options()  # nothing public says what the transport binds
    rules = {(one["method"].upper(), one["uri"], one.get("body", "")) for one in listed}
    return {rule for rule in rules if not NOT_SERVED.search(rule[1])}


def declared_rules(method: Method, version: str) -> set[tuple[str, str, str]]:
    """(verb, path, body) of a declared method."""
    return {
        (rule.verb, rule.template if rule.unversioned else f"/{version}{rule.template}", rule.body)
        for rule in method.http
    }


LENIENT = {("POST", "/v1beta/{model=tunedModels/*}:countTokens", "*")}
"""Bindings of v1beta that exist here alone; see generative_service.proto."""


DISCOVERED = {("v1", "ChatCompletions")}
"""Methods that the discovery document of a version has, and its generated client has not."""


def own_methods(schema: Schema) -> Iterator[tuple[str, str, Method]]:
    """(service, method, declaration) of the API's own services."""
    prefix = f"{schema.package}.{schema.version}."
    for name, method in schema.methods.items():
        if name.startswith(prefix):
            service, _, verb = name.removeprefix(prefix).partition(".")
            yield service, verb, method


@pytest.mark.parametrize(
    ("api", "version", "schema"),
    [("gemini", "v1beta", GEMINI["v1beta"]), ("vertex", "v1", VERTEX["v1"]), ("vertex", "v1beta1", VERTEX["v1beta1"])],
    ids=["gemini-v1beta", "vertex-v1", "vertex-v1beta1"],
)
def test_http_bindings_are_the_official_ones(api: str, version: str, schema: Schema) -> None:
    """Each method answers at the paths, verbs and bodies of the official REST transport."""
    wrong = []
    for service, verb, method in own_methods(schema):
        expected = official_rules(api, version, service, verb)
        if expected is None and (version, verb) not in DISCOVERED:
            assert method.request.rpartition(".")[2] in MESSAGES_WITHOUT_PROTO, f"{method.name}: no official binding"
        elif expected is not None and declared_rules(method, version) - LENIENT != expected:
            wrong.append(f"{method.name}: {declared_rules(method, version) ^ expected}")
    assert not wrong


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_gemini_serves_every_official_binding_of_the_other_versions(version: str) -> None:
    """v1 and v1alpha have all of their own bindings; those of v1beta come on top."""
    for service, verb, method in own_methods(GEMINI[version]):
        expected = official_rules("gemini", version, service, verb) or set()
        assert expected <= declared_rules(method, version), method.name


@pytest.mark.parametrize("version", list(VERTEX))
@pytest.mark.parametrize("verb", OPERATION_METHODS)
def test_vertex_operations_are_at_official_places(version: str, verb: str) -> None:
    """Every path at which an operation answers is one that generated clients know, under /ui/ and the version.

    DELETE and wait are also served at tuningJobs, where the discovery document has them but not the transport.
    """
    official = official_rules("vertex", version, "GenAiTuningService", verb)
    assert official is not None
    paths = {(http, path) for http, path, _ in official}
    declared = {
        (http, path)
        for http, path, _ in declared_rules(VERTEX[version].methods[f"google.longrunning.Operations.{verb}"], version)
    }
    assert {path for path in declared - paths if "/tuningJobs/" not in path[1]} == set()


MIXINS = {
    "google.cloud.location.Locations.GetLocation": "",
    "google.cloud.location.Locations.ListLocations": "",
    "google.iam.v1.IAMPolicy.GetIamPolicy": r"/locations/\*/(models|endpoints)/\*\}",
    "google.iam.v1.IAMPolicy.SetIamPolicy": r"/locations/\*/(models|endpoints)/\*\}",
    "google.iam.v1.IAMPolicy.TestIamPermissions": r"/locations/\*/(models|endpoints)/\*\}",
}
"""Methods that every client of Vertex AI carries, and the places at which something here answers them."""


@pytest.mark.parametrize("version", list(VERTEX))
@pytest.mark.parametrize("name", MIXINS)
def test_vertex_mixins_are_at_official_places(version: str, name: str) -> None:
    """Locations and the policies of what exists here are bound exactly where generated clients look."""
    official = official_rules("vertex", version, "ModelService", name.rpartition(".")[2])
    assert official is not None
    assert declared_rules(VERTEX[version].methods[name], version) == {
        rule for rule in official if re.search(MIXINS[name], rule[1])
    }


# --- discovery documents


def to_snake_case(json_name: str) -> str:
    """``supportedActions`` as ``supported_actions``."""
    return re.sub("([A-Z])", r"_\1", json_name).lower()


@pytest.fixture(scope="session", params=list(VERTEX))
def discovery(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """A version of Vertex AI and the schemas of its discovery document."""
    pytest.importorskip(
        "googleapiclient.discovery_cache",
        reason="google-api-python-client is not installed: the discovery documents were not compared",
    )
    cache = importlib.import_module("googleapiclient.discovery_cache")
    document = json.loads(cache.get_static_doc("aiplatform", request.param))
    return request.param, document["schemas"]


def test_every_property_of_discovery_is_declared(discovery: tuple[str, dict[str, Any]]) -> None:
    """What the discovery document's schemas of served messages have, the declarations have too."""
    version, schemas = discovery
    prefix = f"GoogleCloudAiplatform{version[:1].upper()}{version[1:]}"
    missing = []
    for name, message in own_messages(VERTEX[version]):
        listed = schemas.get(prefix + name.replace(".", ""), {}).get("properties", {})
        names = {field.json_name for field in message.fields} | {field.name for field in message.fields}
        missing += [
            f"{name}.{one}" for one in listed if one not in names and f"{name}.{to_snake_case(one)}" not in LEFT_OUT
        ]
    assert not missing


def test_stand_in_fields_come_from_discovery(discovery: tuple[str, dict[str, Any]]) -> None:
    """A field with a stand-in number is one that the discovery document has, so no field is made up."""
    version, schemas = discovery
    prefix = f"GoogleCloudAiplatform{version[:1].upper()}{version[1:]}"
    for name, message in own_messages(VERTEX[version]):
        listed = schemas.get(prefix + name.replace(".", ""), {}).get("properties", {})
        for field in message.fields:
            assert field.number < FIRST_STAND_IN or field.json_name in listed, f"{name}.{field.name}"


def test_well_known_types_are_never_declared() -> None:
    """No API declares a type that has a JSON form of its own."""
    for _, _, schema in SERVED:
        assert not WELL_KNOWN & schema.messages.keys()
