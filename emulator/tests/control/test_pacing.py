"""Every state of a job is shown as long as its pace says, whoever asks, until cancelled, across restarts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.control.running import PLACE, PROJECT, START_NS, ServerState, make_clock, number, open_world
from tuning_emulator.core.clock import SECOND_NS, format_ns

VERTEX_STAGES = [
    ("PENDING", "WAITING_FOR_QUOTA"),
    ("RUNNING", "PROCESSING_DATASET"),
    ("RUNNING", "WAITING_FOR_CAPACITY"),
    ("RUNNING", "TUNING"),
    ("RUNNING", "POST_PROCESSING"),
]
HOUR_S = 3600


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerState]:
    """An emulator whose clock stands still."""
    async with open_world(tmp_path, make_clock()) as opened:
        yield opened


async def reach(server: ServerState, name: str, stage: tuple[str, str]) -> None:
    """Brings a paced job there by hand."""
    if stage != VERTEX_STAGES[0]:
        report = await server.control("POST", f"jobs/{name}:advance", {"to": stage[1]})
        assert (report["state"], report["phase"]) == stage


# --- polls


@pytest.mark.parametrize("reads", [1, 2, 3])
async def test_each_state_of_a_vertex_job_is_shown_to_so_many_reads(server: ServerState, reads: int) -> None:
    """No more, no fewer, and then it stays at its end."""
    name = (await server.create(f"[pace=polls:{reads}]"))["name"]
    seen = [await server.look(name) for _ in range(reads * len(VERTEX_STAGES) + 2)]
    wanted = [stage for stage in VERTEX_STAGES for _ in range(reads)] + [("SUCCEEDED", "")] * 2
    assert seen == wanted


async def test_steps_move_from_read_to_read_while_it_tunes(server: ServerState) -> None:
    """Even a job that is read once there shows some of its 19 steps and not all."""
    name = (await server.create(labels={"tuning-emulator-pace": "polls-3"}))["name"]
    for _ in range(9):
        await server.get(name)
    steps = [(await server.get(name))["tuningJobMetadata"]["completedStepCount"] for _ in range(4)]
    assert steps == ["4", "9", "14", "19"]


async def test_a_tuned_model_is_creating_with_steps_in_between_then_active(server: ServerState) -> None:
    """Gemini has no other states; the model's operation counts as it does."""
    operation = await server.create_model("numbers [pace=polls:2]", "numbers")
    assert "completedSteps" not in operation["metadata"]
    states, steps = [], []
    for turn in range(5):
        model = await server.get("tunedModels/numbers")
        states.append(model["state"])
        steps.append(len(model["tuningTask"].get("snapshots", [])))
        assert model["displayName"] == "numbers [pace=polls:2]", turn
    assert states == ["CREATING"] * 4 + ["ACTIVE"]
    assert steps == [0, 0, 6, 12, 19]


async def test_reads_of_the_operation_and_of_lists_count(server: ServerState) -> None:
    """Whatever shows the model: get, list, operation, list of operations."""
    operation = await server.create_model("[pace=polls:2]", "numbers")
    name = operation["name"]
    first = await server.ask("GET", f"/v1beta/{name}")
    await server.ask("GET", "/v1beta/tunedModels")
    third = await server.ask("GET", f"/v1beta/{name}")
    await server.ask("GET", "/v1beta/tunedModels/numbers/operations")
    last = await server.ask("GET", f"/v1beta/{name}")
    assert "completedSteps" not in first["metadata"]
    assert (third["metadata"]["completedSteps"], "done" in third) == (6, False)
    assert last["done"] is True
    assert last["response"]["state"] == "ACTIVE"


async def test_a_list_counts_what_it_looked_at_and_no_more(server: ServerState) -> None:
    """Polling a list by state must bring jobs on that the filter hides; the job after the page is not read."""
    names = [(await server.create("[pace=polls:1]"))["name"] for _ in range(2)]
    path = f"/v1beta1/{PLACE}/tuningJobs"
    page = await server.ask("GET", f"{path}?pageSize=1")
    assert page["tuningJobs"][0]["name"] == names[1]
    reads = [(await server.control("GET", f"jobs/{name}"))["reads"] for name in names]
    states = [(await server.control("GET", f"jobs/{name}"))["state"] for name in names]
    assert (reads[0], states) == (0, ["PENDING", "RUNNING"])
    condition = quote('state="JOB_STATE_SUCCEEDED"')
    found = f"{path}?filter={condition}"
    for _ in range(30):
        if len((await server.ask("GET", found)).get("tuningJobs", [])) == 2:
            break
    else:
        pytest.fail("polling by filter never ends")


