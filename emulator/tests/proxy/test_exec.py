"""``tuning-emulator exec``: ordinary programs with Google's hosts written into them, run as users run them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.proxy.conftest import Led
from tests.server_process import children_of
from tuning_emulator.cli import main

pytestmark = pytest.mark.process

EXEC = [sys.executable, "-P", "-m", "tuning_emulator", "exec"]
NODE = shutil.which("node")
JAVA = shutil.which("java")
LIMIT_S = 90


def run(led: Led | None, command: Sequence[str], cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command under exec, at the session's server, or with one of its own."""
    where = ["--url", led.url] if led else ["--trainer", "scripted"]
    return subprocess.run(
        [*EXEC, *where, "--", *command],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def write(folder: Path, name: str, text: str) -> str:
    """A program's file."""
    (folder / name).write_text(text)
    return str(folder / name)


# --- programs

CLIENTS = {
    "httpx": """
import httpx
answer = httpx.get("https://generativelanguage.googleapis.com/v1beta/models/gemini-1.5-flash-001-tuning",
                   headers={"x-goog-api-key": "k"})
print(answer.json()["name"])
""",
    "requests": """
import requests
answer = requests.get("https://generativelanguage.googleapis.com/v1beta/models/gemini-1.5-flash-001-tuning?key=k")
print(answer.json()["name"])
""",
    "urllib": """
import json, urllib.request
url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-1.5-flash-001-tuning?key=k"
print(json.load(urllib.request.urlopen(url))["name"])
""",
    "gRPC": """
import grpc
from google.ai import generativelanguage_v1beta as api
channel = grpc.secure_channel("generativelanguage.googleapis.com", grpc.ssl_channel_credentials())
ask = channel.unary_unary("/google.ai.generativelanguage.v1beta.ModelService/GetModel",
                          api.GetModelRequest.serialize, api.Model.deserialize)
name = "models/gemini-1.5-flash-001-tuning"
print(ask(api.GetModelRequest(name=name), metadata=[("x-goog-api-key", "k")], timeout=30).name)
""",
    "GAPIC": """
from google.ai.generativelanguage_v1beta import ModelServiceClient
print(ModelServiceClient().get_model(name="models/gemini-1.5-flash-001-tuning").name)
""",
    "google-genai": """
from google import genai
client = genai.Client()
print(client.models.get(model="models/gemini-1.5-flash-001-tuning").name)
""",
}


@pytest.mark.parametrize("client", CLIENTS)
def test_python_programs(led: Led, tmp_path: Path, client: str) -> None:
    """Each reaches the emulator with nothing set by itself, credentials included."""
    done = run(led, [sys.executable, write(tmp_path, "program.py", CLIENTS[client])], tmp_path)
    assert (done.returncode, done.stdout) == (0, "models/gemini-1.5-flash-001-tuning\n"), done.stderr


def test_credentials_of_the_metadata_server(led: Led, tmp_path: Path) -> None:
    """google-auth finds credentials and project; real ones of this machine are not looked at."""
    program = """
import google.auth, google.auth.transport.requests
credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
credentials.refresh(google.auth.transport.requests.Request())
print(project, type(credentials).__module__, bool(credentials.token), credentials.service_account_email)
"""
    real = {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json", "NO_GCE_CHECK": "true", "NO_PROXY": "*,.googleapis.com"}
    done = run(led, [sys.executable, write(tmp_path, "program.py", program)], tmp_path, **real)
    assert done.stdout == "some-project google.auth.compute_engine.credentials True owner@example.com\n", done.stderr


def test_vertex_by_its_environment_alone(led: Led, tmp_path: Path) -> None:
    """google-genai for Vertex AI with project and location from variables, or the project from the credentials.

    A base URL in the environment would make the client forget both, so exec sets none.
    """
    program = """
from google import genai
first, second = genai.Client(), genai.Client(vertexai=True, location="us-central1")
print(list(first.tunings.list()), list(second.tunings.list()))
"""
    command = [sys.executable, write(tmp_path, "program.py", program)]
    variables = {"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_CLOUD_LOCATION": "us-central1"}
    done = run(led, command, tmp_path, GOOGLE_CLOUD_PROJECT="p", **variables)
    assert (done.returncode, done.stdout) == (0, "[] []\n"), done.stderr


NODE_PROGRAM = """
const https = require('node:https');
const tls = require('node:tls');
const model = 'generativelanguage.googleapis.com/v1beta/models/gemini-1.5-flash-001-tuning?key=k';
const get = (url) => new Promise((resolve, reject) => https.get(url, (answer) => {
  let text = '';
  answer.on('data', (part) => { text += part; }).on('end', () => resolve(JSON.parse(text)));
}).on('error', reject));
(async () => {
  console.log((await (await fetch(`https://${model}`)).json()).name);
  console.log((await get(`https://${model}`)).name);
  const flavor = { headers: { 'Metadata-Flavor': 'Google' } };
  const root = 'http://metadata.google.internal/computeMetadata/v1';
  console.log(await (await fetch(`${root}/project/project-id`, flavor)).text());
  await new Promise((resolve, reject) => {
    const socket = tls.connect(443, 'storage.googleapis.com', () => { console.log(socket.authorized); socket.end(); });
    socket.on('close', resolve).on('error', reject);
  });
  await fetch('https://example.com').catch((error) => console.log(error.cause.message));
  await get('https://example.com').catch((error) => console.log(error.code));
  await fetch('https://nowhere.invalid').catch((error) => console.log(error.cause.code));
})();
"""


@pytest.mark.skipif(NODE is None, reason="needs Node")
def test_a_node_program(led: Led, tmp_path: Path) -> None:
    """fetch, https and bare TLS reach the emulator with Google's names verified; others are refused or looked up."""
    assert NODE is not None
    folder = tmp_path / "with a space"
    folder.mkdir()
    done = run(led, [NODE, write(folder, "program.cjs", NODE_PROGRAM)], folder)
    lines = done.stdout.splitlines()
    name = "models/gemini-1.5-flash-001-tuning"
    assert lines[:4] == [name, name, "some-project", "true"], done.stderr
    assert lines[4].startswith("example.com is not served by tuning-emulator")
    assert lines[5] == "ECONNREFUSED"
    assert lines[6] in ("ENOTFOUND", "EAI_AGAIN")


JAVA_PROGRAM = """
import java.net.*;
import java.net.http.*;

class Ask {
  public static void main(String[] arguments) throws Exception {
    var url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-1.5-flash-001-tuning?key=k";
    var connection = (HttpURLConnection) new URL(url).openConnection();
    System.out.println(connection.getResponseCode());
    var request = HttpRequest.newBuilder(URI.create(url)).build();
    System.out.println(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).statusCode());
    var metadata = new URL("http://metadata.google.internal/computeMetadata/v1/project/project-id").openConnection();
    metadata.setRequestProperty("Metadata-Flavor", "Google");
    System.out.println(new String(metadata.getInputStream().readAllBytes()));
  }
}
"""


@pytest.mark.skipif(JAVA is None, reason="needs a JDK")
def test_a_jvm_is_led(led: Led, tmp_path: Path) -> None:
    """It reads neither proxies nor roots of the environment; both of its HTTP clients take them as properties."""
    assert JAVA is not None
    done = run(led, [JAVA, write(tmp_path, "Ask.java", JAVA_PROGRAM)], tmp_path, JAVA_TOOL_OPTIONS="-Dmine=1")
    assert done.stdout.split() == ["200", "200", "some-project"], done.stderr
    assert "-Dmine=1 -Dhttps.proxyHost=" in done.stderr  # the JVM says what it picked up


def test_a_program_that_asks_nothing_is_told_of(led: Led, tmp_path: Path) -> None:
    """A runtime that cannot be led leaves for Google in silence, so silence is worth a line."""
    assert f"no request reached the emulator. If there should have been some: {'a program'}" in (
        run(led, [sys.executable, "-c", "1"], tmp_path).stderr
    )
    program = write(tmp_path, "program.py", CLIENTS["urllib"])
    assert "no request" not in run(led, [sys.executable, program], tmp_path).stderr


@pytest.mark.parametrize(("key", "warned"), [("AIza" + "0" * 35, True), ("my-own", False), ("", False)])
def test_a_real_key_is_told_of(led: Led, tmp_path: Path, key: str, warned: bool) -> None:
    """By its name alone; whoever has one of these wants to know that it may leave."""
    done = run(led, [sys.executable, "-c", "1"], tmp_path, GOOGLE_API_KEY=key)
    assert ("GOOGLE_API_KEY looks like a real key" in done.stderr) is warned
    assert not key or key not in done.stderr


# --- the documented commands

PLACEHOLDERS = {
    "PROJECT_ID": "my-project",
    "TUNING_JOB_REGION": "us-central1",
    "BASE_MODEL": "gemini-1.5-pro-002",
    "TRAINING_DATASET_URI": "gs://my-bucket/train.jsonl",
    "VALIDATION_DATASET_URI": "gs://my-bucket/validation.jsonl",
    "EPOCH_COUNT": "2",
    "ADAPTER_SIZE": "ADAPTER_SIZE_FOUR",
    "LEARNING_RATE_MULTIPLIER": "1.0",
    "TUNED_MODEL_DISPLAYNAME": "tuned",
}
HEAD = """-H "Authorization: Bearer $(gcloud auth print-access-token)" \\
-H "Content-Type: application/json; charset=utf-8" \\"""
JOBS = (
    "https://TUNING_JOB_REGION-aiplatform.googleapis.com/v1/projects/PROJECT_ID/locations/TUNING_JOB_REGION/tuningJobs"
)
CREATE = f'''curl -X POST \\
{HEAD}
-d @request.json \\
"{JOBS}"
'''
LIST = f'''curl -X GET \\
-H "Authorization: Bearer $(gcloud auth print-access-token)" \\
"{JOBS}"
'''
GET = f'''curl -X GET \\
-H "Authorization: Bearer $(gcloud auth print-access-token)" \\
"{JOBS}/TUNING_JOB_ID"
'''
CANCEL = f'''curl -X POST \\
{HEAD}
-d "" \\
"{JOBS}/TUNING_JOB_ID:cancel"
'''
SIMPLE = '{ "baseModel": "BASE_MODEL", "supervisedTuningSpec" : { "training_dataset_uri": "TRAINING_DATASET_URI" }, }'
FULL = (
    '{ "baseModel": "BASE_MODEL", "supervisedTuningSpec" : { "trainingDatasetUri": "TRAINING_DATASET_URI", '
    '"validationDatasetUri": "VALIDATION_DATASET_URI", "hyperParameters": { "epochCount": EPOCH_COUNT, '
    '"adapterSize": "ADAPTER_SIZE", "learningRateMultiplier": LEARNING_RATE_MULTIPLIER }, }, '
    '"tunedModelDisplayName": "TUNED_MODEL_DISPLAYNAME" }'
)
"""The guide's own commands and bodies, commas before closing braces included.

Source: cloud.google.com/vertex-ai/generative-ai/docs/model-reference/tuning, early 2025.
"""


def fill(text: str, **more: str) -> str:
    """The placeholders replaced, the longest first."""
    for name, value in sorted({**PLACEHOLDERS, **more}.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(name, value)
    return text


def shell(led: Led, script: str, folder: Path) -> dict[str, object]:
    """What a script prints under exec, as JSON."""
    done = run(led, ["sh", "-c", script.replace("curl ", "curl -sS ", 1)], folder)
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    assert "error" not in answer, answer
    return answer


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_documented_commands(led: Led, tmp_path: Path) -> None:
    """Create in both forms, list, get, cancel: as printed, only with the placeholders filled in."""
    turns = '{"contents": [{"role": "user", "parts": [{"text": "%d"}]}, {"role": "model", "parts": [{"text": "x"}]}]}'
    for name in ("train", "validation"):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(turns % number for number in range(20)))
        upload = "https://storage.googleapis.com/upload/storage/v1/b/my-bucket/o?uploadType=media&name="
        shell(led, f'curl -X POST --data-binary @{name}.jsonl "{upload}{name}.jsonl"', tmp_path)
    names = []
    for body in (SIMPLE, FULL):
        write(tmp_path, "request.json", fill(body))
        names.append(str(shell(led, fill(CREATE), tmp_path)["name"]))
    listed = shell(led, fill(LIST), tmp_path)["tuningJobs"]
    assert isinstance(listed, list)
    assert {job["name"] for job in listed} >= set(names)
    number = names[1].rpartition("/")[2]
    job = shell(led, fill(GET, TUNING_JOB_ID=number), tmp_path)
    spec = job["supervisedTuningSpec"]
    assert isinstance(spec, dict)
    assert spec["hyperParameters"]["epochCount"] == "2"
    assert job["tunedModelDisplayName"] == "tuned"
    write(tmp_path, "request.json", fill(SIMPLE))
    number = str(shell(led, fill(CREATE), tmp_path)["name"]).rpartition("/")[2]
    cancelled = run(led, ["sh", "-c", fill(CANCEL, TUNING_JOB_ID=number)], tmp_path)
    assert json.loads(cancelled.stdout).get("error", {"code": 400})["code"] == 400  # too late is a 400
    for name in names:
        wait_for_end(led, name, tmp_path)


def wait_for_end(led: Led, name: str, folder: Path) -> None:
    """Until the job has succeeded."""
    program = f"""
import time
import httpx
headers = {{"Authorization": "Bearer x"}}
for _ in range(600):
    job = httpx.get("https://us-central1-aiplatform.googleapis.com/v1/{name}", headers=headers).json()
    if job["state"] not in ("JOB_STATE_PENDING", "JOB_STATE_RUNNING", "JOB_STATE_QUEUED"):
        break
    time.sleep(0.1)
print(job["state"])
"""
    done = run(led, [sys.executable, write(folder, "wait.py", program)], folder)
    assert done.stdout == "JOB_STATE_SUCCEEDED\n", done.stderr


# --- gcloud


def test_gcloud_stands_in_for_the_calls_that_ask_who_one_is(led: Led, tmp_path: Path) -> None:
    """Token, project and account are the emulator's; all else goes to the real program with its own configuration."""
    real = tmp_path / "real"
    real.mkdir()
    write(real, "gcloud", '#!/bin/sh\necho "real $* $CLOUDSDK_CONFIG"\n')
    (real / "gcloud").chmod(0o755)
    calls = "gcloud auth print-access-token; gcloud --quiet auth application-default print-access-token"
    calls += "; gcloud config get-value project; gcloud config get account; gcloud info 'a b'"
    variables = {"PATH": f"{real}{os.pathsep}{os.environ['PATH']}", "CLOUDSDK_CONFIG": "/my/own"}
    done = run(led, ["sh", "-c", calls], tmp_path, **variables)
    token = "ya29.tuning-emulator"
    lines = [token, token, "some-project", "owner@example.com", "real info a b /my/own"]
    assert done.stdout.splitlines() == lines, done.stderr


def test_gcloud_where_there_is_none(led: Led, tmp_path: Path) -> None:
    """Without the real program, other calls say so and fail."""
    bare = tmp_path / "bare"
    bare.mkdir()
    shell_path = shutil.which("sh")
    assert shell_path is not None
    calls = "gcloud auth print-access-token && ! gcloud compute list"
    done = run(led, [shell_path, "-c", calls], tmp_path, PATH=str(bare))
    assert (done.returncode, done.stdout) == (0, "ya29.tuning-emulator\n"), done.stderr
    assert "not installed" in done.stderr


# --- exit codes, signals, what is left


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137), ("kill $$", 143)])
def test_the_exit_status_is_the_programs(led: Led, tmp_path: Path, script: str, status: int) -> None:
    """Passed on; a signal's as a shell gives it."""
    assert run(led, ["sh", "-c", script], tmp_path).returncode == status


