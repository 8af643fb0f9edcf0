"""What Vertex AI says to jobs, prompts and deletes that it refuses, as it was quoted in public."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from contract_tests.contract import Contract, Situation
from contract_tests.exchange import Recording
from contract_tests.situations import FINISH_TIME_S, endpoint, fill
from contract_tests.targets import EmulatorTarget
from tuning_emulator.core.errors import ErrorText
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.records import Failure, JobState
from tuning_emulator.facts import dataset_errors, vertex_errors
from tuning_emulator.middleware.faults import Fault
from tuning_emulator.storage.objects import HttpObjectStore
from tuning_emulator.testing.storage_server import StorageServer

SAMPLES = "gs://cloud-samples-data/ai-platform/generative_ai"
TODAY, OLDER = f"{SAMPLES}/gemini-2_0/text/sft_train_data.jsonl", f"{SAMPLES}/sft_train_data.jsonl"
OLDEST = "gs://cloud-samples-data/vertex-ai/model-evaluation/peft_train_sample.jsonl"
LINES = {
    TODAY: b'{"contents": [{"role": "user", "parts": [{"text": "1"}]}, {"role": "model", "parts": [{"text": "2"}]}]}\n',
    OLDER: b'{"messages": [{"role": "user", "content": "1"}, {"role": "model", "content": "2"}]}\n',
    OLDEST: b'{"input_text": "1", "output_text": "2"}\n',
}


@pytest.fixture(scope="session")
def storage_url() -> Iterator[str]:
    """Cloud Storage with public sample datasets, short."""
    with StorageServer() as server:
        objects = HttpObjectStore(server.base_url)
        for uri, line in LINES.items():
            objects.write(uri, line * 20)
        yield server.base_url


@pytest.mark.parametrize(
    "name",
    [
        "base_model_before_dataset",
        "old_dataset_form",
        "open_model_without_version",
        "open_model_without_output",
    ],
)
async def test_refused_jobs(contract: Contract, storage_url: str, name: str) -> None:
    """Each is told alone; the base model before the dataset."""
    contract.settings(storage=storage_url)
    (await contract.play(name)).same_message()


@pytest.mark.parametrize("name", ["open_model_with_multiplier", "output_uri_in_v1"])
async def test_what_open_models_do_not_take(contract: Contract, storage_url: str, name: str) -> None:
    """As far as it was quoted."""
    contract.settings(storage=storage_url)
    (await contract.play(name)).same_beginning()


async def test_open_model_by_its_long_name(contract: Contract, storage_url: str) -> None:
    """Accepted, and echoed as it was sent."""
    contract.settings(storage=storage_url)
    (await contract.play("open_model_by_long_name")).same_parts()


async def test_service_agents(contract: Contract) -> None:
    """What a project's first use of Cloud Storage meets, as the fault of that name says it."""
    await contract.given(fault("service_agents_provisioned"))
    (await contract.play("service_agents_provisioned")).same_message()


@pytest.mark.parametrize("name", ["get_unknown_job", "cancel_unknown_job"])
async def test_unknown_jobs(contract: Contract, name: str) -> None:
    """Recorded for other kinds of job, each under its own name."""
    (await contract.play(name, instead={"HyperparameterTuningJob": "TuningJob"})).same_error()


async def test_labels(contract: Contract) -> None:
    """One text for all rules over labels, recorded for another resource."""
    (await contract.play("wrong_labels", instead={"persistent_resource.": "tuning_job."})).same_message()


@pytest.mark.parametrize("name", ["job_with_role_assistant", "job_with_function_calls", "job_without_dataset"])
async def test_jobs_that_failed_over_their_data(
    contract: Contract, recordings: dict[str, Recording], name: str
) -> None:
    """The row's text, as the job shows it."""
    recording = recordings[name]
    row: ErrorText = getattr(dataset_errors, recording.fact, None) or getattr(vertex_errors, recording.fact)
    await contract.given(ended_job(JobState.FAILED, Failure(row.code, row.format(**recording.values))))
    (await contract.play(name)).same_parts()


async def test_cancelled_job(contract: Contract, storage_url: str) -> None:
    """As sister jobs of the same host."""
    names: dict[str, str] = {}
    contract.settings(storage=storage_url)
    await contract.given(cancelled_job(names))
    (await contract.play("cancelled_job", instead=names)).same_parts()


async def test_delete_what_is_deployed(contract: Contract, storage_url: str) -> None:
    """Model and endpoint each refuse, the model with the endpoint's name."""
    names: dict[str, str] = {}
    contract.settings(storage=storage_url)
    await contract.given(tuned_job(names))
    (await contract.play("delete_deployed_model", instead=names)).same_message()
    (await contract.play("delete_endpoint_with_models", instead=names)).same_beginning()


async def test_a_model_without_a_format_to_export(contract: Contract, storage_url: str) -> None:
    """Gemini's weights are nobody's to take away."""
    names: dict[str, str] = {}
    contract.settings(storage=storage_url)
    await contract.given(tuned_job(names))
    (await contract.play("export_without_a_format", instead=names)).same_message()


async def test_an_endpoint_without_traffic(contract: Contract) -> None:
    """Named as it was asked for."""
    await contract.given(
        endpoint(project_number("my-project"), "1234567890123456789", "empty", "2024-04-01T12:34:56.123456Z")
    )
    (await contract.play("generate_without_traffic")).same_message()


