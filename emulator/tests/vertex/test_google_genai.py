"""The official clients, unmodified, against a server of its own: google-cloud-storage uploads, google-genai tunes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.cached import LONG, WORDS
from tests.server_process import running_server
from tests.vertex.serving import BUCKET, FLASH, PLACE, TRAINING, VALIDATION, format_examples, format_requests

genai = pytest.importorskip("google.genai", reason="the official client is not installed: tuning-emulator[demo]")
anonymous = pytest.importorskip("google.auth.credentials")
fixed = pytest.importorskip("google.oauth2.credentials")
storage = pytest.importorskip("google.cloud.storage", reason="the official client is not installed: [demo]")


@pytest.fixture(scope="module")
def server(process: None) -> Iterator[dict[str, str]]:
    """The command line's server on free ports, and the variables that it prints."""
    with running_server("--trainer", "scripted", "--scripted-step-s", "0.02") as running:
        yield running.environment


@pytest.fixture(scope="module")
def client(server: dict[str, str]) -> Any:
    """google-genai in Vertex mode, with the dataset uploaded by google-cloud-storage."""
    options = {"api_endpoint": server["STORAGE_EMULATOR_HOST"]}
    uploader = storage.Client(
        project="my-project", credentials=anonymous.AnonymousCredentials(), client_options=options
    )
    bucket = uploader.create_bucket(BUCKET)
    bucket.blob("train.jsonl").upload_from_string(format_examples(range(1, 16)))
    bucket.blob("validation.jsonl").upload_from_string(format_examples(range(1, 6)))
    return genai.Client(
        vertexai=True,
        project="my-project",
        location="us-central1",
        credentials=fixed.Credentials("token"),
        http_options={"base_url": server["GOOGLE_VERTEX_BASE_URL"]},
    )


def follow(client: Any, job: Any) -> Any:
    """The job at its end; bounded."""
    for _ in range(200):
        job = client.tunings.get(name=job.name)
        if job.has_ended:
            return job
        time.sleep(0.05)
    raise AssertionError(f"{job.name} is {job.state} for ever")


@pytest.fixture(scope="module")
def tuned(client: Any) -> Any:
    """A tuned model's job."""
    config = {"tuned_model_display_name": "numbers", "epoch_count": 2, "adapter_size": "ADAPTER_SIZE_FOUR"}
    job = client.tunings.tune(base_model=FLASH, training_dataset={"gcs_uri": TRAINING}, config=config)
    assert job.state.name == "JOB_STATE_PENDING"
    ended = follow(client, job)
    assert ended.state.name == "JOB_STATE_SUCCEEDED", ended
    return ended


def test_a_tuned_model_answers_what_it_was_tuned_on(client: Any, tuned: Any) -> None:
    """tunings.tune, tunings.get, models.generate_content and its stream through the job's endpoint."""
    endpoint = tuned.tuned_model.endpoint
    assert client.models.generate_content(model=endpoint, contents="3").text == "4"
    stream = client.models.generate_content_stream(model=endpoint, contents="3")
    assert "".join(chunk.text or "" for chunk in stream) == "4"
    assert client.models.count_tokens(model=endpoint, contents="3").total_tokens > 0


def test_a_batch_of_base_and_tuned_models(client: Any, server: dict[str, str], tuned: Any) -> None:
    """batches.create, get, list, cancel and delete; the results are in the bucket."""
    options = {"api_endpoint": server["STORAGE_EMULATOR_HOST"]}
    anyone = anonymous.AnonymousCredentials()
    bucket = storage.Client(project="my-project", credentials=anyone, client_options=options).bucket(BUCKET)
    bucket.blob("requests.jsonl").upload_from_string(format_requests([1, 2]))
    for model, answers in ((FLASH, ["1", "2"]), (tuned.tuned_model.model.partition("@")[0], ["2", "3"])):
        config = {"display_name": "asked together", "dest": f"gs://{BUCKET}/out"}
        batch = client.batches.create(model=model, src=f"gs://{BUCKET}/requests.jsonl", config=config)
        assert (batch.state.name, batch.display_name) == ("JOB_STATE_PENDING", "asked together")
        for _ in range(200):
            batch = client.batches.get(name=batch.name)
            if batch.done:
                break
            time.sleep(0.05)
        assert (batch.state.name, batch.completion_stats.successful_count) == ("JOB_STATE_SUCCEEDED", 2)
        assert batch.name in [one.name for one in client.batches.list(config={"page_size": 1})]
        (blob,) = bucket.list_blobs(prefix=f"{batch.output_info.gcs_output_directory.partition(f'{BUCKET}/')[2]}/")
        lines = [json.loads(line) for line in blob.download_as_bytes().splitlines()]
        said = [one["response"]["candidates"][0]["content"]["parts"][0]["text"] for one in lines]
        assert said == answers
        with pytest.raises(genai.errors.ClientError, match="FAILED_PRECONDITION"):
            client.batches.cancel(name=batch.name)
        assert client.batches.delete(name=batch.name).done
        with pytest.raises(genai.errors.ClientError, match="NOT_FOUND"):
            client.batches.get(name=batch.name)


