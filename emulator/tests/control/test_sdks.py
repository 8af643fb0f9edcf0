"""Pace, clock and job faults as two official SDKs see them: google-genai over REST, a generated client over gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.control.running import LINES
from tests.server_process import running_server
from tuning_emulator.testing.client import make_headers

genai = pytest.importorskip("google.genai", reason="the official client is not installed: tuning-emulator[demo]")
fixed = pytest.importorskip("google.oauth2.credentials")
grpc = pytest.importorskip("grpc")
gapic = pytest.importorskip("google.ai.generativelanguage_v1beta")
exceptions = pytest.importorskip("google.api_core.exceptions")

KEY = (("x-goog-api-key", "key"),)
HOUR_S = 3600.0


@pytest.fixture(scope="module")
def url(process: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the command line with a dataset in its bucket."""
    bucket: Path = tmp_path_factory.mktemp("numbers")
    (bucket / "train.jsonl").write_text(LINES, encoding="utf-8")
    options = ("--trainer", "scripted", "--storage-port", "0", "--bucket", f"numbers={bucket}")
    with running_server(*options, "--jobs-per-project", "20", "--anonymous") as server:
        yield server.url


@pytest.fixture
def control(url: str) -> Iterator[httpx.Client]:
    """The control API."""
    with httpx.Client(base_url=url, timeout=30, headers=make_headers()) as client:
        yield client


@pytest.fixture(scope="module")
def vertex(url: str) -> Any:
    """google-genai in Vertex mode."""
    return genai.Client(
        vertexai=True,
        project="my-project",
        location="us-central1",
        credentials=fixed.Credentials("token"),
        http_options={"base_url": url},
    )


@pytest.fixture(scope="module")
def models(url: str) -> Iterator[Any]:
    """The generated client of the Gemini API over gRPC."""
    with grpc.insecure_channel(url.removeprefix("http://")) as channel:
        kind = gapic.ModelServiceClient
        yield kind(transport=kind.get_transport_class("grpc")(channel=channel))


def tune(vertex: Any, name: str) -> Any:
    """A Vertex job just created."""
    config = {"tuned_model_display_name": name, "epoch_count": 5}
    dataset = {"gcs_uri": "gs://numbers/train.jsonl"}
    job = vertex.tunings.tune(base_model="gemini-2.5-flash", training_dataset=dataset, config=config)
    assert job.tuned_model_display_name == name
    return job


def create(models: Any, name: str, identifier: str) -> Any:
    """The operation of a tuned model just created."""
    examples = [gapic.TuningExample(text_input=str(n), output=str(n + 1)) for n in range(15)]
    data = gapic.Dataset(examples=gapic.TuningExamples(examples=examples))
    task = gapic.TuningTask(training_data=data, hyperparameters=gapic.Hyperparameters(epoch_count=5, batch_size=4))
    model = gapic.TunedModel(display_name=name, base_model="models/gemini-1.5-flash-001-tuning", tuning_task=task)
    request = gapic.CreateTunedModelRequest(tuned_model_id=identifier, tuned_model=model)
    return models.create_tuned_model(request, metadata=KEY)


def look(models: Any, identifier: str) -> tuple[str, int]:
    """State and number of snapshots, by a read."""
    model = models.get_tuned_model(name=f"tunedModels/{identifier}", metadata=KEY)
    return model.state.name, len(model.tuning_task.snapshots)


def test_google_genai_sees_each_state_as_often_as_it_asked_for(vertex: Any) -> None:
    """By a display name alone; the name comes back as it was sent."""
    job = tune(vertex, "numbers [pace=polls:2]")
    states = [vertex.tunings.get(name=job.name).state.name for _ in range(11)]
    assert states == ["JOB_STATE_PENDING"] * 2 + ["JOB_STATE_RUNNING"] * 8 + ["JOB_STATE_SUCCEEDED"]


def test_the_generated_client_sees_steps_move_read_by_read(models: Any) -> None:
    """Over gRPC every read counts as over REST."""
    create(models, "[pace=polls:2]", "stepwise")
    assert [look(models, "stepwise") for _ in range(5)] == [
        ("CREATING", 0),
        ("CREATING", 0),
        ("CREATING", 6),
        ("CREATING", 12),
        ("ACTIVE", 19),
    ]


def test_the_generated_client_polls_its_operation_to_the_end(models: Any) -> None:
    """`operation.result` reads the operation until it is done; its progress moved on the way."""
    operation = create(models, "[pace=polls:1]", "polled")
    assert not operation.done()
    seen = operation.metadata.completed_steps
    model = operation.result(timeout=60)
    assert (seen, model.state.name, operation.metadata.completed_steps) == (0, "ACTIVE", 19)


