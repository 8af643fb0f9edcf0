"""Resources that scenarios seed by number, so that programs which name them literally find them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.control.running import ServerState
from tests.control.test_scenarios import describe_lasting, load

PLACE = "projects/123/locations/us-central1"
NUMBERED = """
version: 1
tuning_jobs:
- id: 456
  project: 123
  model: 789
  experiment: tuning-experiment-2025010112345678
  checkpoints: [{endpoint: 11}, {id: 7}, {endpoint: 13}]
- {id: "4982013113894174720", project: my-project, state: RUNNING, endpoint: 99, model: 98}
endpoints:
- {id: 1234567890123456789, project: 123, display_name: empty}
"""


async def test_everything_has_its_number(server: ServerState) -> None:
    """The job, its model, checkpoints, their endpoints and its experiment are under the names that programs hold."""
    report = await load(server, NUMBERED)
    assert report["tuning_jobs"][0] == f"{PLACE}/tuningJobs/456"
    job = await server.ask("GET", f"/v1beta1/{PLACE}/tuningJobs/456")
    assert job["name"] == f"{PLACE}/tuningJobs/456"
    assert job["experiment"] == f"{PLACE}/metadataStores/default/contexts/tuning-experiment-2025010112345678"
    tuned = job["tunedModel"]
    assert (tuned["model"], tuned["endpoint"]) == (f"{PLACE}/models/789@1", f"{PLACE}/endpoints/13")
    checkpoints = tuned["checkpoints"]
    assert [one["checkpointId"] for one in checkpoints] == ["1", "7", "3"]
    assert [one["endpoint"].rpartition("/")[2] for one in checkpoints][::2] == ["11", "13"]
    body = {"contents": [{"role": "user", "parts": [{"text": "42"}]}]}
    answer = await server.ask("POST", f"/v1/{PLACE}/endpoints/13:generateContent", body)
    assert answer["candidates"][0]["content"]["parts"] == [{"text": "43"}]
    model = await server.ask("PATCH", f"/v1/{PLACE}/models/789", {"defaultCheckpointId": "7"})
    assert model["labels"]["google-vertex-llm-tuning-job-id"] == "456"
    for path in (job["experiment"], f"{job['experiment']}-456", f"{PLACE}/endpoints/1234567890123456789"):
        await server.ask("GET", f"/v1/{path}")


async def test_a_job_that_goes_on_keeps_its_promise(server: ServerState) -> None:
    """What it makes later has the numbers, too; whoever asks for them meanwhile is refused."""
    name = (await load(server, NUMBERED))["tuning_jobs"][1]
    with_same = "version: 1\ntuning_jobs: [{project: my-project, model: 98}]"
    refused = await load(server, with_same, 422)
    assert "tuning_jobs.0: model: projects/" in refused["detail"]
    assert "models/98 is there already, or will be; nothing has changed" in refused["detail"]
    await server.control("PUT", "pace", {"mode": "training"})
    while (await server.get(name))["state"] == "JOB_STATE_RUNNING":
        await server.control("POST", f"jobs/{name}:advance")
    tuned = (await server.get(name))["tunedModel"]
    assert tuned["model"].endswith("/models/98@1")
    assert tuned["endpoint"].endswith("/endpoints/99")


async def test_newer_models_live_elsewhere(server: ServerState) -> None:
    """Model and endpoint of a job on Gemini 3.5 are in the base model's home, under their numbers."""
    await load(
        server, "version: 1\ntuning_jobs: [{id: 1, project: 123, model: 2, endpoint: 3, base_model: gemini-3.5-flash}]"
    )
    tuned = (await server.ask("GET", f"/v1/{PLACE}/tuningJobs/1"))["tunedModel"]
    assert tuned["model"] == "projects/123/locations/us/models/2@1"
    assert tuned["endpoint"] == "projects/123/locations/us/endpoints/3"