def test_express_mode_asks_base_models(server: dict[str, str]) -> None:
    """A key in place of project and token, as google-genai sends it."""
    options = {"base_url": server["GOOGLE_VERTEX_BASE_URL"]}
    express = genai.Client(vertexai=True, api_key="any", http_options=options)
    assert express.models.generate_content(model=FLASH, contents="3").text == "3"
    stream = express.models.generate_content_stream(model=FLASH, contents="3")
    assert "".join(chunk.text or "" for chunk in stream) == "3"
    assert express.models.count_tokens(model=FLASH, contents="3").total_tokens > 0


def test_every_checkpoint_answers(client: Any, tuned: Any) -> None:
    """Each has an endpoint of its own."""
    assert [(one.checkpoint_id, one.epoch, one.step) for one in tuned.tuned_model.checkpoints] == [
        ("1", 1, 4),
        ("2", 2, 8),
    ]
    for one in tuned.tuned_model.checkpoints:
        assert client.models.generate_content(model=one.endpoint, contents="5").text == "6"


def test_jobs_and_tuned_models_are_listed(client: Any, tuned: Any) -> None:
    """tunings.list follows pages; models.list(query_base=False) asks for labels.tune-type:*."""
    listed = [job.name for job in client.tunings.list(config={"page_size": 1})]
    assert tuned.name in listed
    found = [job.name for job in client.tunings.list(config={"filter": 'state="JOB_STATE_SUCCEEDED"'})]
    assert tuned.name in found
    models = list(client.models.list(config={"query_base": False}))
    infos = {model.name: model.tuned_model_info for model in models}
    name = tuned.tuned_model.model.partition("@")[0]
    assert infos[name].base_model == "gemini-2_5-flash"
    assert any(model.name.endswith(FLASH) for model in client.models.list())


def test_the_default_checkpoint_is_changed_and_the_model_continued(client: Any, tuned: Any) -> None:
    """models.update moves the job's endpoint; tune(base_model=<model>) makes version 2."""
    name = tuned.tuned_model.model
    client.models.update(model=name, config={"default_checkpoint_id": "1"})
    moved = client.tunings.get(name=tuned.name)
    assert moved.tuned_model.endpoint == tuned.tuned_model.checkpoints[0].endpoint
    # A dict would lose the checkpoint: the client asks the config for an attribute.
    config = genai.types.CreateTuningJobConfig(pre_tuned_model_checkpoint_id="2", epoch_count=1)
    job = client.tunings.tune(base_model=name, training_dataset={"gcs_uri": TRAINING}, config=config)
    ended = follow(client, job)
    assert ended.tuned_model.model == name.replace("@1", "@2")
    assert ended.pre_tuned_model.checkpoint_id == "2"


def test_the_client_raises_the_service_s_errors(client: Any) -> None:
    """ClientError with code, status and the recorded message."""
    from google.genai.errors import ClientError

    with pytest.raises(ClientError) as caught:
        client.tunings.tune(base_model=FLASH, training_dataset={"gcs_uri": "gs://numbers/nothing.jsonl"})
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    assert "training_dataset_uri should be a GCS object of type JSONL." in str(caught.value)


