"""``evaluationConfig``: each checkpoint is evaluated, results are files and ``evaluateDatasetRuns``."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.vertex.serving import BUCKET, FLASH, PLACE, TRAINING, VALIDATION, Serving
from tuning_emulator.core.records import JobState
from tuning_emulator.facts.base_models import find_base_model
from tuning_emulator.jobs.scripted import ScriptedTrainer
from tuning_emulator.jobs.trainer import PromptRefusedError, TrainerUnavailableError
from tuning_emulator.vertex.evaluation import check_evaluation
from tuning_emulator.vertex.specs import read_request
from tuning_trainer.spec import Answer, Prompt, Reply

Json = dict[str, Any]
ALL = [
    {"aggregationMetrics": ["AVERAGE", "STANDARD_DEVIATION"], "exactMatchSpec": {}},
    {"bleuSpec": {"useEffectiveOrder": True}},
    {"rougeSpec": {"rougeType": "rougeL"}},
]


def evaluate(metrics: list[Json] | None = None, prefix: str = "evaluated", **fields: Any) -> Json:
    """A supervised spec of two epochs, with a validation set and an evaluation."""
    config = {
        "metrics": ALL if metrics is None else metrics,
        "outputConfig": {"gcsDestination": {"outputUriPrefix": f"gs://{BUCKET}/{prefix}"}},
        **fields,
    }
    return {"hyperParameters": {"epochCount": 2}, "validationDatasetUri": VALIDATION, "evaluationConfig": config}


def read_rows(serving: Serving, uri: str) -> list[Json]:
    """The lines of an object."""
    return [json.loads(line) for line in serving.objects.lines(uri)]


def answer_with(monkeypatch: pytest.MonkeyPatch, say: Any) -> list[Prompt]:
    """Lets the scripted trainer answer so; the prompts that it is given."""
    asked: list[Prompt] = []

    async def generate(_: ScriptedTrainer, prompt: Prompt) -> Reply:
        asked.append(prompt)
        said = say(prompt)
        return Reply(1, (Answer(await said if asyncio.iscoroutine(said) else said, 1),))

    monkeypatch.setattr(ScriptedTrainer, "generate", generate)
    return asked


def count_on(prompt: Prompt) -> str:
    """The right answer to even numbers, another to odd ones."""
    number = int(prompt.turns[-1].text)
    return str(number + 1) if number % 2 == 0 else "no idea"


async def test_every_checkpoint_has_a_run(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores, summed up, in the job; dataset and folder; the answers and scores as files."""
    answer_with(monkeypatch, count_on)
    job = await serving.tune(spec=evaluate())
    first, second = job["evaluateDatasetRuns"]
    assert [one["checkpointId"] for one in (first, second)] == ["1", "2"]
    assert "error" not in first
    output = first["evaluateDatasetResponse"]["aggregationOutput"]
    assert output["dataset"] == {"gcsSource": {"uris": [VALIDATION]}}
    right = 3 / 5  # 20, 22, 24 of 20 to 24
    assert output["aggregationResults"] == [
        {"aggregationMetric": "AVERAGE", "exactMatchMetricValue": {"score": pytest.approx(right)}},
        {"aggregationMetric": "STANDARD_DEVIATION", "exactMatchMetricValue": {"score": pytest.approx(0.547723)}},
        {"aggregationMetric": "AVERAGE", "bleuMetricValue": {"score": pytest.approx(right)}},
        {"aggregationMetric": "AVERAGE", "rougeMetricValue": {"score": pytest.approx(right)}},
    ]
    folders = [one["evaluateDatasetResponse"]["outputInfo"]["gcsOutputDirectory"] for one in (first, second)]
    number = job["name"].rpartition("/")[2]
    assert folders == [f"gs://{BUCKET}/evaluated/evaluation_{number}/checkpoint_{n}/" for n in (1, 2)]
    rows = read_rows(serving, f"{folders[0]}evaluation_results.jsonl")
    assert [json.loads(row["jsonInstance"]) for row in rows][:2] == [
        {"prompt": "20", "response": "21", "reference": "21"},
        {"prompt": "21", "response": "no idea", "reference": "22"},
    ]
    assert rows[0]["evaluationResults"] == [
        {"exactMatchMetricValue": {"score": 1.0}},
        {"bleuMetricValue": {"score": pytest.approx(1)}},
        {"rougeMetricValue": {"score": 1.0}},
    ]
    summed = read_rows(serving, f"{folders[1]}aggregation_results.jsonl")
    assert summed[0] == {"aggregationMetric": "AVERAGE", "exactMatchMetricValue": {"score": pytest.approx(right)}}


