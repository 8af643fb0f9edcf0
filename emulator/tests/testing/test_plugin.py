"""The pytest plugin, in test runs of its own: projects apart, an environment put back, a report that helps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server_process import children_of
from tuning_emulator.testing.plugin import read_settings

TIMEOUT_S = 120

PROJECTS = """
import os
import httpx
import pytest

BODY = {"displayName": "same", "baseModel": "models/gemini-1.5-flash-001-tuning", "tuningTask": {"trainingData":
        {"examples": {"examples": [{"textInput": "1", "output": "2"}]}}}}
BEFORE = dict(os.environ)

@pytest.mark.parametrize("number", range(4))
def test_alone(tuning_emulator, number):
    client = httpx.Client(base_url=os.environ["GOOGLE_GEMINI_BASE_URL"],
                          headers={"x-goog-api-key": os.environ["GEMINI_API_KEY"]})
    assert client.get("/v1beta/tunedModels").json() == {}
    assert client.post("/v1beta/tunedModels", json=BODY).status_code == 200
    assert len(client.get("/v1beta/tunedModels").json()["tunedModels"]) == 1
    assert tuning_emulator.journal.count(method="ModelService.CreateTunedModel") == 1
    assert len(tuning_emulator.jobs.list()) == 1
    tuning_emulator.faults.add(method="ListTunedModels", code="UNAVAILABLE")
    assert client.get("/v1beta/tunedModels").status_code == 503

def test_environment_is_put_back():
    assert {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} == {
        name: value for name, value in BEFORE.items() if not name.startswith("PYTEST_")}

def test_clients_as_programs_make_them(tuning_emulator):
    from google import genai
    client = genai.Client(vertexai=True, project=tuning_emulator.project, location=tuning_emulator.location)
    assert list(client.tunings.list()) == []
    assert "GOOGLE_API_KEY" not in os.environ

@pytest.mark.tuning_emulator(pace="manual")
def test_marker(tuning_emulator):
    assert tuning_emulator.pace.get()["mode"] == "manual"

def test_marker_is_gone(tuning_emulator):
    assert tuning_emulator.pace.get()["mode"] == "training"
    assert tuning_emulator.health()["trainer"]["name"] == "scripted"
"""

FAILING = """
import httpx

def test_it(tuning_emulator):
    httpx.get(tuning_emulator.url + "/v1beta/tunedModels/nothing-here", headers={"x-goog-api-key": "k"})
    httpx.get(tuning_emulator.url + "/v1beta/tunedModels/unknown", headers={"x-goog-api-key": tuning_emulator.api_key})
    assert False
"""


ELSEWHERE = """
import httpx
import pytest

BODY = {"baseModel": "models/gemini-1.5-flash-001-tuning", "tuningTask": {"trainingData":
        {"examples": {"examples": [{"textInput": "1", "output": "2"}]}}}}

def create(url, name, key):
    answer = httpx.post(f"{url}/v1beta/tunedModels?tunedModelId={name}", json=BODY, headers={"x-goog-api-key": key})
    assert answer.status_code == 200, answer.text

@pytest.fixture(scope="module")
def shared_model(tuning_emulator_server):
    create(tuning_emulator_server.url, "of-all", "projects/of-all")

@pytest.mark.parametrize("number", range(2))
@pytest.mark.parametrize("key", ["written-into-it", "projects/other"])
def test_elsewhere(tuning_emulator, key, number):
    create(tuning_emulator.url, key.replace("/", "-"), key)

@pytest.mark.parametrize("number", range(2))
def test_of_a_wider_scope(shared_model, tuning_emulator, number):
    url = f"{tuning_emulator.url}/v1beta/tunedModels/of-all"
    assert httpx.get(url, headers={"x-goog-api-key": "projects/of-all"}).status_code == 200

def test_at_home(tuning_emulator):
    create(tuning_emulator.url, "mine", tuning_emulator.api_key)
    tuning_emulator.buckets.upload(tuning_emulator.bucket, "name", "text")
    path = f"/v1/projects/{tuning_emulator.project}/locations/us-central1/tuningJobs"
    assert httpx.get(tuning_emulator.url + path, headers={"authorization": "Bearer any"}).status_code == 200
"""

MARKED = """
import pytest

@pytest.mark.tuning_emulator(pace="fast")
def test_wrong(tuning_emulator):
    pass

@pytest.mark.tuning_emulator(pace="fast")
def test_wrong_in_process(tuning_emulator_in_process):
    pass

@pytest.mark.tuning_emulator(scenario="nothing")
def test_refused(tuning_emulator):
    pass

@pytest.mark.tuning_emulator("manual")
def test_by_place(tuning_emulator):
    pass

@pytest.mark.tuning_emulator(pace="manual")
def test_of_no_use():
    pass

def test_the_next(tuning_emulator):
    assert tuning_emulator.pace.get()["mode"] == "training"
"""

STATE = """
import os
import httpx
import pytest

