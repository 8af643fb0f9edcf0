"""What is made to happen to jobs happens to them, once, in the services' words, and is counted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.control.running import PLACE, PROJECT, ServerState, make_clock, number, open_world
from tuning_emulator.control.api import MOST_BYTES


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerState]:
    """An emulator whose clock stands still."""
    async with open_world(tmp_path, make_clock()) as opened:
        yield opened


async def run_job(server: ServerState, uid: int, name: str) -> Any:
    """A job at its end, as its API shows it."""
    await server.emulator.queue.wait_until_ended(uid, 20)
    return await server.get(name)


VERTEX_ENDS = [
    ("dataset_rejected:3", 3, "Row: 2. Missing required `contents` field.", 0),
    ("internal_error:5", 13, "Internal error encountered.", 4),
    ("internal_error:500", 13, "Internal error encountered.", 18),
    (
        "endpoint_creation_failed",
        13,
        "Failed to create endpoint. Tuned model is uploaded and can be accessed through Model Registry.",
        19,
    ),
    ("quota_exhausted", 8, "The following quota metrics exceed quota limits: ", 0),
    ("no_capacity", 8, "The tuning job could not be started because of high demand in this region.", 0),
    ("global_not_onboarded", 9, "The base model does not support global endpoint tuning.", 0),
]


@pytest.mark.parametrize(("fault", "code", "text", "steps"), VERTEX_ENDS, ids=[row[0] for row in VERTEX_ENDS])
async def test_a_vertex_job_fails_as_its_name_says(
    server: ServerState, fault: str, code: int, text: str, steps: int
) -> None:
    """With the error in the service's own form, after as many steps as it was to have."""
    name = (await server.create(f"[fault={fault}]"))["name"]
    job = await run_job(server, 1, name)
    assert (job["state"], job["error"]["code"]) == ("JOB_STATE_FAILED", code)
    assert job["error"]["message"].startswith(text)
    assert job.get("tuningJobMetadata", {}).get("completedStepCount", "0") == str(steps)
    report = await server.control("GET", f"jobs/{name}")
    assert (report["fault"], report["fired"]) == (fault, True)


async def test_without_an_endpoint_the_model_is_there_all_the_same(server: ServerState) -> None:
    """As the text says: registered, to be deployed by hand, its checkpoints without endpoints."""
    name = (await server.create(labels={"tuning-emulator-fault": "endpoint-creation-failed"}))["name"]
    job = await run_job(server, 1, name)
    tuned = job["tunedModel"]
    assert "endpoint" not in tuned
    assert tuned["checkpoints"]
    assert not any("endpoint" in checkpoint for checkpoint in tuned["checkpoints"])
    model = await server.ask("GET", f"/v1/{tuned['model'].partition('@')[0]}")
    assert model["displayName"] == "numbers"
    listed = await server.ask("GET", f"/v1/{PLACE}/endpoints")
    assert listed == {}


async def test_a_vertex_job_fails_after_its_pace_has_shown_what_came_before(server: ServerState) -> None:
    """Pace and fault of one name: a dataset is rejected when it was seen to be processed."""
    name = (await server.create("[pace=polls:1] [fault=dataset_rejected]"))["name"]
    assert [(await server.look(name))[0] for _ in range(3)] == ["PENDING", "RUNNING", "FAILED"]


async def test_a_job_is_cancelled_from_outside_at_a_step(server: ServerState) -> None:
    """As if somebody else had called cancel: CANCELLING is seen, and the error has code 1."""
    name = (await server.create("[pace=manual] [fault=cancelled:7]"))["name"]
    await server.control("POST", f"jobs/{name}:advance", {"to": "TUNING"})
    assert (await server.look(name))[0] == "CANCELLING"
    await server.control("POST", f"jobs/{name}:advance")
    job = await server.get(name)
    assert (job["state"], job["error"]["code"]) == ("JOB_STATE_CANCELLED", 1)
    assert job["tuningJobMetadata"]["completedStepCount"] == "6"