async def test_both_versions_show_the_runs_and_create_shows_none(serving: Serving) -> None:
    """The config is echoed; a job without one has no runs."""
    created = await serving.create(spec=evaluate())
    assert "evaluateDatasetRuns" not in created
    assert created["supervisedTuningSpec"]["evaluationConfig"] == evaluate()["evaluationConfig"]
    await serving.finish(created["name"])
    for version in ("v1", "v1beta1"):
        assert len((await serving.get(created["name"], version))["evaluateDatasetRuns"]) == 2
    assert "evaluateDatasetRuns" not in await serving.tune(spec={"hyperParameters": {"epochCount": 1}})


async def test_without_a_validation_set_the_training_set_is_evaluated(serving: Serving) -> None:
    """The run says which dataset it was, and the journal that this flatters."""
    job = await serving.tune(spec={**evaluate(), "validationDatasetUri": "", "exportLastCheckpointOnly": True})
    (run,) = job["evaluateDatasetRuns"]
    assert run["evaluateDatasetResponse"]["aggregationOutput"]["dataset"] == {"gcsSource": {"uris": [TRAINING]}}
    folder = run["evaluateDatasetResponse"]["outputInfo"]["gcsOutputDirectory"]
    assert len(read_rows(serving, f"{folder}evaluation_results.jsonl")) == 15


async def test_what_a_judge_or_code_would_say_fails_alone(serving: Serving) -> None:
    """The job succeeds, computed metrics are there, the error names the others."""
    metrics: list[Json] = [
        {"pointwiseMetricSpec": {"metricPromptTemplate": "Rate {response}"}},
        {"aggregationMetrics": ["MEDIAN"], "exactMatchSpec": {}},
        {"pairwiseMetricSpec": {"metricPromptTemplate": "Which?"}},
        {"predefinedMetricSpec": {"metricSpecName": "general_quality_v1"}},
        {"customCodeExecutionSpec": {"evaluationFunction": "def evaluate(instance): return 1"}},
        {"llmBasedMetricSpec": {"metricPromptTemplate": "Rate"}},
    ]
    job = await serving.tune(spec=evaluate(metrics, autoraterConfig={"samplingCount": 2}))
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    run = job["evaluateDatasetRuns"][0]
    assert len(run["evaluateDatasetResponse"]["aggregationOutput"]["aggregationResults"]) == 1
    assert run["error"]["code"] == 12
    assert run["error"]["message"].startswith("tuning-emulator: ")
    kinds = ("pointwise_metric_spec", "pairwise_metric_spec", "predefined_metric_spec", "custom_code_execution_spec")
    for index, kind in zip((0, 2, 3, 4), kinds, strict=True):
        assert f"metrics[{index}] ({kind})" in run["error"]["message"]
    assert "exact_match_spec" not in run["error"]["message"]
    folder = run["evaluateDatasetResponse"]["outputInfo"]["gcsOutputDirectory"]
    results = read_rows(serving, f"{folder}evaluation_results.jsonl")[0]["evaluationResults"]
    assert [("error" in one, "exactMatchMetricValue" in one) for one in results] == [
        (True, False),
        (False, True),
        *[(True, False)] * 4,
    ]