async def test_a_rebase_goes_on_by_reads_of_its_operation(server: ServerState) -> None:
    """The operation follows its job; so do the reads."""
    name = (await server.create())["name"]
    await server.emulator.queue.wait_until_ended(1, 20)
    body = {"tunedModelRef": {"tuningJob": name}, "tuningJob": {"labels": {"tuning-emulator-pace": "polls-1"}}}
    operation = await server.ask("POST", f"/v1/{PLACE}/tuningJobs:rebaseTunedModel", body)
    answers = [await server.ask("GET", f"/v1/{operation['name']}") for _ in range(6)]
    assert [answer.get("done", False) for answer in answers] == [False] * 5 + [True]
    assert answers[-1]["response"]["state"] == "JOB_STATE_SUCCEEDED"


async def test_reads_leave_the_answers_of_other_jobs_in_memory(server: ServerState) -> None:
    """Counting changes no record that an answer shows."""
    paced = (await server.create("[pace=polls:5]"))["name"]
    await server.get(paced)
    revision = server.emulator.store.revision()
    for _ in range(3):
        await server.get(paced)
    assert server.emulator.store.revision() == revision
    assert (await server.control("GET", f"jobs/{paced}"))["reads"] == 4


async def test_looking_through_the_control_api_is_no_read(server: ServerState) -> None:
    """Who watches a test does not disturb it."""
    name = (await server.create("[pace=polls:1]"))["name"]
    for _ in range(3):
        report = await server.control("GET", f"jobs/{name}")
    assert (report["state"], report["reads"], report["pace"]) == ("PENDING", 0, "polls:1")


# --- time


async def test_a_three_hour_job_ends_at_once_and_its_times_agree(server: ServerState) -> None:
    """Five states of 36 minutes: after one advance of three hours everything says when it would have happened."""
    name = (await server.create("[pace=time:2160]"))["name"]
    report = await server.control("POST", "clock:advance", {"seconds": 3 * HOUR_S})
    assert report["time"] == format_ns(START_NS + 3 * HOUR_S * SECOND_NS)
    job = await server.get(name)

    def at(states: float) -> str:
        return format_ns(START_NS + round(states * 2160 * SECOND_NS))

    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert (job["createTime"], job["startTime"], job["endTime"], job["updateTime"]) == (at(0), at(1), at(5), at(5))
    points = server.emulator.store.list_metric_points(1)
    tuning_ns = START_NS + 3 * 2160 * SECOND_NS
    assert [point.computed_ns for point in points] == [
        tuning_ns + 2160 * SECOND_NS * step // 19 for step in range(1, 20)
    ]
    assert job["experiment"].endswith("tuning-experiment-20241103142007000000")  # 72 minutes on, in California
    model = await server.ask("GET", f"/v1/{job['tunedModel']['model'].partition('@')[0]}")
    endpoint = await server.ask("GET", f"/v1/{job['tunedModel']['endpoint']}")
    assert model["updateTime"] == at(5)
    assert endpoint["createTime"] == at(4)


async def test_a_tuned_model_by_time_agrees_too(server: ServerState) -> None:
    """Create, start, complete, update and each snapshot."""
    await server.create_model("[pace=time:1900]", "numbers")
    await server.control("POST", "clock:advance", {"seconds": 3 * HOUR_S})
    model = await server.get("tunedModels/numbers")
    task = model["tuningTask"]
    assert model["state"] == "ACTIVE"
    assert model["createTime"] == format_ns(START_NS)
    assert task["startTime"] == format_ns(START_NS + 1900 * SECOND_NS)
    assert task["completeTime"] == model["updateTime"] == format_ns(START_NS + 3800 * SECOND_NS)
    computed = [snapshot["computeTime"] for snapshot in task["snapshots"]]
    assert computed == [format_ns(START_NS + (1900 + 100 * step) * SECOND_NS) for step in range(1, 20)]