BODY = {"baseModel": "models/gemini-1.5-flash-001-tuning", "tuningTask": {"trainingData":
        {"examples": {"examples": [{"textInput": "1", "output": "2"}]}}}}

def ask(verb, path, **more):
    headers = {"x-goog-api-key": os.environ["GEMINI_API_KEY"]}
    return httpx.request(verb, os.environ["GOOGLE_GEMINI_BASE_URL"] + path, headers=headers, **more)

def test_save(tuning_emulator, tuning_emulator_snapshot):
    assert ask("POST", "/v1beta/tunedModels?tunedModelId=saved", json=BODY).status_code == 200
    tuning_emulator.buckets.upload(tuning_emulator.bucket, "name", "text")
    tuning_emulator_snapshot.save("state.tar.gz")

def test_it_is_gone(tuning_emulator):
    assert tuning_emulator.call("GET", "jobs")["jobs"] == tuning_emulator.call("GET", "projects")["projects"] == []

@pytest.mark.parametrize("number", range(2))
def test_load(tuning_emulator, tuning_emulator_snapshot, number):
    own = tuning_emulator.project
    assert ask("POST", "/v1beta/tunedModels?tunedModelId=other", json=BODY).status_code == 200
    tuning_emulator_snapshot.load("state.tar.gz")
    assert tuning_emulator.project != own
    assert ask("GET", "/v1beta/tunedModels/saved").status_code == 200
    assert len(tuning_emulator.jobs.list()) == 1
    assert tuning_emulator.buckets.read(f"gs://{tuning_emulator.bucket}/name") == [b"text"]
    assert tuning_emulator.project in open(os.environ["GOOGLE_APPLICATION_CREDENTIALS"]).read()

def test_it_is_gone_again(tuning_emulator):
    assert tuning_emulator.call("GET", "jobs")["jobs"] == []

def test_no_archive_of_a_tests(tuning_emulator, tuning_emulator_snapshot):
    tuning_emulator.export_snapshot(__import__("pathlib").Path("plain.tar.gz"))
    with pytest.raises(ValueError, match=r'plain.tar.gz: no test has saved it; say which project .* project="ID"'):
        tuning_emulator_snapshot.load("plain.tar.gz")
    tuning_emulator_snapshot.load("plain.tar.gz", project="my-project")
    assert tuning_emulator.project == "my-project"