def test_an_advance_of_the_clock_ends_jobs_of_both(vertex: Any, models: Any, control: httpx.Client) -> None:
    """Three hours at once; what the SDKs parse agrees with the clock."""
    control.post("/emulator/v1/clock:freeze").raise_for_status()
    try:
        job = tune(vertex, "[pace=time:2160]")
        create(models, "[pace=time:5400]", "slow")
        assert look(models, "slow") == ("CREATING", 0)
        control.post("/emulator/v1/clock:advance", json={"seconds": 3 * HOUR_S}).raise_for_status()
        job, model = vertex.tunings.get(name=job.name), models.get_tuned_model(name="tunedModels/slow", metadata=KEY)
    finally:
        control.post("/emulator/v1/clock:resume")
    assert job.state.name == "JOB_STATE_SUCCEEDED"
    assert (job.end_time - job.create_time).total_seconds() == 3 * HOUR_S
    assert (job.start_time - job.create_time).total_seconds() == 2160
    task = model.tuning_task
    assert (model.state.name, len(task.snapshots)) == ("ACTIVE", 19)
    assert (task.complete_time - model.create_time).total_seconds() == 3 * HOUR_S


def test_jobs_go_on_and_are_cancelled_by_hand(vertex: Any, models: Any, control: httpx.Client) -> None:
    """What the control API does is what the SDKs read next."""
    job = tune(vertex, "[pace=manual]")
    create(models, "[pace=manual]", "by-hand")
    control.post(f"/emulator/v1/jobs/{job.name}:advance", json={"to": "TUNING"}).raise_for_status()
    assert vertex.tunings.get(name=job.name).state.name == "JOB_STATE_RUNNING"
    control.post(f"/emulator/v1/jobs/{job.name}:cancel").raise_for_status()
    assert vertex.tunings.get(name=job.name).state.name == "JOB_STATE_CANCELLING"
    control.post(f"/emulator/v1/jobs/{job.name}:advance").raise_for_status()
    assert vertex.tunings.get(name=job.name).state.name == "JOB_STATE_CANCELLED"
    control.post("/emulator/v1/jobs/tunedModels/by-hand:advance").raise_for_status()
    assert look(models, "by-hand") == ("CREATING", 9)
    control.post("/emulator/v1/jobs/tunedModels/by-hand:advance").raise_for_status()
    assert look(models, "by-hand") == ("ACTIVE", 19)


def test_jobs_fail_as_their_names_say(vertex: Any, models: Any) -> None:
    """The recorded text on Vertex; the operation's exception over gRPC."""
    job = tune(vertex, "[pace=polls:1] [fault=endpoint_creation_failed]")
    for _ in range(6):
        job = vertex.tunings.get(name=job.name)
    assert (job.state.name, job.error.code) == ("JOB_STATE_FAILED", 13)
    assert job.error.message.startswith("Failed to create endpoint. Tuned model is uploaded")
    assert job.tuned_model.endpoint is None
    operation = create(models, "[fault=quota_exhausted]", "refused")
    with pytest.raises(exceptions.GoogleAPICallError, match="Resource has been exhausted"):
        operation.result(timeout=60)


def test_waiting_faults_are_counted_over_both(vertex: Any, models: Any, control: httpx.Client) -> None:
    """One fault for the next two jobs of any project: one of each SDK gets it."""
    given = control.post("/emulator/v1/job-faults", json={"kind": "internal_error", "at": 2, "jobs": 2}).json()
    operation = create(models, "numbers", "doomed")
    job = tune(vertex, "[pace=polls:1]")
    with pytest.raises(exceptions.GoogleAPICallError, match="An internal error has occurred"):
        operation.result(timeout=60)
    for _ in range(6):
        job = vertex.tunings.get(name=job.name)
    assert job.state.name == "JOB_STATE_FAILED"
    (counted,) = [
        row for row in control.get("/emulator/v1/job-faults").json()["job_faults"] if row["id"] == given["id"]
    ]
    assert (counted["fired"], counted["remaining"]) == (2, 0)


def test_magic_that_cannot_be_read_is_the_sdks_own_error(vertex: Any, models: Any) -> None:
    """400 and INVALID_ARGUMENT, with the value in the text."""
    with pytest.raises(genai.errors.ClientError, match="'pols:2' is not a pace"):
        tune(vertex, "[pace=pols:2]")
    with pytest.raises(exceptions.InvalidArgument, match="'oops' is not a fault"):
        create(models, "[fault=oops]", "never")
