"""Numbers that projects are given: names printed with them and requests by them meet the project's id."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest

from tests.control.running import PLACE, ServerState, make_clock, open_world
from tests.control.test_scenarios import describe_lasting, load
from tuning_emulator.control.numbering import NumberTakenError
from tuning_emulator.core.ids import GivenNumbers, project_number
from tuning_emulator.core.job_control import parse_job_fault
from tuning_emulator.proxy.google import Projects
from tuning_emulator.testing.client import Control

NUMBER = "123456789012"
NUMBERED = PLACE.replace("my-project", NUMBER)
ENDED = "{id: 1, training_dataset: gs://numbers/train.jsonl}"
GIVEN = {"id": "my-project", "number": NUMBER, "given": True}
PROJECTS = f"version: 1\nprojects: [{{id: my-project, number: {NUMBER}}}]\n"


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Nothing is left to other tests: what a process says is all emulators'."""
    yield
    assert GivenNumbers.all == {}


async def test_a_scenario_gives_a_project_its_number(server: ServerState) -> None:
    """What is made by the id is named by the number, is found by either, and by no other one."""
    other = project_number("my-project")
    report = await load(server, PROJECTS + "tuning_jobs: [{id: 456}]\nendpoints: [{id: 7, display_name: one}]")
    assert report["tuning_jobs"] == [f"{NUMBERED}/tuningJobs/456"]
    assert report["endpoints"] == [f"{NUMBERED}/endpoints/7"]
    created = await server.create()
    assert created["name"].startswith(f"{NUMBERED}/tuningJobs/")
    for place in (PLACE, NUMBERED):
        listed = await server.ask("GET", f"/v1/{place}/tuningJobs")
        assert [job["name"] for job in listed["tuningJobs"]] == [created["name"], f"{NUMBERED}/tuningJobs/456"]
    await server.ask("GET", f"/v1/{PLACE.replace('my-project', other)}/tuningJobs/456", status=404)


async def test_all_that_prints_numbers_prints_it(server: ServerState) -> None:
    """Buckets, the metadata server, Resource Manager; a day that was set for the project holds for its number."""
    await server.control("PUT", "projects/my-project/number", {"number": NUMBER})
    await server.ask("POST", "/storage/v1/b?project=my-project", {"name": "its-bucket"})
    bucket = await server.ask("GET", "/storage/v1/b/its-bucket")
    assert bucket["projectNumber"] == NUMBER
    identity = server.emulator.google_services.identity
    assert identity.project_number == project_number("tuning-emulator")
    await server.control("PUT", "projects/tuning-emulator/number", {"number": "7"})
    assert identity.project_number == "7"


async def test_the_control_api_tells_and_takes_numbers(server: ServerState) -> None:
    """By id or number; a project that was given none has the one that is made of its id."""
    made = {"id": "my-project", "number": project_number("my-project"), "given": False}
    assert await server.control("GET", "projects/my-project/number") == made
    assert await server.control("PUT", "projects/my-project/number", {"number": int(NUMBER)}) == GIVEN
    assert await server.control("GET", "projects") == {"projects": [GIVEN]}
    for name in ("my-project", NUMBER):
        assert await server.control("GET", f"projects/{name}/number") == GIVEN
    assert await server.control("GET", "projects/99/number") == {"id": "", "number": "99", "given": False}
    assert await server.control("DELETE", "projects/my-project/number") == made
    assert await server.control("GET", "projects") == {"projects": []}


@pytest.mark.parametrize(
    ("project", "number", "complaint"),
    [
        ("my-project", "012", "'012' is no project number"),
        ("my-project", "9999999999999999999", "'9999999999999999999' is no project number"),
        ("123", NUMBER, "'123' is no project id"),
    ],
)
async def test_what_is_no_number_is_refused(server: ServerState, project: str, number: str, complaint: str) -> None:
    """With the value, in a request and in a scenario."""
    answer = await server.control("PUT", f"projects/{project}/number", {"number": number}, status=400)
    assert complaint in answer["detail"]
    refused = await load(server, f'version: 1\nprojects: [{{id: "{project}", number: "{number}"}}]', 422)
    assert f"scenario: projects.0: {complaint}" in refused["detail"]


async def test_a_number_of_another_project_is_refused(server: ServerState) -> None:
    """Whether it was given to that one, or made of its id."""
    await server.control("PUT", "projects/one/number", {"number": NUMBER})
    answer = await server.control("PUT", "projects/two/number", {"number": NUMBER}, status=409)
    assert answer["detail"] == f"number: {NUMBER} is the number of one"
    refused = await load(server, "version: 1\nprojects: [{id: a, number: 5}, {id: a, number: 6}]", 422)
    assert "projects: one is there twice" in refused["detail"]


@pytest.mark.parametrize("what", ["resources", "buckets", "a pace", "job faults"])
async def test_a_project_in_use_keeps_its_number(server: ServerState, what: str) -> None:
    """What stands under the old number would be nobody's. After a reset of the project there is nothing."""
    if what == "resources":
        await server.create()
    elif what == "buckets":
        await server.ask("POST", "/storage/v1/b?project=my-project", {"name": "its-bucket"})
    elif what == "a pace":
        await server.control("PUT", "projects/my-project/pace", {"mode": "manual"})
    else:
        server.emulator.store.controls.insert_job_fault(
            project_number("my-project"), parse_job_fault("internal_error:5"), 1
        )
    answer = await server.control("PUT", "projects/my-project/number", {"number": NUMBER}, status=409)
    assert answer["detail"] == (
        f"number: my-project has {what} by the number {project_number('my-project')}; reset it first"
    )
    await server.control("POST", "reset", {"project": "my-project"})
    assert await server.control("PUT", "projects/my-project/number", {"number": NUMBER}) == GIVEN
    await server.create()
    answer = await server.control("DELETE", "projects/my-project/number", status=409)
    assert f"resources by the number {NUMBER}" in answer["detail"]