async def test_the_other_way_to_ask_for_a_computed_metric(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """``computationBasedMetricSpec`` with its parameters."""
    answer_with(monkeypatch, lambda _: "running")
    parameters = {"rouge_type": "rouge1", "use_stemmer": True}
    spec = evaluate([{"computationBasedMetricSpec": {"type": "ROUGE", "parameters": parameters}}])
    run = (await serving.tune(spec=spec))["evaluateDatasetRuns"][0]
    assert run["evaluateDatasetResponse"]["aggregationOutput"]["aggregationResults"] == [
        {"aggregationMetric": "AVERAGE", "rougeMetricValue": {"score": 0}}
    ]


async def test_answers_are_drawn_as_the_config_says(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the checkpoint's own adapter, from the prompt without its answer."""
    asked = answer_with(monkeypatch, count_on)
    drawn = {"temperature": 0.5, "maxOutputTokens": 7, "seed": 3, "stopSequences": ["."]}
    await serving.tune(spec=evaluate(inferenceGenerationConfig=drawn))
    assert {(one.temperature, one.max_output_tokens, one.seed, one.stop) for one in asked} == {(0.5, 7, 3, (".",))}
    assert [one.turns[-1].text for one in asked[:5]] == ["20", "21", "22", "23", "24"]
    assert len({one.adapter for one in asked}) == 2


async def test_a_bucket_that_is_not_there_is_told_of(serving: Serving) -> None:
    """The scores are in the job all the same, and it succeeds."""
    spec = evaluate()
    spec["evaluationConfig"]["outputConfig"]["gcsDestination"]["outputUriPrefix"] = "gs://No_Bucket/x"
    job = await serving.tune(spec=spec)
    run = job["evaluateDatasetRuns"][1]
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert "outputInfo" not in run["evaluateDatasetResponse"]
    assert len(run["evaluateDatasetResponse"]["aggregationOutput"]["aggregationResults"]) == 4
    assert run["error"]["message"].startswith("tuning-emulator: the results cannot be written to gs://No_Bucket/")


async def test_prompts_without_an_answer_do_not_count(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how many; the file shows which."""

    def say(prompt: Prompt) -> str:
        if prompt.turns[-1].text == "22":
            raise PromptRefusedError("too long")
        return count_on(prompt)

    answer_with(monkeypatch, say)
    run = (await serving.tune(spec=evaluate()))["evaluateDatasetRuns"][0]
    results = run["evaluateDatasetResponse"]["aggregationOutput"]["aggregationResults"]
    assert results[0]["exactMatchMetricValue"]["score"] == 0.5
    assert run["error"]["message"] == (
        "tuning-emulator: 1 of 5 prompts have no answer and do not count, the first: too long"
    )
    folder = run["evaluateDatasetResponse"]["outputInfo"]["gcsOutputDirectory"]
    rows = read_rows(serving, f"{folder}evaluation_results.jsonl")
    assert [("error" in row["evaluationResults"][0]) for row in rows] == [False, False, True, False, False]


async def test_a_trainer_that_is_gone_fails_the_run_alone(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model was trained; that nothing judges it is said in the run."""

    def say(_: Prompt) -> str:
        raise TrainerUnavailableError("it was killed")

    answer_with(monkeypatch, say)
    job = await serving.tune(spec=evaluate())
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert job["evaluateDatasetRuns"][0]["error"] == {
        "code": 14,
        "message": "tuning-emulator: the trainer is unavailable: it was killed",
    }


class Gate:
    """Holds answers back until it is opened."""

    def __init__(self) -> None:
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def __call__(self, prompt: Prompt) -> str:
        self.reached.set()
        await self.open.wait()
        return count_on(prompt)


async def test_a_cancel_waits_for_the_run_at_hand(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documented: evaluations in progress run to completion. The next one does not begin."""
    gate = Gate()
    answer_with(monkeypatch, gate)
    created = await serving.create(spec=evaluate())
    await gate.reached.wait()
    assert (await serving.get(created["name"], "v1beta1"))["tuningJobState"] == "TUNING_JOB_STATE_POST_PROCESSING"
    await serving.post(f"{created['name']}:cancel")
    assert (await serving.get(created["name"]))["state"] == "JOB_STATE_CANCELLING"
    gate.open.set()
    await serving.finish(created["name"])
    job = await serving.get(created["name"])
    assert job["state"] == "JOB_STATE_CANCELLED"
    assert [one["checkpointId"] for one in job["evaluateDatasetRuns"]] == ["1"]


async def test_a_job_that_is_deleted_stops_at_once(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for answers that nobody will see."""
    gate = Gate()
    answer_with(monkeypatch, gate)
    created = await serving.create(spec=evaluate())
    await gate.reached.wait()
    job = serving.find(created["name"])
    serving.queue.forget(job.uid)
    async with asyncio.timeout(20):
        while serving.queue.pacing.get(job.uid) is not None:  # noqa: ASYNC110 nobody announces that it is left
            await asyncio.sleep(0.01)
    assert not gate.open.is_set()


async def test_a_restart_goes_on_with_the_next_checkpoint(
    storage_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was evaluated stays as it was; the run that was cut off is made anew."""
    gate = Gate()

    def say(prompt: Prompt) -> Any:
        return gate(prompt) if "checkpoint" in str(prompt.adapter) and len(asked) > 5 else count_on(prompt)

    asked = answer_with(monkeypatch, say)
    serving = Serving(storage_url, data_dir=tmp_path)
    await serving.start()
    created = await serving.create(spec=evaluate())
    await gate.reached.wait()
    before = serving.find(created["name"]).progress
    assert [one.checkpoint_id for one in before.evaluations] == ["1"]
    await serving.stop()
    gate.open.set()
    again = Serving(storage_url, data_dir=tmp_path)
    await again.start()
    ended = await again.finish(created["name"])
    assert ended.progress.state is JobState.SUCCEEDED
    assert [one.checkpoint_id for one in ended.progress.evaluations] == ["1", "2"]
    assert ended.progress.evaluations[0] == before.evaluations[0]
    await again.stop()


async def test_jobs_are_evaluated_side_by_side(storage_url: str) -> None:
    """Each has folders of its own under one prefix."""
    serving = Serving(storage_url, jobs_per_project=3)
    await serving.start()
    created = [await serving.create(spec=evaluate(prefix="shared")) for _ in range(3)]
    await asyncio.gather(*(serving.finish(one["name"]) for one in created))
    jobs = [await serving.get(one["name"]) for one in created]
    folders = {
        run["evaluateDatasetResponse"]["outputInfo"]["gcsOutputDirectory"]
        for job in jobs
        for run in job["evaluateDatasetRuns"]
    }
    assert len(folders) == 6
    await serving.stop()


def test_what_has_no_effect_is_noted() -> None:
    """For log and journal: settings of a judge, of media, and that the training set is used."""
    config = {
        "metrics": [{"bleu_spec": {}}],
        "output_config": {"gcs_destination": {"output_uri_prefix": "gs://b/x"}},
        "inference_generation_config": {"audio_timestamp": True},
        "autorater_config": {"sampling_count": 2},
    }
    spec = {"training_dataset_uri": TRAINING, "evaluation_config": config}
    request = read_request({"base_model": FLASH, "supervised_tuning_spec": spec})
    notes: list[str] = []
    check_evaluation(request, find_base_model("vertex", FLASH), "us-central1", notes)
    assert notes == [
        "generation_config.audio_timestamp has no effect: answers are text here",
        "evaluation_config.autorater_config has no effect: no model here judges answers",
        "evaluation_config: without a validation dataset the training dataset is evaluated, which flatters",
    ]


async def test_another_spec_has_no_evaluation(waiting: Serving) -> None:
    """Only supervised specs have the field: unknown elsewhere, as to the service."""
    spec = {"trainingDatasetUri": TRAINING, "evaluationConfig": evaluate()["evaluationConfig"]}
    body = {"baseModel": FLASH, "preferenceOptimizationSpec": spec}
    reply = await waiting.ask("POST", f"/v1/{PLACE}/tuningJobs", body)
    assert reply.status == 400
    assert "Unknown name \"evaluationConfig\" at 'tuning_job.preference_optimization_spec'" in reply.message