async def test_nothing_moves_while_the_clock_stands_and_each_state_lasts_its_time(server: ServerState) -> None:
    """One second short of its time a state is still there."""
    name = (await server.create("[pace=time:60]"))["name"]
    for stage in VERTEX_STAGES:
        assert await server.look(name) == stage
        await server.control("POST", "clock:advance", {"seconds": 59})
        assert await server.look(name) == stage
        await server.control("POST", "clock:advance", {"seconds": 1})
    assert await server.look(name) == ("SUCCEEDED", "")


async def test_the_next_job_of_the_project_starts_when_the_one_before_has_ended(server: ServerState) -> None:
    """Two jobs of five hours, one advance of ten: the quota of one at a time holds on the way."""
    names = [(await server.create(f"[pace=time:{HOUR_S}]"))["name"] for _ in range(2)]
    await server.control("POST", "clock:advance", {"seconds": 10 * HOUR_S})
    first, second = [await server.get(name) for name in names]
    assert first["endTime"] == second["startTime"] == format_ns(START_NS + 5 * HOUR_S * SECOND_NS)
    assert second["endTime"] == format_ns(START_NS + 9 * HOUR_S * SECOND_NS)


async def test_time_goes_by_itself_when_the_clock_runs(tmp_path: Path) -> None:
    """Without anybody moving it."""
    async with open_world(tmp_path) as server:
        name = (await server.create("[pace=time:0.02]"))["name"]
        ended = await server.emulator.queue.wait_until_ended(1, 20)
        assert ended is not None
        assert (ended.progress.ended_ns or 0) - ended.created_ns >= 5 * 20_000_000
        assert await server.look(name) == ("SUCCEEDED", "")


# --- by hand


async def test_a_job_goes_on_by_hand(server: ServerState) -> None:
    """Each advance shows the next state; half of the steps when it comes to tune."""
    name = (await server.create("[pace=manual]"))["name"]
    for stage in VERTEX_STAGES:
        assert await server.look(name) == stage
        assert await server.look(name) == stage
        report = await server.control("POST", f"jobs/{name}:advance")
        if report["phase"] == "TUNING":
            assert report["completed_steps"] == 9
    assert (report["state"], report["completed_steps"]) == ("SUCCEEDED", 19)
    detail = (await server.control("POST", f"jobs/{name}:advance", status=409))["detail"]
    assert "has ended as SUCCEEDED" in detail


async def test_a_job_goes_to_a_state_that_is_named(server: ServerState) -> None:
    """Phases, states, or the words of either API; where it cannot come the answer says why."""
    name = (await server.create("[pace=manual]"))["name"]
    report = await server.control("POST", f"jobs/{name}:advance", {"to": "TUNING"})
    assert (report["state"], report["phase"]) == ("RUNNING", "TUNING")
    detail = (await server.control("POST", f"jobs/{name}:advance", {"to": "DONE"}, status=400))["detail"]
    assert "to: 'DONE' is none of CANCELLED" in detail
    detail = (await server.control("POST", f"jobs/{name}:advance", {"to": "FAILED"}, status=409))["detail"]
    assert detail.endswith("has ended as SUCCEEDED without being FAILED")
    operation = await server.create_model("[pace=manual]", "numbers")
    report = await server.control("POST", "jobs/tunedModels/numbers:advance", {"to": "ACTIVE"})
    assert report["state"] == "SUCCEEDED"
    assert (await server.ask("GET", f"/v1beta/{operation['name']}"))["done"] is True


async def test_a_job_that_goes_as_it_trains_cannot_be_advanced(tmp_path: Path) -> None:
    """The answer says what would let it be."""
    async with open_world(tmp_path, make_clock(), scripted_step_s=5) as server:
        name = (await server.create())["name"]
        detail = (await server.control("POST", f"jobs/{name}:advance", status=409))["detail"]
        assert ":pace another pace first" in detail


# --- cancelling