@pytest.mark.parametrize("name", ["predict_tuned", "raw_predict_tuned"])
async def test_predict_on_a_tuned_endpoint(contract: Contract, storage_url: str, name: str) -> None:
    """Gemini answers in other ways."""
    names: dict[str, str] = {}
    contract.settings(storage=storage_url)
    await contract.given(tuned_job(names))
    (await contract.play(name, instead=names)).same_message()


@pytest.mark.parametrize(
    "name",
    [
        "predict_published",
        "max_output_tokens_vertex",
        "max_output_tokens_small",
        "temperature_vertex",
        "thinking_off_pro",
        "thinking_budget_pro",
        "thinking_budget_flash",
        "thinking_budget_lite",
        "thinking_level_flash",
        "thinking_2_0",
        "thoughts_without_thinking",
        "thinking_budget_and_level_vertex",
        "search_retrieval_vertex",
        "tools_not_together",
        "contents_missing_vertex",
        "parts_missing_vertex",
        "role_unknown_vertex",
    ],
)
async def test_refused_prompts(contract: Contract, name: str) -> None:
    """On base models; that tuned ones share the words is assumed."""
    (await contract.play(name)).same_message()


@pytest.mark.parametrize("name", ["chat_malformed_model", "chat_arguments_no_json"])
async def test_refused_chats(contract: Contract, name: str) -> None:
    """OpenAI's clients get a list with one error."""
    (await contract.play(name)).same_body()


@pytest.mark.parametrize("name", ["media_type_vertex", "media_type_missing_vertex", "file_denied_vertex"])
async def test_refused_files(contract: Contract, storage_url: str, name: str) -> None:
    """By what is said of them, before they are looked at; an object that is not there as one that may not be read."""
    contract.settings(storage=storage_url)
    (await contract.play(name)).same_message()


@pytest.mark.process
async def test_broken_images(contract: Contract) -> None:
    """Looked at by a process of its own."""
    (await contract.play("image_broken_vertex")).same_message()


async def test_a_level_that_the_model_has_not(contract: Contract) -> None:
    """Recorded of newer models, which lack one; those here have all, and are asked for another."""
    (
        await contract.play("thinking_level_unknown", instead={"THINKING_LEVEL_MINIMAL": "THINKING_LEVEL_9"})
    ).same_message()


# --- jobs that have ended


def ended_job(state: JobState, error: Failure) -> Situation:
    """There is a job with an error."""
    fields = {"api": "vertex", "project": project_number("my-project"), "location": "us-central1", "id": "1"}
    asked = {"base_model": "gemini-2.5-flash", "echoed": {"base_model": "gemini-2.5-flash"}}
    job = fill(**fields, **asked, state=state, error=error, api_version="v1beta1", operation_id="")

    async def prepare(target: EmulatorTarget) -> None:
        target.app.store.insert_job(job)

    return prepare


JOBS = "https://us-central1-aiplatform.googleapis.com/v1beta1/projects/my-project/locations/us-central1/tuningJobs"
TRAINING = {"supervisedTuningSpec": {"trainingDatasetUri": TODAY}}


async def ask(target: EmulatorTarget, verb: str, url: str, body: Any = None) -> Any:
    """A request that is granted."""
    headers = {"authorization": "Bearer token", "content-type": "application/json"}
    heard = await target.send(verb, url, headers, b"" if body is None else json.dumps(body).encode())
    assert heard.status == 200, heard.content.decode()
    return json.loads(heard.content)


def cancelled_job(names: dict[str, str]) -> Situation:
    """There is a job that was cancelled before it ran; ``names`` gets its name."""

    async def prepare(target: EmulatorTarget) -> None:
        named = {"baseModel": "gemini-2.5-flash", "tunedModelDisplayName": "[fault=stuck_pending]", **TRAINING}
        identifier = (await ask(target, "POST", JOBS, named))["name"].rpartition("/")[2]
        await ask(target, "POST", f"{JOBS}/{identifier}:cancel", {})
        await finish(target, identifier)
        names["tuningJobs/1"] = f"tuningJobs/{identifier}"

    return prepare


def tuned_job(names: dict[str, str]) -> Situation:
    """There is a tuned model at one endpoint; ``names`` gets theirs."""

    async def prepare(target: EmulatorTarget) -> None:
        once = {**TRAINING["supervisedTuningSpec"], "exportLastCheckpointOnly": True}
        body = {"baseModel": "gemini-2.5-flash", "supervisedTuningSpec": once}
        identifier = (await ask(target, "POST", JOBS, body))["name"]
        await finish(target, identifier.rpartition("/")[2])
        tuned = (await ask(target, "GET", f"{JOBS}/{identifier.rpartition('/')[2]}"))["tunedModel"]
        names["9876543210987654321"] = tuned["model"].rpartition("/")[2].partition("@")[0]
        names["1234567890123456789"] = tuned["endpoint"].rpartition("/")[2]

    return prepare


async def finish(target: EmulatorTarget, identifier: str) -> None:
    """Waits until a job has ended."""
    job = target.app.store.get_job("vertex", project_number("my-project"), "us-central1", identifier)
    assert job is not None
    await target.app.queue.wait_until_ended(job.uid, FINISH_TIME_S)


def fault(name: str) -> Situation:
    """A trouble is in force."""

    async def prepare(target: EmulatorTarget) -> None:
        target.app.middleware.faults.add(Fault(name=name))

    return prepare