@pytest.mark.parametrize(
    ("seed", "complaint"),
    [
        ('{id: "45x"}', "tuning_jobs.0.id: '45x' is no number of 1 to 19 digits"),
        ('{id: "12345678901234567890"}', "tuning_jobs.0.id: '12345678901234567890' is no number"),
        ("{id: true}", "tuning_jobs.0.id: "),
        ("{id: 1.5}", "tuning_jobs.0.id: "),
        (
            '{model: "projects/1/locations/l/models/2"}',
            "tuning_jobs.0.model: 'projects/1/locations/l/models/2' is no number",
        ),
        ("{model: -4}", "tuning_jobs.0.model: '-4' is no number"),
        ("{endpoint: e}", "tuning_jobs.0.endpoint: 'e' is no number"),
        ('{experiment: "a/b"}', "tuning_jobs.0.experiment: 'a/b' is no id like tuning-experiment-"),
        ("{project: projects/123}", "tuning_jobs.0.project: 'projects/123' is no project"),
        ("{checkpoints: [{epoch: 1}]}", "tuning_jobs.0.checkpoints.0.epoch: "),
        ("{checkpoints: [{id: a}]}", "tuning_jobs.0.checkpoints.0.id: 'a' is no number"),
        ("{checkpoints: [{id: 2}, {}]}", "tuning_jobs.0: checkpoints: two have one id"),
        ("{checkpoints: [{endpoint: 5}, {endpoint: 5}]}", "tuning_jobs.0: checkpoints: two have one endpoint"),
        ("{endpoint: 4, checkpoints: [{endpoint: 5}]}", "tuning_jobs.0: endpoint: '4' is that of the last checkpoint"),
        ("{endpoint: 4, checkpoints: [{endpoint: 4}, {}]}", "tuning_jobs.0: checkpoints: two have one endpoint"),
        ("{id: 4, count: 2}", "tuning_jobs.0: id: count is 2"),
        ("{model: 4, state: CANCELLED}", "tuning_jobs.0: model: a job that ends CANCELLED makes none"),
        ("{checkpoints: [{}, {}], epochs: 3}", "tuning_jobs.0: checkpoints: the job saves 3, not 2"),
    ],
)
async def test_what_cannot_be(server: ServerState, seed: str, complaint: str) -> None:
    """The refusal names the field, the value and what would be right; nothing is there afterwards."""
    await load(
        server, f"version: 1\ntuning_jobs: [{seed}]", 422
    )  # the stand-in for sample data is made when first used
    before = describe_lasting(server)
    refused = await load(server, f"version: 1\ntuning_jobs: [{seed}]", 422)
    assert complaint in refused["detail"]
    assert describe_lasting(server) == before


@pytest.mark.parametrize(
    ("scenario", "complaint"),
    [
        (
            "tuning_jobs: [{project: 123, id: 456}]",
            "id: projects/123/locations/us-central1/tuningJobs/456 is there already",
        ),
        ("tuning_jobs: [{project: 123, model: 789}]", "model: projects/123/locations/us-central1/models/789 is there"),
        ("tuning_jobs: [{project: 123, endpoint: 11}]", "endpoint: projects/123/locations/us-central1/endpoints/11 is"),
        ("tuning_jobs: [{project: 123, checkpoints: [{endpoint: 13}]}]", "checkpoints.0.endpoint: projects/123/"),
        (
            "tuning_jobs: [{project: 123, experiment: tuning-experiment-2025010112345678}]",
            "experiment: projects/123/locations/us-central1 has a tuning-experiment-2025010112345678 already",
        ),
        (
            "endpoints: [{project: 123, id: 13, display_name: e}]",
            "id: projects/123/locations/us-central1/endpoints/13 is",
        ),
    ],
)
async def test_collisions_are_refused(server: ServerState, scenario: str, complaint: str) -> None:
    """A number that something has is not given twice; the first stays as it is."""
    await load(server, NUMBERED.partition('- {id: "4982')[0])
    before = describe_lasting(server)
    assert complaint in (await load(server, f"version: 1\n{scenario}", 422))["detail"]
    assert describe_lasting(server) == before
    await load(server, "version: 1\ntuning_jobs: [{project: 124, id: 456, model: 789, endpoint: 13}]")


async def test_numbers_survive_a_state_archive(server: ServerState, tmp_path: Path) -> None:
    """Exported and imported, the jobs are there under their numbers, and one that runs still keeps its promise."""
    name = (await load(server, NUMBERED))["tuning_jobs"][1]
    archive = (await server.client.get("/emulator/v1/snapshot")).content
    await server.control("POST", "reset")
    await server.ask("GET", f"/v1/{PLACE}/tuningJobs/456", status=404)
    answer = await server.client.post("/emulator/v1/snapshot", content=archive, headers={"x-tuning-emulator": "1"})
    assert answer.status_code == 200, answer.text
    job = await server.ask("GET", f"/v1/{PLACE}/tuningJobs/456")
    assert job["tunedModel"]["endpoint"] == f"{PLACE}/endpoints/13"
    while (await server.get(name))["state"] == "JOB_STATE_RUNNING":
        await server.control("POST", f"jobs/{name}:advance")
    assert (await server.get(name))["tunedModel"]["endpoint"].endswith("/endpoints/99")


async def test_the_schema_says_it(server: ServerState) -> None:
    """Whoever writes a scenario with the control API's description beside it finds the fields."""
    described: Any = json.dumps((await server.client.get("/emulator/openapi.json")).json())
    assert "CheckpointSeed" in described
    assert '"experiment"' in described
