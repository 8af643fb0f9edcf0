"""`tuning-emulator doctor` finds what is broken, and says how to mend it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuning_emulator.cli import main
from tuning_emulator.cli.checks import (
    BROKEN,
    OK,
    WARNING,
    Finding,
    Status,
    check_cluster,
    check_directories,
    check_emulator,
    check_packages,
    check_variables,
    name_listener,
)
from tuning_emulator.cli.doctor import check_own_devices, check_own_models, check_tunable, format_findings
from tuning_emulator.cli.machine import check_trainer
from tuning_emulator.jobs.lora import missing_packages
from tuning_emulator.store.store import Store
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import RunningEmulator, start_emulator
from tuning_emulator.testing.storage_server import StorageServer

URL = "http://127.0.0.1:8790"
HEALTH = {"storage": {"url": "http://127.0.0.1:8791"}}
AT_HOME = {
    "GOOGLE_GEMINI_BASE_URL": URL,
    "GOOGLE_VERTEX_BASE_URL": "http://localhost:8790/",
    "STORAGE_EMULATOR_HOST": "127.0.0.1:8791",
}


@pytest.fixture(scope="module")
def running(process: None) -> Iterator[RunningEmulator]:
    with start_emulator(trainer="scripted") as emulator:
        yield emulator


def find(findings: list[Finding], name: str) -> Finding:
    """The one finding about something."""
    (finding,) = [one for one in findings if one.name == name]
    return finding


def diagnose(variables: dict[str, str]) -> dict[str, Status]:
    """Status by variable."""
    return {one.name: one.status for one in check_variables(variables, URL, HEALTH)}


def test_models_that_can_be_tuned_on_a_day() -> None:
    """By the table that create reads."""
    told = check_tunable("2026-11-28").text
    assert told.startswith("Vertex AI tunes gemini-3.5-flash, ")
    assert "gemini-2.5-flash" in told.partition("no more:")[2]
    assert "gemini-2.5-flash" in check_tunable("2026-09-15").text.partition("no more:")[0]


def test_a_directory_for_a_model_that_is_none_is_noticed() -> None:
    """Nobody would ever ask for it."""
    (found,) = check_own_models({"*": "embedded", "gemini-3.5-flash": "/a", "gemini-3.5-flush": "/b"})
    assert (found.name, found.status) == ("gemini-3.5-flush", WARNING)
    assert "gemini-3.5-flash" in found.fix


def test_variables_of_a_shell_that_evaluated_env_are_fine() -> None:
    """However an address is written."""
    assert set(diagnose(AT_HOME).values()) == {OK}


@pytest.mark.parametrize(
    ("variables", "name", "status", "fix"),
    [
        (
            {"GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:9999"},
            "GOOGLE_GEMINI_BASE_URL",
            WARNING,
            f"export GOOGLE_GEMINI_BASE_URL={URL}",
        ),
        ({"STORAGE_EMULATOR_HOST": "https://storage.example"}, "STORAGE_EMULATOR_HOST", WARNING, "127.0.0.1:8791"),
        ({"GOOGLE_GENAI_USE_VERTEXAI": "True"}, "GOOGLE_GENAI_USE_VERTEXAI", WARNING, "Client(vertexai=True"),
        ({"GOOGLE_CLOUD_PROJECT": "p"}, "GOOGLE_CLOUD_PROJECT", WARNING, "unset GOOGLE_CLOUD_PROJECT"),
        (
            {"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "example.com"},
            "HTTP_PROXY",
            WARNING,
            "NO_PROXY=example.com,127.0.0.1",
        ),
        ({"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json"}, "GOOGLE_APPLICATION_CREDENTIALS", BROKEN, "unset"),
        ({"GOOGLE_API_KEY": "a", "GEMINI_API_KEY": "b"}, "GOOGLE_API_KEY", WARNING, "unset one"),
        ({"TUNING_EMULATOR_DATADIR": "x"}, "TUNING_EMULATOR_DATADIR", WARNING, "is TUNING_EMULATOR_DATA_DIR meant?"),
    ],
)
def test_traps_are_named_with_their_fix(variables: dict[str, str], name: str, status: Status, fix: str) -> None:
    """Each variable that is known to lead clients astray."""
    findings = list(check_variables(AT_HOME | variables, URL, HEALTH))
    found = find(findings, name)
    assert found.status == status
    assert fix in found.fix
    assert [one.name for one in findings if one.status != OK] == [name]


def test_a_proxy_that_spares_the_emulator_is_no_trap() -> None:
    """NO_PROXY by name or for all."""
    for spared in ("localhost,127.0.0.1", "*"):
        assert "HTTP_PROXY" not in diagnose(AT_HOME | {"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": spared})


def test_real_credentials_are_noticed_and_not_shown(tmp_path: Path) -> None:
    """The kind of credentials is said, nothing of what is in the file."""
    path = tmp_path / "key.json"
    path.write_text(json.dumps({"type": "service_account", "private_key": "SECRET"}))
    finding = find(
        list(check_variables({"GOOGLE_APPLICATION_CREDENTIALS": str(path)}, URL, None)),
        "GOOGLE_APPLICATION_CREDENTIALS",
    )
    assert finding.status == WARNING
    assert "service_account" in finding.text
    assert "SECRET" not in finding.text + finding.fix


def test_settings_that_the_server_would_refuse_are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `serve` would say about a variable."""
    monkeypatch.setenv("TUNING_EMULATOR_PORT", "eighty")
    finding = find(list(check_variables(dict(os.environ), URL, None)), "TUNING_EMULATOR_PORT")
    assert finding.status == BROKEN
    assert "'eighty'" in finding.text


