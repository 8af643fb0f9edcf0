"""``tuningJobs`` and endpoints, as Vertex AI answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contract_tests.contract import Contract, Situation
from contract_tests.exchange import Recording
from contract_tests.situations import endpoint, fill, moment, read_time
from contract_tests.targets import EmulatorTarget
from tuning_emulator.core.records import (
    DatasetStatistics,
    Distribution,
    Failure,
    Hyperparameters,
    JobState,
    Model,
    ModelVersion,
)
from tuning_emulator.storage.objects import HttpObjectStore
from tuning_emulator.testing.storage_server import StorageServer

SAMPLES = "gs://cloud-samples-data/ai-platform/generative_ai/"
LINE = b'{"messages": [{"role": "user", "content": "1"}, {"role": "model", "content": "2"}]}\n'
PROJECT, ENDPOINT = "123456789012", "1234567890123456789"
TIME = "2024-04-01T12:34:56.123456Z"


@pytest.fixture(scope="session")
def storage_url() -> Iterator[str]:
    """Cloud Storage with the public sample datasets, short."""
    with StorageServer() as server:
        objects = HttpObjectStore(server.base_url)
        for name in ("sft_train_data.jsonl", "sft_validation_data.jsonl"):
            objects.write(SAMPLES + name, LINE * 20)
        yield server.base_url


@pytest.mark.parametrize(
    ("name", "time"),
    [("create_job", "2024-04-21T20:16:16.273513Z"), ("create_job_with_nulls", "2024-12-31T22:40:20.211140Z")],
)
async def test_create_job(contract: Contract, storage_url: str, name: str, time: str) -> None:
    """A job, not an operation: what was sent, a name, a display name, PENDING, and two equal times."""
    contract.settings(storage=storage_url)
    await contract.given(moment(time))
    answer = (await contract.play(name)).same_body()
    assert answer.json["createTime"] == answer.json["updateTime"] == time
    assert {"experiment", "tunedModel", "startTime"}.isdisjoint(answer.json)
    assert "hyperParameters" not in answer.json["supervisedTuningSpec"]


async def test_get_failed_job(contract: Contract, recordings: dict[str, Recording]) -> None:
    """The one whole finished job that is public: every field, every number form, the order of all keys."""
    await contract.given(failed_job(recordings["get_failed_job"].answer.body))
    answer = (await contract.play("get_failed_job")).same_body().same_bytes()
    assert answer.json["endTime"] == answer.json["updateTime"]


async def test_datasets_that_are_no_objects(contract: Contract) -> None:
    """Both violations, numbered, with tabs; the same pair in the details."""
    (await contract.play("datasets_not_jsonl")).same_error()


async def test_adapter_size(contract: Contract, storage_url: str) -> None:
    """Refused alone."""
    contract.settings(storage=storage_url)
    (await contract.play("adapter_size_not_supported")).same_error()


async def test_create_endpoint(contract: Contract) -> None:
    """An operation below the endpoint, not done; asked again, it is, with a short response."""
    await contract.given(moment(TIME))
    created = (await contract.play("create_endpoint")).same_body()
    names = {
        "projects/123456789012/locations/us-central1/endpoints/1234567890123456789/operations/2345678901234567890": str(
            created.json["name"]
        ),
        "projects/123456789012/locations/us-central1/endpoints/1234567890123456789": str(
            created.json["name"].partition("/operations/")[0]
        ),
    }
    done = (await contract.play("create_endpoint_done", instead=names)).same_body()
    assert done.json["done"] is True


async def test_get_endpoint(contract: Contract) -> None:
    """An endpoint without models; each timestamp keeps its microseconds."""
    labels = {"managed-by-cnrm": "true"}
    await contract.given(endpoint(PROJECT, ENDPOINT, "vertexai-endpoint-basic", TIME, labels=labels))
    (await contract.play("get_endpoint")).same_body()


async def test_delete_endpoint(contract: Contract) -> None:
    """An operation of the location, done at once."""
    await contract.given(moment(TIME))
    await contract.given(endpoint(PROJECT, ENDPOINT, "vertexai-endpoint-basic", TIME))
    (await contract.play("delete_endpoint")).same_body()


async def test_host_of_another_region(contract: Contract) -> None:
    """A regional host serves its own region."""
    (await contract.play("location_mismatch")).same_message()


@pytest.mark.parametrize("name", ["get_unknown_endpoint", "get_unknown_metadata_store"])
async def test_what_is_not_there(contract: Contract, name: str) -> None:
    """The control plane names kind and full name, in double quotes."""
    (await contract.play(name)).same_message()


@pytest.mark.parametrize("name", ["generate_unknown_endpoint", "generate_on_model", "generate_unknown_publisher_model"])
async def test_whom_to_ask_is_not_there(contract: Contract, name: str) -> None:
    """Each kind of model has words of its own."""
    (await contract.play(name)).same_error()


SCHEMAS = [
    "generate_schema_type",
    "generate_schema_any_of",
    "generate_function_type",
    "generate_function_any_of",
    "generate_function_object",
    "generate_function_duplicate",
    "generate_function_responses",
    "generate_function_call_place",
    "generate_search_with_schema",
]


@pytest.mark.parametrize("name", SCHEMAS)
async def test_schema_or_function_is_refused(contract: Contract, name: str) -> None:
    """What is wrong with a schema or a function, as clients quote it."""
    (await contract.play(name)).same_error()


# --- the finished job


def read_distribution(value: dict[str, Any]) -> Distribution:
    """Statistics as recorded."""
    buckets = tuple((one["count"], one["left"], one["right"]) for one in value["buckets"])
    numbers = {name: value[name] for name in ("min", "max", "mean", "median", "p5", "p95")}
    return Distribution(sum=int(value["sum"]), buckets=buckets, **numbers)


def failed_job(body: dict[str, Any]) -> Situation:
    """There is the job that the recorded body shows, and the model that it left behind."""
    _, project, _, location, _, identifier = body["name"].split("/")
    model_id = body["tunedModel"]["model"].rpartition("/")[2].removesuffix("@1")
    spec, stats = body["supervisedTuningSpec"], body["tuningDataStats"]["supervisedTuningDataStats"]
    job = fill(
        api="vertex",
        project=project,
        location=location,
        id=identifier,
        api_version="v1",
        operation_id="",
        display_name=body["tunedModelDisplayName"],
        base_model=body["baseModel"],
        hyperparameters=Hyperparameters(),
        resolved=Hyperparameters(10, 4, 1e-3, 1.0, 4, 0.1),
        training_uri=spec["trainingDatasetUri"],
        echoed={
            "base_model": body["baseModel"],
            "supervised_tuning_spec": {"training_dataset_uri": spec["trainingDatasetUri"]},
        },
        state=JobState.FAILED,
        error=Failure(body["error"]["code"], body["error"]["message"]),
        created_ns=read_time(body["createTime"]),
        started_ns=read_time(body["startTime"]),
        ended_ns=read_time(body["endTime"]),
        updated_ns=read_time(body["updateTime"]),
        total_steps=1250,
        statistics=DatasetStatistics(
            examples=int(stats["tuningDatasetExampleCount"]),
            billable_tokens=int(stats["totalBillableTokenCount"]),
            input_tokens=read_distribution(stats["userInputTokenDistribution"]),
            output_tokens=read_distribution(stats["userOutputTokenDistribution"]),
            messages=read_distribution(stats["userMessagePerExampleDistribution"]),
            samples=tuple(stats["userDatasetExamples"]),
        ),
        experiment_id=body["experiment"].rpartition("/")[2],
    )

    async def prepare(target: EmulatorTarget) -> None:
        store = target.app.store
        stored = store.insert_job(job)
        model = store.insert_model(Model(0, project, location, model_id, job.created_ns))
        store.insert_model_version(
            ModelVersion(
                model_uid=model.uid,
                project=project,
                location=location,
                model_id=model_id,
                version=1,
                aliases=("default",),
                display_name=job.display_name,
                description="",
                labels={},
                version_description="",
                base_model=job.asked.base_model,
                job_uid=stored.uid,
                default_checkpoint="",
                created_ns=job.created_ns,
                updated_ns=job.progress.updated_ns,
                revision=1,
            )
        )

    return prepare