"""


def run_pytest(folder: Path, source: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A test run of somebody else's."""
    (folder / "test_theirs.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\ntuning_emulator =\n    seed = 3\n")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TUNING_"))}
    variables |= {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json", "GOOGLE_API_KEY": "somebody's"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--strict-markers", *options],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.mark.process
@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "pytest-xdist"])
def test_tests_live_in_worlds_of_their_own(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Models, jobs, requests, faults and pace of one test are not there in the next, nor beside it."""
    before = set(children_of(os.getpid()))
    ended = run_pytest(tmp_path, PROJECTS, *options)
    assert "8 passed" in ended.stdout, ended.stdout + ended.stderr
    assert set(children_of(os.getpid())) == before


@pytest.mark.process
def test_a_failing_test_shows_what_the_emulator_was_asked(tmp_path: Path) -> None:
    """Its own requests, with what refused them; nobody else's."""
    ended = run_pytest(tmp_path, FAILING)
    assert "tuning-emulator journal" in ended.stdout, ended.stdout
    assert "GET /v1beta/tunedModels/unknown → 404 tuned_model_not_found" in ended.stdout
    assert "nothing-here" not in ended.stdout.partition("tuning-emulator journal")[2]


@pytest.mark.process
@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "pytest-xdist"])
def test_requests_to_other_projects_are_told_and_cleaned(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Each test that did it; the second finds nothing of the first. What a wider scope made is left."""
    ended = run_pytest(tmp_path, ELSEWHERE, "-rP", *options)
    assert "7 passed, 6 warnings" in ended.stdout, ended.stdout + ended.stderr
    assert ended.stdout.count("- tuning-emulator: requests to other projects -") == 6
    stranger = (
        "no project (a key or token that is not tuning_emulator.api_key): CreateTunedModel; cleaned after the test"
    )
    assert ended.stdout.count(stranger) == 4
    assert ended.stdout.count("project other: CreateTunedModel; cleaned after the test") == 4
    assert ended.stdout.count("project of-all: GetTunedModel; left as it is: it was in use before this test") == 4


@pytest.mark.process
def test_other_projects_of_an_emulator_that_others_use_are_left_alone(tmp_path: Path) -> None:
    """Nothing is told, nothing cleaned: they may be somebody's; an archive would take everything from them."""
    from tuning_emulator.testing.client import Control
    from tuning_emulator.testing.process import start_emulator

    source = ELSEWHERE.replace("range(2)", "[1]")
    with start_emulator(trainer="scripted") as running:
        ended = run_pytest(tmp_path, source, "-rP", "--tuning-emulator-url", running.url)
        assert "4 passed" in ended.stdout, ended.stdout + ended.stderr
        assert "other projects" not in ended.stdout
        assert {job["project"] for job in Control(running.url).jobs.list()} == {"", "other", "of-all"}
        ended = run_pytest(tmp_path, STATE, "--tuning-emulator-url", running.url)
        assert "a state archive replaces what everybody has" in ended.stdout
        assert {job["project"] for job in Control(running.url).jobs.list()} == {"", "other", "of-all"}
        source = "import pytest\n@pytest.mark.tuning_emulator(base_models='embedded', trainer='lora')\n"
        ended = run_pytest(
            tmp_path, source + "def test_it(tuning_emulator): pass", "--tuning-emulator-url", running.url
        )
        assert 'the test wants "lora"' in ended.stdout, ended.stdout


@pytest.mark.process
def test_a_mistake_in_a_marker_is_told_in_a_line(tmp_path: Path) -> None:
    """Which test, which option, what would be right; other tests run."""
    ended = run_pytest(tmp_path, MARKED, "--tb=long")
    assert "2 passed, 1 warning, 4 errors" in ended.stdout, ended.stdout + ended.stderr
    where = "@pytest.mark.tuning_emulator of test_theirs.py::test_"
    assert f"\n{where}wrong: pace='fast': 'fast' is not a pace: training, time:SECONDS" in ended.stdout
    assert f"\n{where}wrong_in_process: pace='fast': " in ended.stdout
    assert f"\n{where}refused: scenario='nothing': scenario: name: 'nothing' is no scenario" in ended.stdout
    assert f"\n{where}by_place: 'manual': options have names" in ended.stdout
    assert "def tuning_emulator(" not in ended.stdout
    assert "TuningEmulatorWarning: @pytest.mark.tuning_emulator does nothing here" in ended.stdout


@pytest.mark.process
def test_a_state_is_there_again_in_other_tests_and_sessions(tmp_path: Path) -> None:
    """With its project, key, bucket and variables; afterwards nothing of it is left."""
    ended = run_pytest(tmp_path, STATE)
    assert "6 passed" in ended.stdout, ended.stdout + ended.stderr
    ended = run_pytest(tmp_path, STATE, "-k", "load or again")
    assert "3 passed, 3 deselected in" in ended.stdout, ended.stdout + ended.stderr


@pytest.mark.process
def test_an_emulator_that_ends_fails_a_test_and_not_the_run(tmp_path: Path) -> None:
    """Nobody can say any more what it was asked."""
    source = "import os, signal\ndef test_it(tuning_emulator, tuning_emulator_server):\n"
    source += "    os.kill(tuning_emulator_server.pid, signal.SIGKILL)\n    tuning_emulator_server.process.wait()\n"
    ended = run_pytest(tmp_path, source)
    assert "1 passed, 1 error" in ended.stdout, ended.stdout + ended.stderr
    assert "nothing answers at http://127.0.0.1:" in ended.stdout
    assert "INTERNALERROR" not in ended.stdout + ended.stderr


@pytest.mark.process
def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    """Whether it comes from the ini file or from a fixture."""
    (tmp_path / "conftest.py").write_text(
        "import pytest\n@pytest.fixture(scope='session')\n"
        "def tuning_emulator_settings(tuning_emulator_settings):\n"
        "    assert tuning_emulator_settings == {'seed': '3'}\n    return {'sead': 3}\n"
    )
    ended = run_pytest(tmp_path, "def test_it(tuning_emulator): pass")
    assert "settings of tuning_emulator: no setting 'sead'; there are " in ended.stdout, ended.stdout


@pytest.mark.process
def test_a_run_without_the_fixture_loads_nothing(tmp_path: Path) -> None:
    """Being installed costs other people's tests nothing."""
    source = """
import sys

def test_it():
    loaded = {name for name in sys.modules if name.startswith("tuning_emulator")}
    assert loaded <= {"tuning_emulator", "tuning_emulator.testing", "tuning_emulator.testing.plugin"}
"""
    ended = run_pytest(tmp_path, source)
    assert "1 passed" in ended.stdout, ended.stdout


@pytest.mark.process
def test_a_running_emulator_can_be_used(tmp_path: Path) -> None:
    """It goes on afterwards."""
    from tuning_emulator.testing.client import Control
    from tuning_emulator.testing.process import start_emulator

    with start_emulator(trainer="scripted") as running:
        ended = run_pytest(tmp_path, PROJECTS, "--tuning-emulator-url", running.url)
        assert "8 passed" in ended.stdout, ended.stdout + ended.stderr
        assert Control(running.url).health()["status"] == "ok"


def test_a_wrong_line_of_settings_is_shown() -> None:
    """With the form that is wanted."""
    assert read_settings(["trainer = scripted", " seed=3 "]) == {"trainer": "scripted", "seed": "3"}
    with pytest.raises(pytest.UsageError, match='"trainer: scripted" is not `name = value`'):
        read_settings(["trainer: scripted"])