@pytest.mark.parametrize("stage", VERTEX_STAGES, ids=lambda stage: stage[1])
async def test_cancel_works_at_each_stage_and_obeys_the_pace(server: ServerState, stage: tuple[str, str]) -> None:
    """PENDING ends at once; from the others CANCELLING is shown to as many reads as any state."""
    name = (await server.create("[pace=polls:2]"))["name"]
    await reach(server, name, stage)
    await server.ask("POST", f"/v1/{name}:cancel", {})
    seen = [(await server.look(name))[0] for _ in range(3)]
    wanted = ["CANCELLED"] * 3 if stage[0] == "PENDING" else ["CANCELLING", "CANCELLING", "CANCELLED"]
    assert seen == wanted
    assert (await server.get(name))["error"]["code"] == 1


async def test_a_cancelled_job_lingers_by_time_and_its_end_says_so(server: ServerState) -> None:
    """Cancelled 10 s into RUNNING: CANCELLED 60 s later, with those times."""
    name = (await server.create("[pace=time:60]"))["name"]
    await server.control("POST", "clock:advance", {"seconds": 70})
    report = await server.control("POST", f"jobs/{name}:cancel")
    assert report["state"] == "CANCELLING"
    await server.control("POST", "clock:advance", {"seconds": HOUR_S})
    job = await server.get(name)
    assert (job["state"], job["endTime"]) == ("JOB_STATE_CANCELLED", format_ns(START_NS + 130 * SECOND_NS))
    detail = (await server.control("POST", f"jobs/{name}:cancel", status=409))["detail"]
    assert "CANCELLED cannot cancel" in detail


async def test_a_paced_model_can_be_deleted_at_any_time(server: ServerState) -> None:
    """Nothing lingers of it: no task, no gate, no files."""
    await server.create_model("[pace=manual]", "numbers")
    await server.control("POST", "jobs/tunedModels/numbers:advance")
    await server.ask("DELETE", "/v1beta/tunedModels/numbers")
    await server.ask("GET", "/v1beta/tunedModels/numbers", status=404)
    await server.emulator.queue.end()
    assert server.emulator.queue.pacing.get(1) is None


# --- whose pace


async def test_a_jobs_own_pace_goes_before_its_projects_and_that_before_all(server: ServerState) -> None:
    """Each can be taken away again; the next one holds at once, for jobs that run too."""
    await server.control("PUT", "pace", {"mode": "time", "seconds": 60})
    await server.control("PUT", f"projects/{PROJECT}/pace", {"mode": "manual"})
    plain, other = (await server.create())["name"], (await server.create(place=PLACE.replace("my", "other")))["name"]
    await server.control("PUT", f"jobs/{plain}:pace", {"mode": "polls", "polls": 2})

    async def pacing() -> list[Any]:
        return [(await server.control("GET", f"jobs/{name}"))["pace"] for name in (plain, other)]

    assert await pacing() == ["polls:2", "time:60"]
    await server.control("DELETE", f"jobs/{plain}:pace")
    assert await pacing() == ["manual", "time:60"]
    await server.control("DELETE", f"projects/{PROJECT}/pace")
    assert await pacing() == ["time:60", "time:60"]
    await server.control("DELETE", "pace")
    await server.emulator.queue.wait_until_ended(1, 20)
    await server.emulator.queue.wait_until_ended(2, 20)
    assert [(await server.look(name))[0] for name in (plain, other)] == ["SUCCEEDED"] * 2


async def test_the_setting_is_everybodys_pace_until_it_is_changed(tmp_path: Path) -> None:
    """`--pace polls:2`; projects are told by number as by id."""
    async with open_world(tmp_path, pace="polls:2") as server:
        name = (await server.create())["name"]
        assert [await server.look(name) for _ in range(3)] == [*VERTEX_STAGES[:1] * 2, VERTEX_STAGES[1]]
        shown = await server.control("PUT", f"projects/{number()}/pace", {"mode": "time", "seconds": 1.5})
        assert shown == {"mode": "time", "seconds": 1.5, "polls": 0}
        assert await server.control("GET", f"projects/{PROJECT}/pace") == shown
        everybody = await server.control("GET", "pace")
        assert (everybody["mode"], everybody["polls"], everybody["projects"]) == ("polls", 2, {number(): shown})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"mode": "polls"}, "polls: mode polls needs it"),
        ({"mode": "time", "polls": 2, "seconds": 1}, "polls: mode time has none"),
        ({"mode": "manual", "seconds": 1}, "seconds: mode manual has none"),
        ({"mode": "polls", "polls": 0}, "polls: 0 is not between 1 and"),
        ({"mode": "time", "seconds": -1}, "seconds: -1.0 is not between 0 and"),
    ],
)
async def test_a_pace_that_cannot_be_is_refused(server: ServerState, body: dict[str, object], words: str) -> None:
    """The field, the value, what would be right; nothing changes."""
    before = await server.control("GET", "pace")
    assert words in (await server.control("PUT", "pace", body, status=400))["detail"]
    assert await server.control("GET", "pace") == before


