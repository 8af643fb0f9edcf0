"""Settings come from options and variables, and a bad one is named with its value."""

from __future__ import annotations

import argparse
import re
from dataclasses import FrozenInstanceError
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from tuning_emulator.app import create_app
from tuning_emulator.cli import main
from tuning_emulator.cli.serve import add_arguments, read_given
from tuning_emulator.settings import SETTINGS, Settings, SettingsError, format_options, name_option


def test_every_setting_has_an_option_of_serve(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing can only be set through the environment."""
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    text = capsys.readouterr().out
    missing = [name for name in SETTINGS if not re.search(rf"^ +{name_option(name)}[ ,]", text, re.MULTILINE)]
    assert missing == []


def test_every_setting_is_handed_on_as_an_option(tmp_path: Path) -> None:
    """`exec` and the pytest plugin start servers with settings of any form; all of them arrive as they were given."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    given: dict[str, Any] = {name: setting.choices[-1] for name, setting in SETTINGS.items() if setting.choices}
    given |= {"host": "::1", "port": 1, "storage_port": 0, "data_dir": tmp_path, "scripted_step_s": 0.5, "seed": -1}
    given |= {"jobs_per_project": 2, "pace": "time:60", "as_of": {"*": date(2024, 8, 1), "a": "2025-06-13"}}
    given |= {"base_models": {"m": tmp_path}, "buckets": f"one={tmp_path},two", "default_dataset": tmp_path}
    given |= {"storage": "cloud", "import_file": Path(__file__), "export_on_exit": tmp_path / "x", "scenario": "demo"}
    given |= {"credentials": tmp_path, "anonymous": True, "project": "another", "pass_hosts": ["*"]}
    given |= {"journal_entries": 0, "auto_create_buckets": True, "allowed_hosts": "a.example,*.b.example:1"}
    given |= {"processes_per_job": 3, "activation_memory": "1.5GiB", "ray_address": "auto", "ray_warm_workers": 2}
    given |= {"ray_resources": {"cpus": 1.5, "memory": "8GiB"}}
    given |= {"project_numbers": {"one": "123456789012", "two": "7"}}
    assert given.keys() == SETTINGS.keys()
    assert Settings(**read_given(parser.parse_args(format_options(given)))) == Settings(**given)
    assert read_given(parser.parse_args(format_options({"data_dir": None}))) == {}
    assert not Settings(**read_given(parser.parse_args(format_options({"anonymous": False})))).anonymous


def test_variables_set_what_options_do_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """TUNING_EMULATOR_<NAME>; pairs are separated by commas."""
    monkeypatch.setenv("TUNING_EMULATOR_TRAINER", "scripted")
    monkeypatch.setenv("TUNING_EMULATOR_PORT", "1234")
    monkeypatch.setenv("TUNING_EMULATOR_BUCKETS", f"one={tmp_path},two={tmp_path}")
    settings = Settings(port=0)
    assert (settings.trainer, settings.port, settings.buckets) == ("scripted", 0, {"one": tmp_path, "two": tmp_path})


@pytest.mark.parametrize(
    ("given", "days"),
    [
        ("2024-08-01", {"*": date(2024, 8, 1)}),
        (date(2024, 8, 1), {"*": date(2024, 8, 1)}),
        ("demo=2024-08-01,2025-06-13", {"demo": date(2024, 8, 1), "*": date(2025, 6, 13)}),
        (["a=2024-08-01", "b=2025-06-13"], {"a": date(2024, 8, 1), "b": date(2025, 6, 13)}),
        ({"a": "2024-08-01"}, {"a": date(2024, 8, 1)}),
        ("", {}),
    ],
)
def test_days_of_all_projects_and_of_some(given: Any, days: dict[str, date], monkeypatch: pytest.MonkeyPatch) -> None:
    """As an argument, and (what is text) as a variable."""
    assert Settings(as_of=given).as_of == days
    if isinstance(given, str):
        monkeypatch.setenv("TUNING_EMULATOR_AS_OF", given)
        assert Settings().as_of == days


@pytest.mark.parametrize(
    "value", ["cpu=1", "cpus", "gpus=0", "gpus=-1", "cpus=many", "memory=0", "memory=1 light year"]
)
def test_what_a_job_takes_of_a_cluster_is_a_number_of_something(value: str) -> None:
    """None of these would be heeded."""
    with pytest.raises(SettingsError, match=r"^ray_resources: "):
        Settings(ray_resources=value)
    assert Settings(ray_resources="cpus=2, memory=1GiB").ray_resources == {"cpus": 2.0, "memory": 1 << 30}


def test_today_is_a_day() -> None:
    """The day on which the server starts."""
    given: Any = "today"
    (day,) = Settings(as_of=given).as_of.values()
    assert day >= date(2026, 1, 1)


async def test_a_day_reaches_both_apis(tmp_path: Path) -> None:
    """A setting of the whole emulator: neither API tunes what is retired by then."""
    after: Any = "after=2026-11-01"
    app = create_app(Settings(as_of=after, trainer="scripted", storage="cloud"))
    google, vertex = "/v1beta/models", "/v1/publishers/google/models/gemini-1.5-pro-002:countTokens"
    headers = {"authorization": "Bearer any"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", headers=headers) as client:
        for project, listed, status in (("after", False, 404), ("other", True, 200)):
            client.headers["x-goog-user-project"] = project
            names = {one["name"] for one in (await client.get(google)).json()["models"]}
            assert ("models/gemini-1.5-flash-001-tuning" in names) is listed
            path = f"/v1/projects/{project}/locations/us-central1{vertex.removeprefix('/v1')}"
            said = await client.post(path, json={"contents": [{"role": "user", "parts": [{"text": "a"}]}]})
            assert said.status_code == status, said.text


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("auto", 0),
        ("512MiB", 512 << 20),
        ("4GB", 4 * 10**9),
        ("1.5 gib", 3 << 29),
        ("2Gi", 2 << 30),
        (1 << 20, 1 << 20),
    ],
)
def test_sizes_have_units(value: Any, size: int) -> None:
    """Powers of ten or of two, as others write them; a bare number is bytes."""
    assert Settings(activation_memory=value).activation_memory == size