async def test_a_scenario_that_fails_gives_no_number(server: ServerState) -> None:
    """All of it or nothing; one for a single project gives none either."""
    before = describe_lasting(server)
    await load(server, PROJECTS + f"tuning_jobs: [{ENDED}, {ENDED}]", 422)
    assert await server.control("GET", "projects") == {"projects": []}
    assert describe_lasting(server) == before
    answer = await server.client.post(
        "/emulator/v1/scenarios:load?project=my-project",
        content=PROJECTS,
        headers={"content-type": "application/yaml"},
    )
    assert answer.status_code == 422
    assert "projects: their numbers are everybody's" in answer.json()["detail"]


async def test_numbers_last(tmp_path: Path) -> None:
    """Through a restart, in an archive; a reset of the project leaves them, one of everything takes them."""
    directory = tmp_path / "data"
    async with open_world(tmp_path, make_clock(), data_dir=directory) as server:
        await server.control("PUT", "projects/my-project/number", {"number": NUMBER})
        name = (await server.create())["name"]
    assert GivenNumbers.all == {}
    async with open_world(tmp_path, make_clock(), data_dir=directory) as server:
        assert (await server.ask("GET", f"/v1/{name.replace(NUMBER, 'my-project')}"))["name"] == name
        archive = (await server.client.get("/emulator/v1/snapshot")).content
        await server.control("POST", "reset", {"project": "my-project"})
        assert await server.control("GET", "projects") == {"projects": [GIVEN]}
        await server.control("POST", "reset")
        assert await server.control("GET", "projects") == {"projects": []}
        answer = await server.client.post("/emulator/v1/snapshot", content=archive)
        assert answer.status_code == 200
        assert await server.control("GET", "projects") == {"projects": [GIVEN]}
        await server.ask("GET", f"/v1/{name.replace(NUMBER, 'my-project')}")


def test_the_python_client_gives_numbers() -> None:
    """As the route takes them; an id may have a colon."""
    asked: list[tuple[str, str, Any]] = []

    def send(verb: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, IO[bytes]]:
        asked.append((verb, path, json.loads(body)))
        return 200, io.BytesIO(b"{}")

    Control("http://localhost", send=send).set_project_number("example.com:mine", NUMBER)
    assert asked == [("PUT", "/emulator/v1/projects/example.com%3Amine/number", {"number": NUMBER})]


async def test_resource_manager_knows_numbers(server: ServerState) -> None:
    """A project that is asked for by the number that it was given has its id."""
    await server.control("PUT", "projects/my-project/number", {"number": NUMBER})
    identity = server.emulator.google_services.identity
    projects = Projects(identity)
    for name in ("my-project", NUMBER):
        call: Any = SimpleNamespace(request={"name": f"projects/{name}"}, version="v3")
        answer: Any = projects.get_project(call)
        assert (answer["name"], answer["project_id"]) == (f"projects/{NUMBER}", "my-project")


async def test_settings_give_numbers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """From the start and after a reset; an archive with something else keeps what it has, and the log says so."""
    async with open_world(tmp_path, make_clock()) as server:
        plain = (await server.create())["name"]
        archive = (await server.client.get("/emulator/v1/snapshot")).content
    async with open_world(tmp_path, make_clock(), project_numbers={"my-project": NUMBER}) as server:
        assert (await server.create())["name"].startswith(NUMBERED)
        await server.control("POST", "reset")
        assert await server.control("GET", "projects") == {"projects": [GIVEN]}
        answer = await server.client.post("/emulator/v1/snapshot", content=archive)
        assert answer.status_code == 200
        assert "project_numbers: my-project has resources by the number" in caplog.text
        await server.ask("GET", f"/v1/{plain}")


async def test_settings_against_the_data_stop_the_start(tmp_path: Path) -> None:
    """Whoever reads the message knows what to do."""
    directory = tmp_path / "data"
    async with open_world(tmp_path, make_clock(), data_dir=directory) as server:
        await server.create()
    with pytest.raises(NumberTakenError, match="project_numbers: my-project has resources by the number"):
        async with open_world(tmp_path, make_clock(), data_dir=directory, project_numbers={"my-project": NUMBER}):
            pass


async def test_two_emulators_of_a_process_agree(tmp_path: Path) -> None:
    """They share what a project's number is, so a second one cannot give another."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    async with open_world(tmp_path / "a", make_clock()) as one, open_world(tmp_path / "b", make_clock()) as two:
        await one.control("PUT", "projects/my-project/number", {"number": NUMBER})
        answer = await two.control("PUT", "projects/my-project/number", {"number": "5"}, status=409)
        assert answer["detail"] == f"number: my-project is {NUMBER} in another emulator of this process"
        assert await two.control("PUT", "projects/my-project/number", {"number": NUMBER}) == GIVEN
