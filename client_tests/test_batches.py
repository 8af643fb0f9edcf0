"""google-cloud-aiplatform's two classes for batches, unmodified, beside a server."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from client_tests.environments import ClientEnvironmentError, find_program, make_environment
from client_tests.running import LEFT_OUT, PROGRAM_TIME_S, PROGRAMS
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import RunningEmulator, start_emulator

pytestmark = pytest.mark.clients

BUCKET = "gs://batches"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEmulator]:
    """A server with three requests in a bucket; whoever asks is taken."""
    folder = tmp_path_factory.mktemp("batches")
    asked = [{"request": {"contents": [{"role": "user", "parts": [{"text": str(n)}]}]}} for n in range(3)]
    (folder / "requests.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in asked))
    with start_emulator(trainer="scripted", anonymous=True, buckets={"batches": folder}) as one:
        yield one


@pytest.mark.parametrize("environment", ["aiplatform-2.7", "aiplatform-1.95"])
@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_aiplatform(emulator: RunningEmulator, environment: str, transport: str, tmp_path: Path) -> None:
    """Submit, wait, list, filter, delete; what a batch wrote is in its folder."""
    try:
        folder = make_environment(environment)
    except ClientEnvironmentError as error:
        pytest.skip(f"{environment} cannot be installed: it was not tried ({error})")
    project = f"batches-{environment.replace('.', '-')}-{transport}"
    program, authority = PROGRAMS / "aiplatform_batches.py", tmp_path / "ca.pem"
    authority.write_bytes(Control(emulator.url).send("GET", "ca.pem"))
    kept = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    variables = {"EMULATOR_URL": emulator.url, "STORAGE_EMULATOR_HOST": emulator.url, "PROJECT": project}
    variables["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = str(authority)
    done = subprocess.run(
        [*find_program(environment, folder), str(program), transport, BUCKET],
        env={**kept, **variables},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PROGRAM_TIME_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    told = {one["step"]: one["value"] for one in lines}
    assert told["poll"][-1] == "JOB_STATE_SUCCEEDED"
    assert told["output"].startswith(f"{BUCKET}/submitted/prediction-model-")
    assert (told["stats"], told["cancel"]) == (3, 400)
    assert told["list"] is told["filter"] is told["delete"] is True