def test_settings_cannot_change_later() -> None:
    """Frozen."""
    with pytest.raises(FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc] # what is refused


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--port", "70000"], ["--port", "70000"]),
        (["--jobs-per-project", "0"], ["--jobs-per-project", "0"]),
        (["--bucket", "some/name"], ["--bucket: ", "some/name", "NAME=DIRECTORY"]),
        (["--bucket", "my-bucket=/does/not/exist"], ["--bucket: ", "/does/not/exist", "no such directory"]),
        (["--bucket", "My-Bucket"], ["--bucket: ", "My-Bucket", "no bucket's name"]),
        (["--as-of", "yesterday"], ["--as-of", "yesterday", "2024-08-01"]),
        (["--as-of", "demo=2024-13-01"], ["--as-of", "2024-13-01"]),
        (["--as-of", "2024-01-01", "--as-of", "2025-01-01"], ["--as-of", "two dates for all projects"]),
        (["--base-model", "m=/does/not/exist"], ["--base-model: ", "/does/not/exist", "no such directory"]),
    ],
)
def test_a_bad_option_is_named_with_its_value(
    arguments: list[str], named: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2, and nothing starts."""
    assert main(["serve", *arguments]) == 2
    said = capsys.readouterr().err
    assert [word for word in named if word not in said] == []


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("port", "eighty", "'eighty' is not a whole number from 0 to 65535"),
        ("port", -1, "-1 is not a whole number from 0 to 65535"),
        ("seed", 1.5, "1.5 is not a whole number"),
        ("journal_entries", "-1", "'-1' is not a whole number of 0 or more"),
        ("scripted_step_s", "nan", "'nan' is not a number of seconds, 0 or more"),
        ("trainer", "torch", "'torch' is none of auto, lora, scripted"),
        ("anonymous", "maybe", "'maybe' is neither true nor false"),
        ("pace", "fast", "'fast' is not a pace: training, time:SECONDS, polls:NUMBER or manual"),
        ("project", "My", "'My' is not a project id: 6 to 30 lower-case letters"),
        ("pass_hosts", "a b", "'a b' is not a host like example.com"),
        ("import_file", "/none", "/none: no such file"),
        ("export_on_exit", "/none/x", "/none/x: name a file in a directory that is there"),
        ("data_dir", 5, "5 is not a path"),
        ("host", 5, "5 is not text"),
        ("processes_per_job", 0, "0 is not a whole number of 1 or more"),
        ("activation_memory", "much", "'much' is no size like 512MiB or 4GB, nor `auto`"),
        ("activation_memory", "0MB", "'0MB' is no size like 512MiB or 4GB, nor `auto`"),
        ("activation_memory", -5, "-5 is no size like 512MiB or 4GB, nor `auto`"),
        ("activation_memory", "12iB", "'12iB' is no size like 512MiB or 4GB, nor `auto`"),
    ],
)
def test_a_bad_value_is_named_with_what_would_be_right(name: str, value: Any, text: str) -> None:
    """Whoever gives it: an option, a variable, a program."""
    with pytest.raises(SettingsError) as caught:
        Settings(**{name: value})
    assert str(caught.value).startswith(f"{name}: {text}")


def test_all_bad_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of variables beside those that are given."""
    monkeypatch.setenv("TUNING_EMULATOR_SEED", "x")
    with pytest.raises(SettingsError) as caught:
        Settings(port=-1)
    assert [name for name, _ in caught.value.problems] == ["port", "seed"]


def test_what_is_no_setting_is_named() -> None:
    """A slip of the pen does not go unnoticed."""
    with pytest.raises(TypeError, match=r"no setting 'tariner'; there are .*trainer"):
        Settings(tariner="scripted")


@pytest.mark.parametrize("option", ["default_dataset", "credentials"])
def test_a_file_that_cannot_be_read_is_named(option: str, tmp_path: Path) -> None:
    """The setting's own check names the file, before anything runs."""
    file = tmp_path / "none.json"
    with pytest.raises(SettingsError, match=r"none\.json"):
        create_app(Settings(**{"trainer": "scripted", "storage_port": 0, option: file}))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("my-project", "'my-project' is not ID=NUMBER"),
        ("my-project=12x", "'12x' is no project number"),
        ("123=456", "'123' is no project id"),
        ("one=1,two=1", "two=1: the project or the number is there twice"),
    ],
)
def test_project_numbers_that_are_none(given: Any, complaint: str) -> None:
    """Named with the value."""
    with pytest.raises(SettingsError, match=f"project_numbers: {complaint}"):
        Settings(project_numbers=given)