@pytest.mark.process
def test_packages_of_this_environment_are_found() -> None:
    """The tests run where the server does, so nothing that it needs is missing."""
    findings = list(check_packages())
    assert find(findings, "server").status == OK
    assert "msgspec" in find(findings, "server").text
    assert find(findings, "OpenSSL").text.startswith(("OpenSSL", "LibreSSL"))
    assert not [one for one in findings if one.status == BROKEN]


def test_a_data_directory_in_use_is_broken_unless_it_is_the_answering_emulators(tmp_path: Path) -> None:
    """The lock that a server takes is seen without being taken."""
    store = Store(tmp_path)
    try:
        (locked, _) = check_directories(tmp_path, None)
        assert (locked.status, "in use by another emulator" in locked.text) == (BROKEN, True)
        (ours, _) = check_directories(tmp_path, {"data_dir": str(tmp_path)})
        assert ours.status == OK
    finally:
        store.close()
    (free, _) = check_directories(tmp_path, None)
    assert free.status == OK
    Store(tmp_path).close()  # and the doctor holds nothing


def test_a_data_directory_that_cannot_be_is_broken(tmp_path: Path) -> None:
    """A file in its place, or a parent that takes no directories."""
    file = tmp_path / "file"
    file.touch()
    assert next(iter(check_directories(file, None))).status == BROKEN
    assert next(iter(check_directories(Path("/proc/nowhere/data"), None))).status == BROKEN
    assert next(iter(check_directories(tmp_path / "new", None))).status == OK


def test_an_emulator_that_runs_is_found_with_all_its_parts(running: RunningEmulator) -> None:
    """Health, trainer, storage, clock."""
    health, findings = check_emulator(running.url, expected=True)
    assert health is not None
    assert {one.name: one.status for one in findings} == dict.fromkeys(["emulator", "trainer", "storage", "clock"], OK)


def test_a_clock_that_was_moved_is_noticed(running: RunningEmulator) -> None:
    """Times that disagree surprise people; the fix sets it back."""
    clock = Control(running.url).clock
    before = clock.now()
    clock.set("2024-08-01T00:00:00Z", frozen=True)
    try:
        finding = find(check_emulator(running.url, expected=True)[1], "clock")
        assert (finding.status, "frozen at 2024-08-01" in finding.text) == (WARNING, True)
        clock.resume()
        finding = find(check_emulator(running.url, expected=True)[1], "clock")
        assert "from this machine's" in finding.text
    finally:
        clock.set(before, frozen=False)


