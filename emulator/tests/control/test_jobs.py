"""The emulator's own view of tuning jobs: found by the name that their API gives them, with each step's loss."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from msgspec import structs

from tests.control.running import ServerState
from tests.jobs.test_queue import make_queue
from tests.records import make_job, make_tuned_model
from tuning_emulator.control.api import create_control
from tuning_emulator.control.health import Health
from tuning_emulator.control.jobs import create_router
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.records import MetricPoint
from tuning_emulator.datasets.check import check_dataset
from tuning_emulator.store.store import Store


@pytest.fixture
def store() -> Store:
    """A store with one job of each API."""
    kept = Store()
    tuned = kept.insert_job(make_tuned_model(id="next-number"))
    kept.add_metric_points(tuned.uid, [MetricPoint(1, 0, 2.5, 10), MetricPoint(2, 0, 1.25, 20)])
    kept.insert_job(make_job(project=project_number("my-project"), location="us-central1", id="1715586718876303360"))
    return kept


@pytest.fixture
async def client(store: Store, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the control API alone."""

    def no_health() -> Health:
        raise AssertionError("these tests do not ask for health")

    queue = make_queue(tmp_path, store)
    transport = httpx.ASGITransport(create_control(no_health, [create_router(store, queue)]))
    async with httpx.AsyncClient(transport=transport, base_url="http://control") as client:
        yield client


async def test_losses_of_a_tuned_model(client: httpx.AsyncClient) -> None:
    """A Gemini job is found by its tuned model's name and shows its loss curve."""
    job = (await client.get("/emulator/v1/jobs/tunedModels/next-number")).json()
    assert (job["name"], job["api"]) == ("tunedModels/next-number", "gemini")
    assert [(point["step"], point["loss"]) for point in job["metrics"]] == [(1, 2.5), (2, 1.25)]


@pytest.mark.parametrize("project", ["my-project", project_number("my-project")])
async def test_tuning_job_by_project_id_or_number(client: httpx.AsyncClient, project: str) -> None:
    """A Vertex job is found by the name that was asked for and by the one that answers carry."""
    name = f"projects/{project}/locations/us-central1/tuningJobs/1715586718876303360"
    job = (await client.get(f"/emulator/v1/jobs/{name}")).json()
    assert (job["name"], job["api"], job["metrics"]) == (name, "vertex", [])


async def test_what_was_read_in_part_is_noted(store: Store, client: httpx.AsyncClient) -> None:
    """Where no service has a field for it."""
    turns = [{"role": role, "parts": [{"text": "1"}]} for role in ("user", "model")]
    counted = check_dataset([json.dumps({"contents": turns}).encode()])
    statistics = structs.replace(counted, reduced=(("[image]: no.", 3, 1),))
    job = store.insert_job(make_job(project="1", location="l", id="9", statistics=statistics))
    assert job.progress.statistics == statistics
    told = (await client.get("/emulator/v1/jobs/projects/1/locations/l/tuningJobs/9")).json()
    assert told["notes"] == ["reads 3 of the examples (the first is 1) in part. [image]: no."]


@pytest.mark.parametrize("name", ["tunedModels/other", "projects/p/locations/l/tuningJobs/1", "next-number", "a/b/c"])
async def test_unknown_name(client: httpx.AsyncClient, name: str) -> None:
    """What is not there answers 404 and says which names there are."""
    answer = await client.get(f"/emulator/v1/jobs/{name}")
    assert answer.status_code == 404
    assert name in answer.json()["detail"]
    assert "tunedModels/{id}" in answer.json()["detail"]


async def test_jobs_are_chosen_by_what_they_are(server: ServerState) -> None:
    """By state, API, base model and words; the counts are of all."""
    await server.create("first numbers")
    await server.create_model("second numbers", "second")
    for uid in (1, 2):
        await server.emulator.queue.wait_until_ended(uid, timeout_s=30)
    await server.create("third [fault=quota_exhausted]")
    await server.emulator.queue.wait_until_ended(3, timeout_s=30)

    async def names(query: str) -> list[str]:
        page = await server.control("GET", f"jobs?{query}")
        assert page["states"] == {"SUCCEEDED": 2, "FAILED": 1}
        return [job["display_name"].split()[0] for job in page["jobs"]]

    assert await names("state=SUCCEEDED") == ["second", "first"]
    assert await names("state=FAILED") == ["third"]
    assert await names("api=gemini") == ["second"]
    assert await names("model=gemini-2.5-flash") == ["third", "first"]
    assert await names("words=NUMBERS&api=vertex") == ["first"]
    await server.control("GET", "jobs?state=DONE", status=422)


async def test_a_job_says_what_was_asked_and_what_came_of_it(server: ServerState) -> None:
    """Hyperparameters as sent and as used, the data, what was made."""
    name = (await server.create(labels={"team": "a"}))["name"]
    await server.emulator.queue.wait_until_ended(1, timeout_s=30)
    job = await server.control("GET", f"jobs/{name}")
    assert (job["method"], job["labels"], job["asked"]) == ("supervised", {"team": "a"}, {"epochs": 5})
    assert job["resolved"]["epochs"] == 5
    assert job["resolved"]["batch_size"] > 0
    assert (job["training_uri"], job["statistics"]["examples"]) == ("gs://numbers/train.jsonl", 15)
    shown = await server.get(name)
    assert job["model"] == shown["tunedModel"]["model"]
    assert job["endpoint"] == shown["tunedModel"]["endpoint"]
    assert [one["endpoint"] for one in job["checkpoints"]] == [
        one["endpoint"] for one in shown["tunedModel"]["checkpoints"]
    ]


async def test_a_failure_names_the_rule_that_has_its_words(server: ServerState) -> None:
    """With source and grade; what is in nobody's words has none."""
    name = (await server.create("x [fault=dataset_rejected:3]"))["name"]
    await server.emulator.queue.wait_until_ended(1, timeout_s=30)
    failure = (await server.control("GET", f"jobs/{name}"))["failure"]
    assert failure["code"] == "INVALID_ARGUMENT"
    assert failure["rule"]
    assert failure["grade"] in ("recorded", "documented", "assumed")
    assert failure["source"]
    rule = (await server.control("GET", f"rules/{failure['rule']}"))["rules"]
    assert failure["source"] in [one["source"] for one in rule]


async def test_a_long_curve_is_thinned_and_keeps_its_extremes(server: ServerState) -> None:
    """First, last, least and greatest point are there, in order, and no more than asked for."""
    name = (await server.create())["name"]
    await server.emulator.queue.wait_until_ended(1, timeout_s=30)
    losses = {step: 2.0 + (step * 7919 % 1000) / 1000 for step in range(1, 20_001)} | {777: 99.0, 15_432: 0.01}
    points = [MetricPoint(step, 1, loss, 0) for step, loss in losses.items()]
    server.emulator.store.add_metric_points(1, points)
    job = await server.control("GET", f"jobs/{name}?points=500")
    train = [one for one in job["metrics"] if one["kind"] == "train"]
    steps = [one["step"] for one in train]
    assert 300 < len(train) <= 500
    assert steps == sorted(set(steps))
    assert {1, 777, 15_432, 20_000} <= set(steps)
    assert all(one["loss"] == losses[one["step"]] for one in train)
    assert job["points"]["train"] == 20_000
    assert len((await server.control("GET", f"jobs/{name}?points=0"))["metrics"]) == 0
    assert (
        len([one for one in (await server.control("GET", f"jobs/{name}"))["metrics"] if one["kind"] == "train"])
        == 20_000
    )
