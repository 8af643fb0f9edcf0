"""Projects, reset, state archives and scenarios as official SDKs see them, on servers of the command line."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gemini.serving import FLASH, make_model
from tests.models import PAIRS
from tests.server_process import RunningServer, running_server, start_server, stop_server
from tuning_emulator.testing.client import Control

genai = pytest.importorskip("google.genai", reason="the official client is not installed: tuning-emulator[demo]")
types = pytest.importorskip("google.genai.types")
fixed = pytest.importorskip("google.oauth2.credentials")
grpc = pytest.importorskip("grpc")
gapic = pytest.importorskip("google.ai.generativelanguage_v1beta")
exceptions = pytest.importorskip("google.api_core.exceptions")

pytestmark = pytest.mark.process

OPTIONS = ("--trainer", "scripted", "--storage-port", "0")


def connect(url: str, project: str) -> Any:
    """google-genai of a project's own, for the Gemini API."""
    return genai.Client(api_key=f"projects/{project}", http_options={"base_url": url})


def connect_vertex(url: str, project: str) -> Any:
    """google-genai in Vertex mode."""
    return genai.Client(
        vertexai=True,
        project=project,
        location="us-central1",
        credentials=fixed.Credentials("token"),
        http_options={"base_url": url},
    )


@contextmanager
def connect_grpc(url: str, project: str) -> Iterator[Any]:
    """The generated client over gRPC, its calls with the project's key."""

    class Own:
        def __init__(self, client: Any) -> None:
            self._client = client

        def __getattr__(self, name: str) -> Any:
            call = getattr(self._client, name)
            key = (("x-goog-api-key", f"projects/{project}"),)
            return lambda *args, **kwargs: call(*args, metadata=key, **kwargs)

    with grpc.insecure_channel(url.removeprefix("http://")) as channel:
        kind = gapic.ModelServiceClient
        yield Own(kind(transport=kind.get_transport_class("grpc")(channel=channel)))


def create(models: Any) -> str:
    """A tuned model by the generated client, once it is done; its name."""
    examples = [gapic.TuningExample(text_input=a, output=b) for a, b in PAIRS]
    task = gapic.TuningTask(training_data=gapic.Dataset(examples=gapic.TuningExamples(examples=examples)))
    model = gapic.TunedModel(display_name="numbers", base_model=FLASH, tuning_task=task)
    operation = models.create_tuned_model(gapic.CreateTunedModelRequest(tuned_model=model))
    name = str(operation.metadata.tuned_model)
    while models.get_tuned_model(name=name).state == gapic.TunedModel.State.CREATING:
        time.sleep(0.01)
    return name


def call(server: RunningServer, *arguments: str) -> str:
    """What a command of the command line prints."""
    command = [sys.executable, "-m", "tuning_emulator", arguments[0], "--url", server.url, *arguments[1:]]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_worlds_of_their_own(tmp_path: Path) -> None:
    """One server, two tests, two SDKs: each sees its own, cannot touch the other's, and resets its own alone."""
    with (
        running_server(*OPTIONS) as server,
        connect_grpc(server.url, "one") as one,
        connect_grpc(server.url, "two") as two,
    ):
        mine, yours = create(one), create(two)
        assert [model.name for model in one.list_tuned_models()] == [mine]
        second = connect(server.url, "two")
        seen = [model.name for model in second.models.list(config={"query_base": False})]
        assert seen == [yours]
        with pytest.raises(exceptions.PermissionDenied):
            one.get_tuned_model(name=yours)
        with pytest.raises(genai.errors.ClientError, match="403"):
            second.tunings.get(name=mine)
        assert json.loads(call(server, "reset", "--project", "one"))["jobs"] == 1
        assert list(one.list_tuned_models()) == []
        assert [model.name for model in two.list_tuned_models()] == [yours]
        with pytest.raises(exceptions.NotFound):
            one.get_tuned_model(name=mine)