def test_silence_is_broken_only_where_an_answer_was_expected() -> None:
    """A free port is no fault until somebody says that an emulator is there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    assert find(check_emulator(url, expected=False)[1], "emulator").status == WARNING
    assert find(check_emulator(url, expected=True)[1], "emulator").status == BROKEN


def test_another_program_on_the_port_is_named() -> None:
    """Who took the port: the process that listens there, which here is this one."""
    with StorageServer() as server:
        health, findings = check_emulator(server.base_url, expected=False)
        assert health is None
        assert (findings[0].status, "is no emulator" in findings[0].text) == (BROKEN, True)
        port = int(server.base_url.rpartition(":")[2])
        if Path("/proc/net/tcp").exists():
            assert f"process {os.getpid()}," in name_listener(("127.0.0.1", port))


@pytest.mark.process
def test_exit_status_and_json(
    running: RunningEmulator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """0 with an emulator that answers, 1 where nothing does, 2 for what is no URL; one JSON object a finding."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "TUNING_EMULATOR_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    assert main(["doctor", "--url", running.url, "--json"]) == 0
    findings = [Finding(**json.loads(line)) for line in capsys.readouterr().out.splitlines()]
    assert find(findings, "emulator").status == OK
    assert main(["doctor", "--url", "http://127.0.0.1:1"]) == 1
    assert "✗ emulator: nothing answers at http://127.0.0.1:1" in capsys.readouterr().out
    assert main(["doctor", "--url", "localhost"]) == 2


@pytest.mark.parametrize(
    ("told", "status", "text"),
    [
        ({"ready": False}, BROKEN, "not reached; jobs wait for it"),
        ({"nodes": 1, "cpus": 0.0, "gpus": 0}, BROKEN, "Ray 2.60.0 at auto: 1 nodes, 0 CPUs, 0 GPUs"),
        ({"nodes": 3, "cpus": 8.0, "gpus": 2.0}, OK, "Ray 2.60.0 at auto: 3 nodes, 8 CPUs, 2 GPUs"),
    ],
)
def test_the_cluster_that_jobs_run_on_is_looked_at(told: dict[str, object], status: Status, text: str) -> None:
    """As the emulator sees it, which gives its jobs to one."""
    finding = check_cluster({"ready": True, "ray": "2.60.0", "address": "auto", **told})
    assert (finding.name, finding.status, finding.text) == ("Ray cluster", status, text)


def test_people_read_areas_marks_and_fixes() -> None:
    """By area, the fix below what it mends, a verdict at the end."""
    findings = [
        Finding("installed", "Python", OK, "3.11"),
        Finding("configured", "X", WARNING, "odd", "unset X"),
        Finding("configured", "Y", BROKEN, "bad", "mend it"),
    ]
    assert format_findings(findings) == [
        "installed",
        "  ✓ Python: 3.11",
        "",
        "configured",
        "  ! X: odd",
        "      fix: unset X",
        "  ✗ Y: bad",
        "      fix: mend it",
        "",
        "1 broken, 1 to look at",
    ]


@pytest.mark.process
@pytest.mark.skipif(bool(missing_packages()), reason="lora is not installed")
def test_the_trainer_says_which_models_go_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """Device, bfloat16, the rule by size, the embedded base model, and directories that stand in for others."""
    monkeypatch.setenv("TUNING_EMULATOR_DEVICE", "cpu")
    findings = list(check_trainer())
    assert [one.name for one in findings] == ["trainer", "bfloat16", "devices", "base model embedded"]
    assert {one.status for one in findings} == {OK}
    assert find(findings, "devices").text == "base models of any size on cpu in float32: it was asked for"
    assert "parameters, on cpu in float32" in find(findings, "base model embedded").text
    (lost,) = check_own_devices({"gemini-1.5-flash-001-tuning": "/nowhere"})
    assert (lost.area, lost.status) == ("configured", BROKEN)
    assert "'/nowhere' holds no config.json" in lost.text


@pytest.mark.process
@pytest.mark.skipif(bool(missing_packages()), reason="lora is not installed")
def test_a_torch_that_does_not_load_is_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ImportError('libcudart is missing')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (told,) = check_trainer()
    assert (told.status, told.fix) == (BROKEN, "reinstall torch")
    assert "libcudart is missing" in told.text