async def test_a_job_that_is_stuck_stays_so_until_it_is_cancelled_or_freed(server: ServerState) -> None:
    """No time, no read and no advance moves it; it does not hold up its project's other jobs."""
    stuck = (await server.create("[fault=stuck_pending]"))["name"]
    freed = (await server.create("[pace=time:5] [fault=stuck_pending]"))["name"]
    other = (await server.create())["name"]
    await server.emulator.queue.wait_until_ended(3, 20)
    await server.control("POST", "clock:advance", {"seconds": 86_400})
    assert [(await server.look(name))[0] for name in (stuck, freed, other)] == ["PENDING", "PENDING", "SUCCEEDED"]
    detail = (await server.control("POST", f"jobs/{freed}:advance", status=409))["detail"]
    assert "stuck in PENDING by its fault" in detail
    await server.control("DELETE", f"jobs/{freed}:fault")
    await server.control("POST", "clock:advance", {"seconds": 60})
    assert (await server.look(freed))[0] == "SUCCEEDED"
    await server.ask("POST", f"/v1/{stuck}:cancel", {})
    assert (await server.look(stuck))[0] == "CANCELLED"


GEMINI_ENDS = [
    ("dataset_rejected:2", 3, "Row: 1."),
    ("internal_error:5", 13, "An internal error has occurred."),
    ("quota_exhausted", 8, "Resource has been exhausted (e.g. check quota)."),
    ("cancelled:3", 1, "CANCELED"),
]


@pytest.mark.parametrize(("fault", "code", "text"), GEMINI_ENDS, ids=[row[0] for row in GEMINI_ENDS])
async def test_a_tuned_model_fails_as_its_name_says(server: ServerState, fault: str, code: int, text: str) -> None:
    """The model is FAILED, its operation done with the error."""
    operation = await server.create_model(f"[fault={fault}]", "numbers")
    model = await run_job(server, 1, "tunedModels/numbers")
    done = await server.ask("GET", f"/v1beta/{operation['name']}")
    assert (model["state"], model["displayName"]) == ("FAILED", f"[fault={fault}]")
    assert (done["done"], done["error"]["code"]) == (True, code)
    assert done["error"]["message"].startswith(text)


async def test_a_fault_can_be_given_to_a_job_that_runs_and_taken_back(server: ServerState) -> None:
    """Until it has happened; then the job has ended and the answer says so."""
    name = (await server.create("[pace=manual]"))["name"]
    report = await server.control("PUT", f"jobs/{name}:fault", {"kind": "dataset_rejected", "at": 4})
    assert (report["fault"], report["fired"]) == ("dataset_rejected:4", False)
    report = await server.control("DELETE", f"jobs/{name}:fault")
    assert report["fault"] == ""
    await server.control("POST", f"jobs/{name}:advance", {"to": "TUNING"})
    await server.control("PUT", f"jobs/{name}:fault", {"kind": "internal_error", "at": 2})
    detail = (await server.control("POST", f"jobs/{name}:advance", {"to": "SUCCEEDED"}, status=409))["detail"]
    assert detail.endswith("has ended as FAILED without being SUCCEEDED")
    report = await server.control("GET", f"jobs/{name}")
    assert (report["state"], report["fault"], report["fired"]) == ("FAILED", "internal_error:2", True)
    detail = (await server.control("PUT", f"jobs/{name}:fault", {"kind": "cancelled"}, status=409))["detail"]
    assert "has ended as FAILED" in detail


async def test_faults_wait_for_the_next_jobs_of_a_project_and_are_counted(server: ServerState) -> None:
    """Two of three jobs fail; other projects' do not; what a job brings itself goes before."""
    given = await server.control("POST", "job-faults", {"project": PROJECT, "kind": "internal_error", "jobs": 2})
    assert given == {
        "id": 1,
        "project": number(),
        "kind": "internal_error",
        "at": 1,
        "jobs": 2,
        "given": 0,
        "fired": 0,
        "remaining": 2,
    }
    places = [PLACE.replace("my", "other"), PLACE, PLACE, PLACE]
    names = [(await server.create(place=place))["name"] for place in places]
    own = (await server.create("[fault=quota_exhausted]"))["name"]
    states = [(await run_job(server, uid, name))["state"] for uid, name in enumerate([*names, own], 1)]
    assert states == [f"JOB_STATE_{end}" for end in ("SUCCEEDED", "FAILED", "FAILED", "SUCCEEDED", "FAILED")]
    (counted,) = (await server.control("GET", "job-faults"))["job_faults"]
    assert (counted["given"], counted["fired"], counted["remaining"]) == (2, 2, 0)


async def test_a_fault_that_a_job_cannot_have_waits_for_one_that_can(server: ServerState) -> None:
    """A tuned model has no endpoint whose creation could fail."""
    await server.control("POST", "job-faults", {"kind": "endpoint_creation_failed"})
    await server.create_model(identifier="numbers")
    name = (await server.create())["name"]
    assert (await run_job(server, 1, "tunedModels/numbers"))["state"] == "ACTIVE"
    assert (await run_job(server, 2, name))["state"] == "JOB_STATE_FAILED"