def test_a_job_is_cancelled(client: Any) -> None:
    """tunings.cancel sends an empty body; the job ends with the documented code."""
    job = client.tunings.tune(base_model=FLASH, training_dataset={"gcs_uri": TRAINING}, config={"epoch_count": 1000})
    client.tunings.cancel(name=job.name)
    ended = follow(client, job)
    assert ended.state.name == "JOB_STATE_CANCELLED"
    assert ended.error.code == 1


def test_checkpoints_are_evaluated(client: Any) -> None:
    """A metric of each kind as the client names it; the scores in the job, the judge's failure beside them."""
    metrics = [
        genai.types.Metric(name="exact_match"),
        genai.types.Metric(name="bleu"),
        genai.types.Metric(name="rouge_1"),
        genai.types.Metric(name="fluency", prompt_template="Rate {response} from 0 to 1."),
    ]
    destination = genai.types.GcsDestination(output_uri_prefix=f"gs://{BUCKET}/evaluated")
    config = genai.types.CreateTuningJobConfig(
        epoch_count=2,
        validation_dataset=genai.types.TuningValidationDataset(gcs_uri=VALIDATION),
        evaluation_config=genai.types.EvaluationConfig(
            metrics=metrics, output_config=genai.types.OutputConfig(gcs_destination=destination)
        ),
    )
    job = client.tunings.tune(base_model=FLASH, training_dataset={"gcs_uri": TRAINING}, config=config)
    ended = follow(client, job)
    assert ended.state.name == "JOB_STATE_SUCCEEDED"
    assert [run.checkpoint_id for run in ended.evaluate_dataset_runs] == ["1", "2"]
    run = ended.evaluate_dataset_runs[-1]
    results = run.evaluate_dataset_response.aggregation_output.aggregation_results
    averages = [one for one in results if one.aggregation_metric.name == "AVERAGE"]
    assert averages[0].exact_match_metric_value.score == 1
    assert averages[1].bleu_metric_value.score == 0  # of one word; the client asks for no effective order
    assert averages[2].rouge_metric_value.score == 1
    assert run.error.code == 12
    assert "metrics[3] (pointwise_metric_spec)" in run.error.message


def test_a_reward_is_tried(client: Any) -> None:
    """tunings.validate_reward, as its own tests call it."""
    reward = genai.types.SingleReinforcementTuningRewardConfig(
        reward_name="stringMatchReward",
        string_match_reward_scorer=genai.types.ReinforcementTuningStringMatchRewardScorer(
            correct_answer_reward=1.0,
            wrong_answer_reward=-1.0,
            string_match_expression=genai.types.ReinforcementTuningStringMatchRewardScorerStringMatchExpression(
                match_operation="EXACT_MATCH", expression="{{references.answer}}"
            ),
        ),
    )
    example = genai.types.ReinforcementTuningExample(
        contents=[genai.types.Content(parts=[genai.types.Part(text="What is 6 times 7?")])], references={"answer": "42"}
    )
    found = {
        said: client.tunings.validate_reward(
            parent=PLACE,
            sample_response=genai.types.Content(parts=[genai.types.Part(text=said)]),
            example=example,
            single_reward_config=reward,
        ).overall_reward
        for said in ("42", "43")
    }
    assert found == {"42": 1, "43": -1}


def test_caches(client: Any) -> None:
    """create → get → list → update → ask → delete; names go whole and by their last part."""
    made = client.caches.create(model=FLASH, config={"contents": LONG, "system_instruction": "Be short."})
    assert made.usage_metadata.total_token_count > WORDS
    assert client.caches.get(name=made.name.rpartition("/")[2]) == made
    assert made.name in [one.name for one in client.caches.list()]
    moment = made.create_time + timedelta(hours=3)
    assert client.caches.update(name=made.name, config={"expire_time": moment}).expire_time == moment
    asked = client.models.generate_content(model=FLASH, contents="one", config={"cached_content": made.name})
    assert asked.usage_metadata.cached_content_token_count == made.usage_metadata.total_token_count
    client.caches.delete(name=made.name)
    with pytest.raises(genai.errors.ClientError, match="Invalid resource state for cache content"):
        client.models.generate_content(model=FLASH, contents="one", config={"cached_content": made.name})
