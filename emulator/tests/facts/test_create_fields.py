"""No field of a job is silent: it acts, the job ends over it, or it is told of."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from tests.gemini.serving import Serving
from tuning_emulator.core.records import TuningMethod
from tuning_emulator.facts.create_fields import JOB_FIELDS, JOB_INERT, MODEL_FIELDS
from tuning_emulator.facts.request_fields import RequestField, note_inert
from tuning_emulator.gemini.api import SCHEMAS as GEMINI
from tuning_emulator.schema.schema import OUTPUT_ONLY, Schema, Value
from tuning_emulator.vertex.api import SCHEMAS as VERTEX
from tuning_emulator.vertex.specs import METHODS, read_asked, read_request
from tuning_trainer.spec import METHODS as TRAINED

DATA = "gs://b/train.jsonl"
JOBS = {row.path: row for row in JOB_FIELDS}
ELSEWHERE = ("supervised_tuning_spec.evaluation_config",)
"""What begins once the job is trained: see test_evaluation."""

EFFECTS = [row.path for row in JOB_FIELDS if row.effect == "acts" and row.path not in ELSEWHERE]


def list_paths(schema: Schema, message: str, rows: tuple[RequestField, ...], prefix: str = "") -> set[str]:
    """The fields of a message that a client may set, and of those below that have rows of their own."""
    found: set[str] = set()
    opened = {head for row in rows for head in _list_heads(row.path)}
    for field in schema.message(message).fields:
        path = f"{prefix}{field.name}"
        if field.behaviour & OUTPUT_ONLY:
            continue
        found |= list_paths(schema, field.type, rows, f"{path}.") if path in opened else {path}
    return found


def _list_heads(path: str) -> list[str]:
    """The paths of the messages that a field is in."""
    parts = path.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


@pytest.mark.parametrize(
    ("schemas", "message", "rows"),
    [(VERTEX, "TuningJob", JOB_FIELDS), (GEMINI, "TunedModel", MODEL_FIELDS)],
    ids=["vertex", "gemini"],
)
def test_every_field_has_a_row(schemas: dict[str, Schema], message: str, rows: tuple[RequestField, ...]) -> None:
    """In every version; no row is of none, and none is there twice."""
    fields = set[str]().union(*(list_paths(schema, message, rows) for schema in schemas.values()))
    assert fields == {row.path for row in rows}
    assert len(rows) == len({row.path for row in rows})


# --- Vertex AI

VALUES: dict[str, Any] = {
    "tuned_model_display_name": "mine",
    "description": "mine",
    "base_model": "gemini-2.5-pro",
    "labels": {"a": "b"},
    "output_uri": "gs://b/out",
    "epoch_count": 7,
    "learning_rate_multiplier": 7.0,
    "adapter_size": "ADAPTER_SIZE_EIGHT",
    "batch_size": 7,
    "learning_rate": 0.7,
    "beta": 0.7,
    "training_dataset_uri": "gs://b/other.jsonl",
    "validation_dataset_uri": "gs://b/validation.jsonl",
    "prompt_dataset_uri": "gs://b/prompts.jsonl",
    "export_last_checkpoint_only": True,
    "tuning_mode": "TUNING_MODE_FULL",
    "student_model": "gemini-2.5-pro",
    "base_teacher_model": "gemini-2.5-pro",
    "tuned_teacher_model_source": "projects/1/locations/us-central1/models/2",
    "tuned_model_name": "projects/1/locations/us-central1/models/2",
    "checkpoint_id": "2",
}
"""A value of each field by its last name."""


def read_job(job: Value) -> tuple[Any, ...]:
    """What a job is asked to do, what it goes on from and what it is called; without what is only echoed."""
    request = read_request(job)
    asked = read_asked(request, request.base_model, "source" if request.continues else "")
    return (
        structs.replace(asked, echoed={}),
        job.get("pre_tuned_model"),
        job.get("tuned_model_display_name"),
        job.get("description"),
    )


def make_job(path: str, value: Any) -> tuple[Value, Value]:
    """A job, and the same with one field set."""
    head, _, _ = path.partition(".")
    spec = head if head in METHODS else "supervised_tuning_spec"
    before: Value = {"base_model": "gemini-2.5-flash", spec: {"training_dataset_uri": DATA}}
    if path.endswith("student_model"):
        del before["base_model"]
    if path.endswith("prompt_dataset_uri"):
        before[spec] = {}
    if head == "pre_tuned_model":
        before = {spec: before[spec], "pre_tuned_model": {"tuned_model_name": "projects/1/locations/l/models/1"}}
    return before, merge(before, path, value)


def merge(message: Value, path: str, value: Any) -> Value:
    """A message with a value at a path."""
    name, _, rest = path.partition(".")
    return {**message, name: merge(message.get(name) or {}, rest, value) if rest else value}


@pytest.mark.parametrize("path", EFFECTS)
def test_a_field_of_a_job_that_acts_is_kept(path: str) -> None:
    """The job is another one with it, and nothing is said of it."""
    before, after = make_job(path, VALUES[path.rpartition(".")[2]])
    assert read_job(after) != read_job(before)
    notes: list[str] = []
    note_inert(after, notes, JOB_INERT)
    assert notes == []


@pytest.mark.parametrize("path", [row.path for row in JOB_FIELDS if row.effect == "no effect"])
def test_a_field_of_a_job_without_effect_is_told_of(path: str) -> None:
    """By its path, and why."""
    before, after = make_job(path, {"x": 1} if path.endswith("config") else "x")
    notes: list[str] = []
    note_inert(before, notes, JOB_INERT)
    assert notes == []
    note_inert(after, notes, JOB_INERT)
    assert notes == [f"{path} has no effect: {JOBS[path].why}"]


def test_specs_that_end_in_failed_are_those_that_no_trainer_knows() -> None:
    """Each of them, and no other."""
    untrained = {name for name, method in METHODS.items() if method.value not in TRAINED}
    assert {row.path for row in JOB_FIELDS if row.effect == "refused"} == untrained
    assert TuningMethod.SUPERVISED.value in TRAINED


# --- the Gemini API

SAMPLES: dict[str, Value] = {
    "display_name": {"displayName": "mine"},
    "description": {"description": "mine"},
    "base_model": {"baseModel": "models/gemini-1.0-pro-001"},
    "tuned_model_source.tuned_model": {"baseModel": None, "tunedModelSource": {"tunedModel": "tunedModels/first"}},
    "temperature": {"temperature": 0.3},
    "top_p": {"topP": 0.3},
    "top_k": {"topK": 3},
    "reader_project_numbers": {"readerProjectNumbers": ["7"]},
    "tuning_task.training_data.examples.examples": {"pairs": [("a", "b")]},
    "tuning_task.training_data.examples.multiturn_examples": {
        "tuningTask": {
            "trainingData": {
                "examples": {
                    "multiturnExamples": [
                        {"contents": [{"role": r, "parts": [{"text": t}]} for r, t in (("user", "a"), ("model", "b"))]}
                    ]
                }
            }
        }
    },
    **{
        f"tuning_task.hyperparameters.{name}": {"hyperparameters": {key: value}}
        for name, key, value in (
            ("epoch_count", "epochCount", 7),
            ("batch_size", "batchSize", 2),
            ("learning_rate", "learningRate", 0.5),
            ("learning_rate_multiplier", "learningRateMultiplier", 0.5),
        )
    },
}


async def create(serving: Serving, identifier: str, fields: Value) -> tuple[Any, ...]:
    """What is stored of a tuned model that is asked for with these fields; without what differs from all others."""
    name = await serving.create(query=f"tunedModelId={identifier}", finish=identifier == "first", **fields)
    job = serving.store.get_tuned_model(name.removeprefix("tunedModels/"))
    assert job is not None
    plain = structs.replace(job, uid=0, id="", operation_id="", created_ns=0, progress=None)
    return plain, serving.store.get_inline_dataset(job.uid)


async def test_every_field_of_a_tuned_model_acts() -> None:
    """What is stored is something else with it."""
    assert SAMPLES.keys() == {row.path for row in MODEL_FIELDS if row.effect == "acts"}
    serving = Serving()
    await serving.start()
    plain = await create(serving, "first", {})
    for number, (path, fields) in enumerate(SAMPLES.items()):
        assert await create(serving, f"model-{number}", fields) != plain, path
    assert await create(serving, "last", {}) == plain
    await serving.stop()