def test_programs_that_cannot_be_run(led: Led, tmp_path: Path) -> None:
    """127 and 126 as from a shell, with the name."""
    write(tmp_path, "plain.txt", "no program")
    missing = run(led, ["no-such-program"], tmp_path)
    assert (missing.returncode, "no-such-program" in missing.stderr) == (127, True)
    assert run(led, ["./plain.txt"], tmp_path).returncode == 126


def test_bad_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a program, with options that a running emulator cannot take, with one that is not there."""
    assert main(["exec", "--trainer", "scripted"]) == 2
    assert "needs a program" in capsys.readouterr().err
    assert main(["exec", "--url", "http://127.0.0.1:1", "--seed", "1", "--", "true"]) == 2
    assert "--seed" in capsys.readouterr().err
    assert main(["exec", "--url", "http://127.0.0.1:1", "--", "true"]) == 1
    assert "http://127.0.0.1:1" in capsys.readouterr().err


def test_folders_of_the_user_are_not_taken_for_ours(tmp_path: Path) -> None:
    """Where one stands does not matter: a folder ``emulator`` there is not run."""
    write(tmp_path, "emulator.py", "raise SystemExit('wrong')")
    assert run(None, ["true"], tmp_path).returncode == 0


def test_an_emulator_that_cannot_start(tmp_path: Path) -> None:
    """Its own words and status; the program is not run."""
    command = [*EXEC, "--credentials", str(tmp_path / "none.json"), "--", "touch", "ran"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode != 0
    assert "none.json" in done.stderr
    assert not (tmp_path / "ran").exists()


def start_waiting(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """A program under an emulator of its own that tells how it is ended; the emulator's process id."""
    program = write(
        folder,
        "wait.py",
        """
import signal, sys, time
def tell(number, frame):
    print(signal.Signals(number).name, flush=True)
    sys.exit(5)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, tell)
print("ready", flush=True)
time.sleep(60)
""",
    )
    process = subprocess.Popen(
        [*EXEC, "--trainer", "scripted", "--", sys.executable, program],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    emulators = [pid for pid in children_of(process.pid) if "serve" in Path(f"/proc/{pid}/cmdline").read_text()]
    assert len(emulators) == 1
    return process, emulators[0]


def is_gone(pid: int) -> bool:
    """Whether a process ends within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks processes up in /proc")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"])
def test_signals_reach_the_program(tmp_path: Path, name: str) -> None:
    """It ends as it likes, its status is passed on, and the emulator is gone."""
    process, emulator = start_waiting(tmp_path)
    process.send_signal(getattr(signal, name))
    heard, _ = process.communicate(timeout=LIMIT_S)
    assert (heard, process.returncode) == (f"{name}\n", 5)
    assert is_gone(emulator)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks processes up in /proc")
def test_nothing_is_left_when_exec_is_killed(tmp_path: Path) -> None:
    """The emulator notices that nobody is there any more."""
    process, emulator = start_waiting(tmp_path)
    program = next(pid for pid in children_of(process.pid) if pid != emulator)
    process.kill()
    process.wait(LIMIT_S)
    assert is_gone(emulator)
    os.kill(program, signal.SIGKILL)
    assert process.stdout is not None
    process.stdout.close()


def test_a_credentials_file_guards_the_emulator_and_not_its_program(tmp_path: Path) -> None:
    """The program gets a token that the control API and Cloud Storage take."""
    file = tmp_path / "credentials.json"
    file.write_text('{"tokens": [{"token": "ya29-alice", "principal": "alice@example.com"}]}')
    code = (
        "import os; from tuning_emulator.testing.client import Buckets, Control; "
        "url = os.environ['STORAGE_EMULATOR_HOST']; Control(url).reset(); print(Buckets(url).upload('data', 'x', 'y'))"
    )
    command = [*EXEC, "--credentials", str(file), "--trainer", "scripted", "--", sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, "gs://data/x\n"), ended.stderr