async def test_faults_that_wait_can_be_taken_back(server: ServerState) -> None:
    """One, or all; an unknown one is a 404 that says where to look."""
    for _ in range(3):
        await server.control("POST", "job-faults", {"kind": "stuck_pending"})
    left = await server.control("DELETE", "job-faults/2")
    assert [row["id"] for row in left["job_faults"]] == [1, 3]
    assert "no job fault 2" in (await server.control("DELETE", "job-faults/2", status=404))["detail"]
    assert await server.control("DELETE", "job-faults") == {"job_faults": []}
    name = (await server.create())["name"]
    assert (await run_job(server, 1, name))["state"] == "JOB_STATE_SUCCEEDED"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"kind": "stuck_pending", "at": 3}, 400, "at: stuck_pending happens at no line or step"),
        ({"kind": "internal_error", "at": 0}, 400, "at: 0 is no line or step"),
        ({"kind": "explosion"}, 422, "kind: "),
        ({"kind": "cancelled", "jobs": 0}, 422, "jobs: "),
        ({"kind": "cancelled", "step": 1}, 422, "step: "),
    ],
)
async def test_a_fault_that_cannot_be_is_refused(
    server: ServerState, body: dict[str, object], status: int, words: str
) -> None:
    """The field and what would be right; nothing waits then."""
    assert words in (await server.control("POST", "job-faults", body, status=status))["detail"]
    assert (await server.control("GET", "job-faults"))["job_faults"] == []


async def test_a_tuned_model_cannot_be_given_what_only_vertex_has(server: ServerState) -> None:
    """By hand as by magic."""
    await server.create_model("[pace=manual]", "numbers")
    body = {"kind": "endpoint_creation_failed"}
    detail = (await server.control("PUT", "jobs/tunedModels/numbers:fault", body, status=400))["detail"]
    assert "has neither endpoint nor region" in detail


async def test_faults_outlive_the_server(tmp_path: Path) -> None:
    """Those of jobs and those that wait."""
    data = tmp_path / "data"
    async with open_world(tmp_path, data_dir=data) as server:
        name = (await server.create("[pace=manual] [fault=internal_error:3]"))["name"]
        await server.control("POST", "job-faults", {"project": "other", "kind": "stuck_pending", "jobs": 4})
    async with open_world(tmp_path, data_dir=data) as server:
        (waiting,) = (await server.control("GET", "job-faults"))["job_faults"]
        assert (waiting["project"], waiting["remaining"]) == (number("other"), 4)
        report = await server.control("POST", f"jobs/{name}:advance", {"to": "FAILED"})
        assert (report["completed_steps"], report["fired"]) == (2, True)


async def test_a_number_that_could_not_be_read_again_is_refused(server: ServerState) -> None:
    """Whatever is kept has to be readable: one such row would fail every request after it, and the next start."""
    for at in (0, 10**9, 10**30):
        await server.control("POST", "job-faults", {"kind": "internal_error", "at": at}, status=400)
    await server.control("POST", "job-faults", {"kind": "internal_error", "at": 10**9 - 1})
    server.emulator.store.controls.reload()
    assert len((await server.control("GET", "job-faults"))["job_faults"]) == 1


async def test_identifiers_beyond_any_database_are_not_found(server: ServerState) -> None:
    """Integers have no limit in Python, and one in SQLite."""
    await server.control("DELETE", f"job-faults/{10**30}", status=404)
    await server.control("GET", f"jobs?before={10**30}", status=422)
    await server.control("GET", f"journal?before={10**30}")


async def test_bodies_that_no_route_takes(server: ServerState) -> None:
    """Half a character, which JSON can name, and bodies without end: refused before any route has seen them."""
    half = json.dumps({"project": "\ud800"})
    for path in ("reset", "job-faults", "faults", "scenarios:load"):
        answer = await server.client.post(f"/emulator/v1/{path}", content=half)
        assert (answer.status_code, "half a character" in answer.text) == (422, True), path
    whole = '{"message": "\\ud83d\\ude00", "code": 503}'
    made = await server.client.post("/emulator/v1/faults", content=whole, headers={"content-type": "application/json"})
    assert made.json()["fault"]["message"] == "\U0001f600", made.text
    large = await server.client.post("/emulator/v1/faults", content=b" " * (MOST_BYTES + 1))
    assert large.status_code == 413