def test_a_snapshot_from_one_server_to_another(tmp_path: Path) -> None:
    """`export` and `import`: what two SDKs saw on one server they see, and hear, on the other."""
    archive = tmp_path / "snapshot.tar.gz"
    with running_server(*OPTIONS) as server, connect_grpc(server.url, "p") as models:
        name = create(models)
        call(server, "reset", "--project", "another")
        job = load_state(server)
        assert call(server, "export", str(archive)).startswith(f"{archive}: ")
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot.tar.gz"]
    with running_server(*OPTIONS, "--data-dir", str(tmp_path / "data")) as server:
        assert "11 tuning jobs" in call(server, "import", str(archive))
        with connect_grpc(server.url, "p") as models:
            assert models.get_tuned_model(name=name).state == gapic.TunedModel.State.ACTIVE
        gemini, vertex = connect(server.url, "p"), connect_vertex(server.url, "p")
        told = gemini.models.generate_content(model=name, contents="seven")
        assert told.text == "eight"
        endpoint = vertex.tunings.get(name=job).tuned_model.endpoint
        assert vertex.models.generate_content(model=endpoint, contents="317").text == "318"


def load_state(server: RunningServer) -> str:
    """Loads a scenario for a project; the name of its job that has succeeded."""
    report = Control(server.url, "p").scenarios.load("one-of-each-state")
    assert len(report["tuned_models"]) == 4
    return str(report["tuning_jobs"][0])


def test_it_begins_and_ends_with_a_snapshot(tmp_path: Path) -> None:
    """`--export-on-exit` of one run is `--import` of the next, running jobs too; the file is whole or not there."""
    archive = tmp_path / "snapshot.tar.gz"
    server = start_server(*OPTIONS, "--scripted-step-s", "0.2", "--export-on-exit", str(archive))
    body = make_model()
    made = httpx.post(f"{server.url}/v1beta/tunedModels?tunedModelId=going", json=body, headers={"x-goog-api-key": "k"})
    assert made.status_code == 200, made.text
    stop_server(server)
    assert archive.is_file()
    with running_server(*OPTIONS, "--import", str(archive)) as again:
        client = genai.Client(api_key="k", http_options={"base_url": again.url})
        while not (job := client.tunings.get(name="tunedModels/going")).has_ended:
            time.sleep(0.01)
        assert job.state == types.JobState.JOB_STATE_SUCCEEDED


def test_a_scenario_from_the_start(tmp_path: Path) -> None:
    """`--scenario NAME`: the SDKs find its models, page by page."""
    with running_server(*OPTIONS, "--scenario", "many-models") as server:
        client = genai.Client(api_key="k", http_options={"base_url": server.url})
        assert len(list(client.models.list(config={"query_base": False, "page_size": 7}))) == 60
        with grpc.insecure_channel(server.url.removeprefix("http://")) as channel:
            kind = gapic.ModelServiceClient
            models = kind(transport=kind.get_transport_class("grpc")(channel=channel))
            listed = models.list_tuned_models(metadata=(("x-goog-api-key", "k"),))
            assert len([model.name for model in listed]) == 60


def test_commands_that_cannot_be_done(tmp_path: Path) -> None:
    """A file that is no archive, one that is not there, and no server: 1, and the reason on standard error."""
    (tmp_path / "no.tar.gz").write_bytes(b"no archive")
    with running_server(*OPTIONS) as server:
        for file, text in (("no.tar.gz", "the body is no gzip file"), ("absent", "No such file")):
            command = [sys.executable, "-m", "tuning_emulator", "import", "--url", server.url, str(tmp_path / file)]
            ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
            assert (ended.returncode, text in ended.stderr) == (1, True), ended.stderr
    command = [sys.executable, "-m", "tuning_emulator", "export", "--url", server.url, str(tmp_path / "x.tar.gz")]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, "nothing answers" in ended.stderr) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["no.tar.gz"]