@pytest.mark.parametrize("name", ["[pace=pols:2]", "[fault=endpoint_creation_failed]"])
async def test_magic_that_cannot_be_read_is_a_400_and_makes_no_job(server: ServerState, name: str) -> None:
    """In the form of the API's own errors; the text names the value."""
    error = (await server.create_model(name, status=400))["error"]
    assert error["status"] == "INVALID_ARGUMENT"
    assert "magic value of the emulator" in error["message"]
    await server.create(labels={"tuning-emulator-pace": "soon"}, status=400)
    assert (await server.control("GET", "jobs"))["jobs"] == []


# --- restarts


@pytest.mark.slow
@pytest.mark.parametrize("stage", VERTEX_STAGES, ids=lambda stage: stage[1])
async def test_a_restart_in_the_middle_goes_on_with_the_pace(tmp_path: Path, stage: tuple[str, str]) -> None:
    """Three reads a state, one of them before the server ended."""
    data = tmp_path / "data"
    async with open_world(tmp_path, data_dir=data) as server:
        name = (await server.create("[pace=polls:3]"))["name"]
        await reach(server, name, stage)
        assert await server.look(name) == stage
    async with open_world(tmp_path, data_dir=data) as server:
        following = [*VERTEX_STAGES, ("SUCCEEDED", "")][VERTEX_STAGES.index(stage) + 1]
        assert [await server.look(name) for _ in range(3)] == [stage, stage, following]
        report = await server.control("POST", f"jobs/{name}:advance", {"to": "SUCCEEDED"})
        assert (report["state"], report["completed_steps"], len(report["metrics"])) == ("SUCCEEDED", 19, 19)


async def test_a_restart_while_it_is_cancelling_goes_on_with_that(tmp_path: Path) -> None:
    """It is CANCELLED when the pace says, not before."""
    data = tmp_path / "data"
    async with open_world(tmp_path, data_dir=data) as server:
        name = (await server.create("[pace=polls:2]"))["name"]
        await reach(server, name, VERTEX_STAGES[3])
        await server.ask("POST", f"/v1/{name}:cancel", {})
        assert (await server.look(name))[0] == "CANCELLING"
    async with open_world(tmp_path, data_dir=data) as server:
        assert [(await server.look(name))[0] for _ in range(2)] == ["CANCELLING", "CANCELLED"]


async def test_paces_and_the_clock_outlive_the_server(tmp_path: Path) -> None:
    """A frozen clock stands where it stood; a job's time goes on from there."""
    data = tmp_path / "data"
    async with open_world(tmp_path, data_dir=data) as server:
        await server.control("PUT", "clock", {"time": "2024-08-01T12:00:00Z", "frozen": True})
        await server.control("PUT", "pace", {"mode": "time", "seconds": 60})
        name = (await server.create())["name"]
        await server.control("POST", "clock:advance", {"seconds": 30})
    async with open_world(tmp_path, data_dir=data) as server:
        clock = await server.control("GET", "clock")
        assert (clock["time"], clock["frozen"]) == ("2024-08-01T12:00:30Z", True)
        assert (await server.control("GET", "pace"))["seconds"] == 60
        assert await server.look(name) == VERTEX_STAGES[0]
        await server.control("POST", "clock:advance", {"seconds": 30})
        assert await server.look(name) == VERTEX_STAGES[1]
        assert (await server.get(name))["startTime"] == "2024-08-01T12:01:00Z"
