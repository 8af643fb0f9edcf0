"""clock, pace, as-of, scenario, faults and journal do what the control API does, and say what went wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tuning_emulator.cli import main
from tuning_emulator.cli.control import COMMANDS
from tuning_emulator.proxy.variables import FORMATS, Places, Way, list_variables
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import start_emulator

KEY = {"x-goog-api-key": "projects/p1"}


@pytest.fixture(scope="module")
def url(process: None) -> Iterator[str]:
    with start_emulator(trainer="scripted") as running:
        yield running.url


def say(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> list[str]:
    """The lines that a command prints; those of standard error when it fails."""
    assert main(arguments) == status
    printed = capsys.readouterr()
    return (printed.err if status else printed.out).splitlines()


def test_the_clock_is_set_frozen_and_moved(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each answer shows the clock afterwards."""
    target = ("clock", "--url", url)
    say(capsys, *target, "--set", "2034-01-01T00:00:00Z")
    frozen = json.loads(say(capsys, *target, "--freeze")[0])
    assert frozen["frozen"] is True
    moved = json.loads(say(capsys, *target, "--advance", "3600")[0])
    assert moved["time"].startswith("2034-01-01T01:00:0")
    assert json.loads(say(capsys, *target)[0])["time"] == moved["time"]
    assert json.loads(say(capsys, *target, "--resume")[0])["frozen"] is False
    assert json.loads(say(capsys, *target, "--advance", "0")[0])["time"] >= moved["time"]
    assert "-1.0 is not 0 or more" in say(capsys, *target, "--advance", "-1", status=1)[0]


