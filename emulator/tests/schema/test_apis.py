"""What must hold for both APIs' declarations, whatever they say; contract_tests compare them with the official ones."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tuning_emulator.gemini.api import SCHEMAS as GEMINI
from tuning_emulator.schema.proto import load_schemas
from tuning_emulator.schema.schema import Field, Message, Schema
from tuning_emulator.vertex.api import SCHEMAS as VERTEX

SCHEMAS = [*GEMINI.values(), *VERTEX.values()]
IDS = [f"{one.package.rpartition('.')[2]}-{one.version}" for one in SCHEMAS]
every_schema = pytest.mark.parametrize("schema", SCHEMAS, ids=IDS)

SHARED = load_schemas("google.longrunning")[""].messages.keys()


def list_bindings(schema: Schema) -> Iterator[tuple[str, str, str, Message]]:
    """(method, template, body, request message) of every HTTP binding."""
    for method in schema.methods.values():
        for rule in method.http:
            yield method.name, rule.template, rule.body, schema.messages[method.request]


def find_field(schema: Schema, message: Message, path: str) -> Field | None:
    """The field at a path like ``tuned_model.name``."""
    found: Field | None = None
    for name in path.split("."):
        found = next((one for one in message.fields if one.name == name), None)
        if found is None:
            return None
        message = schema.messages.get(found.type, message)
    return found


@every_schema
def test_path_variables_and_bodies_are_fields_of_the_request(schema: Schema) -> None:
    """A binding fills fields that the request has: a singular string for a variable, a message for a body."""
    for method, template, body, request in list_bindings(schema):
        for path in re.findall(r"\{([\w.]+)", template):
            field = find_field(schema, request, path)
            assert field is not None, f"{method} {template}: {path}"
            assert field.type == "string", f"{method} {template}: {path}"
            assert not field.repeated, f"{method} {template}: {path}"
        if body not in ("", "*"):
            field = find_field(schema, request, body)
            assert field is not None, f"{method}: body {body}"
            assert field.type in schema.messages, f"{method}: body {body}"


@every_schema
def test_no_two_methods_answer_at_one_path(schema: Schema) -> None:
    """A verb and a template lead to one method."""
    seen: dict[tuple[str, str], str] = {}
    for method in schema.methods.values():
        for rule in method.http:
            template = re.sub(r"\{[\w.]+(=[^}]*)?\}", lambda match: (match[1] or "=*")[1:], rule.template)
            key = (rule.verb, f"{rule.unversioned}{template}")
            assert seen.setdefault(key, method.name) == method.name, key


@every_schema
def test_nothing_is_declared_that_nothing_served_can_reach(schema: Schema) -> None:
    """Every message and enum is in some request or answer, or in an operation's metadata or response."""
    waiting = [name for method in schema.methods.values() for name in (method.request, method.response)]
    waiting += [name for name in schema.messages if name.endswith(("Metadata", "ModelResponse"))]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [field.type for field in schema.messages[name].fields] if name in schema.messages else []
    assert {*schema.messages, *schema.enums} - reached - SHARED == set()


@every_schema
def test_enums_begin_with_zero(schema: Schema) -> None:
    """proto3: the first value is 0, the default; numbers are used once."""
    for name, enum in schema.enums.items():
        assert next(iter(enum.values.values())) == 0, name
        assert len(set(enum.values.values())) == len(enum.values), name


@pytest.mark.parametrize("version", list(GEMINI))
def test_gemini_tunes_under_every_version(version: str) -> None:
    """google-genai 3.4 creates under v1, older clients under v1beta: all serve the same methods."""
    assert {name.removeprefix(f"{GEMINI[version].package}.{version}.") for name in GEMINI[version].methods} == {
        name.removeprefix(f"{GEMINI['v1beta'].package}.v1beta.") for name in GEMINI["v1beta"].methods
    }


@pytest.mark.parametrize(
    "field",
    [
        "distillation_spec",
        "partner_model_tuning_spec",
        "full_fine_tuning_spec",
        "reinforcement_tuning_spec",
        "veo_tuning_spec",
        "veo_lora_tuning_spec",
        "custom_base_model",
        "output_uri",
        "tuning_job_state",
        "tuning_job_metadata",
    ],
)
def test_fields_of_v1beta1_are_unknown_to_v1(field: str) -> None:
    """Documented: these exist in v1beta1 alone, so v1 refuses them as unknown names."""
    assert find_field(VERTEX["v1beta1"], VERTEX["v1beta1"].message("TuningJob"), field)
    assert find_field(VERTEX["v1"], VERTEX["v1"].message("TuningJob"), field) is None


def test_a_tuning_job_prints_in_the_recorded_order() -> None:
    """Field numbers decide the order of keys; that of a whole recorded job comes out."""
    recorded = [
        *("name", "tunedModelDisplayName", "baseModel", "supervisedTuningSpec", "state", "createTime", "startTime"),
        *("endTime", "updateTime", "error", "experiment", "tunedModel", "tuningDataStats"),
    ]
    declared = [field.json_name for field in VERTEX["v1"].message("TuningJob").fields]
    assert [name for name in declared if name in recorded] == recorded


def test_a_tuned_model_prints_in_the_recorded_order() -> None:
    """The same of a recorded tuned model and its hyperparameters."""
    recorded = [
        *("name", "baseModel", "displayName", "state", "createTime", "updateTime", "tuningTask"),
        *("temperature", "topP", "topK"),
    ]
    declared = [field.json_name for field in GEMINI["v1beta"].message("TunedModel").fields]
    assert [name for name in declared if name in recorded] == recorded
    hyperparameters = [field.json_name for field in GEMINI["v1beta"].message("Hyperparameters").fields]
    assert hyperparameters[:3] == ["epochCount", "batchSize", "learningRate"]