def test_the_pace_is_of_all_or_of_a_project(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As in the setting: time:60, polls:2."""
    target = ("pace", "--url", url)
    assert json.loads(say(capsys, *target, "polls:2", "--project", "p1")[0])["polls"] == 2
    assert json.loads(say(capsys, *target)[0])["mode"] == "training"
    assert json.loads(say(capsys, *target, "default", "--project", "p1")[0])["mode"] == "training"
    assert "sometimes" in say(capsys, *target, "sometimes", status=1)[0]


def test_the_day_is_of_all_or_of_a_project(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A date, `any` for what ever worked, `default` for the setting."""
    target = ("as-of", "--url", url)
    assert json.loads(say(capsys, *target, "2025-06-13")[0])["date"] == "2025-06-13"
    assert json.loads(say(capsys, *target, "any", "--project", "p1")[0]) == {"date": None}
    assert json.loads(say(capsys, *target)[0]) == {"date": "2025-06-13", "projects": {"p1": None}}
    assert json.loads(say(capsys, *target, "default", "--project", "p1")[0]) == {"date": "2025-06-13"}
    assert json.loads(say(capsys, *target, "default")[0]) == {"date": None, "projects": {}}
    assert "wants a date like 2024-08-01" in say(capsys, *target, "soon", status=1)[0]


def test_a_scenario_is_added(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One of the package by its name, another from a file; without either their list."""
    target = ("scenario", "--url", url)
    assert any(line.startswith("one-of-each-state: ") for line in say(capsys, *target))
    made = json.loads(say(capsys, *target, "one-of-each-state", "--project", "p2")[0])
    assert len(made["tuned_models"]) > 1
    file = tmp_path / "mine.yaml"
    file.write_text("version: 1\ntuned_models: [{display_name: mine}]\n", encoding="utf-8")
    assert len(json.loads(say(capsys, *target, str(file), "--project", "p3")[0])["tuned_models"]) == 1
    assert "nothing has changed" in say(capsys, *target, "unheard-of", status=1)[0]
    for project in ("p2", "p3"):
        say(capsys, "reset", "--url", url, "--project", project)


def test_faults_are_added_counted_and_removed(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The counters are in every answer."""
    target = ("faults", "--url", url)
    text = '{"method": "ListTunedModels", "code": 503, "times": 1}'
    added = json.loads(say(capsys, *target, "--project", "p1", "--add", text)[0])
    assert httpx.get(f"{url}/v1beta/tunedModels", headers=KEY).status_code == 503
    assert [json.loads(line)["fired"] for line in say(capsys, *target)] == [1]
    assert json.loads(say(capsys, *target, "--remove", added["id"])[0])["fired"] == 1
    assert say(capsys, *target) == []
    assert "teapot" in say(capsys, *target, "--add", '{"method": "ListTunedModels", "code": "teapot"}', status=1)[0]


def test_a_fault_that_is_no_json_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is asked."""
    with pytest.raises(SystemExit):
        main(["faults", "--add", "{method: x}"])
    assert "'{method: x}' is not JSON" in capsys.readouterr().err


def test_the_journal_is_a_line_a_request(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The latest last; refusals with their rule, wrong paths with the route that was meant."""
    target = ("journal", "--url", url, "--project", "p2")
    key = {"x-goog-api-key": "projects/p2"}
    httpx.get(f"{url}/v1beta/tunedModels", headers=key)
    httpx.get(f"{url}/v1beta/tunedModels/none", headers=key)
    lines = say(capsys, *target)
    assert "GET /v1beta/tunedModels → 200" in lines[0]
    assert "GET /v1beta/tunedModels/none → 404" in lines[1]
    assert "tuned_model_not_found" in lines[1]
    assert say(capsys, *target, "--count") == ["2"]
    assert [json.loads(line)["status"] for line in say(capsys, *target, "--json", "--status", "4xx")] == [404]
    httpx.get(f"{url}/v1beta/tunedModel/none")
    assert "did you mean" in say(capsys, "journal", "--url", url, "--method", "-")[-1]
    say(capsys, *target, "--clear")
    assert say(capsys, *target, "--count") == ["0"]


def test_the_pace_of_a_job(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By its resource name; without a pace it is shown."""
    say(capsys, "pace", "--url", url, "manual", "--project", "p3")
    examples = {"examples": {"examples": [{"textInput": "1", "output": "2"}]}}
    model = {"baseModel": "models/gemini-1.5-flash-001-tuning", "tuningTask": {"trainingData": examples}}
    path = "/v1beta/tunedModels?tunedModelId=slow"
    made = httpx.post(url + path, json=model, headers={"x-goog-api-key": "projects/p3"}).json()
    target = ("pace", "--url", url, "--job", made["metadata"]["tunedModel"])
    assert say(capsys, *target) == ["manual"]
    assert json.loads(say(capsys, *target, "training")[0])["pace"] == "training"
    assert json.loads(say(capsys, "reset", "--url", url, "--project", "p3")[0])["jobs"] == 1


def test_state_goes_out_and_comes_in(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line each: how large it is, what is there."""
    archive = tmp_path / "state.tar.gz"
    (line,) = say(capsys, "export", "--url", url, str(archive))
    assert line == f"{archive}: {archive.stat().st_size} bytes"
    (line,) = say(capsys, "import", "--url", url, str(archive))
    assert line.startswith("0 tuning jobs, ")
    assert "No such file" in say(capsys, "import", "--url", url, str(tmp_path / "none"), status=1)[0]
    assert [file.name for file in tmp_path.iterdir()] == [archive.name]


def test_the_variables_are_those_of_the_announcement(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines that a shell evaluates."""
    lines = say(capsys, "env", "--url", url)
    assert f"export GOOGLE_GEMINI_BASE_URL={url}" in lines
    assert lines == [*FORMATS["shell"](list_variables(Way.POINT, Places(url, url)))]


def test_the_variables_are_for_the_url_that_was_given(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A container's port may be another one outside, which the server inside does not know."""
    outside = url.replace("127.0.0.1", "localhost")
    variables = json.loads("\n".join(say(capsys, "env", "--url", outside, "--format", "json")))
    assert variables["GOOGLE_VERTEX_BASE_URL"] == variables["STORAGE_EMULATOR_HOST"] == outside
    assert variables["GCE_METADATA_HOST"] == outside.removeprefix("http://")


@pytest.mark.parametrize("command", COMMANDS)
def test_no_proxy_is_between(
    command: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Proxies are for the world outside, whatever the environment says of loopback."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    archive = tmp_path / "state.tar.gz"
    Control(url).export_snapshot(archive)
    say(capsys, command, "--url", url, *([str(archive)] if command in ("export", "import") else []))


@pytest.mark.parametrize("command", COMMANDS)
def test_nobody_there_is_said(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the address that was tried and the way out."""
    file = [__file__] if command == "import" else ["never-written"] if command == "export" else []
    (line,) = say(capsys, command, "--url", "http://127.0.0.1:1", *file, status=1)
    assert "nothing answers at http://127.0.0.1:1: " in line
    assert line.endswith("; start it or give --url")


@pytest.mark.parametrize("command", COMMANDS)
def test_json_is_one_object_a_line(command: str, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of every command, also of those that print text for people."""
    httpx.get(f"{url}/v1beta/tunedModels", headers=KEY)
    archive = tmp_path / "state.tar.gz"
    Control(url).export_snapshot(archive)
    Control(url).faults.add(method="ListTunedModels", code=503)
    extra = {"export": [str(archive)], "import": [str(archive)]}.get(command, [])
    lines = say(capsys, command, "--url", url, "--json", *extra)
    values = [json.loads("\n".join(lines))] if command == "env" else [json.loads(line) for line in lines]
    assert values
    assert all(isinstance(value, dict) for value in values)
    say(capsys, "faults", "--url", url, "--clear")


def test_json_of_a_count(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An object too."""
    (line,) = say(capsys, "journal", "--url", url, "--count", "--json", "--project", "nobody")
    assert json.loads(line) == {"count": 0}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pace", "time:soon"], "soon"),
        (["pace", "polls:many"], "many"),
        (["pace", "--job", "ü x/../y"], "ü x/../y"),
        (["faults", "--remove", "a bü"], "a bü"),
        (["scenario", "ü x"], "ü x"),
        (["as-of", "--project", "ü x", "soon"], "soon"),
    ],
)
def test_values_that_only_the_emulator_knows_to_be_wrong(
    arguments: list[str], said: str, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its words name the value, whatever that is made of."""
    assert said in "\n".join(say(capsys, *arguments, "--url", url, status=1))
