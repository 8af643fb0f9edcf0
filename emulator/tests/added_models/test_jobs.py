"""Jobs remember what they were tuned on, whatever plays their base model later."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.models import write_llama
from tests.server_process import RunningServer, running_server
from tests.test_server import KEY, create_tuned_model, wait_for_end
from tuning_emulator.jobs.lora import missing_packages
from tuning_emulator.models.added import AddedModels
from tuning_emulator.models.adding import add_model
from tuning_emulator.models.sources import describe_directory
from tuning_emulator.testing.client import Control, ControlError

pytestmark = [
    pytest.mark.lora,
    pytest.mark.skipif(bool(missing_packages()), reason=f"lora needs {', '.join(missing_packages())}"),
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AddedModels]:
    """Two models, ``one`` and ``two``, of other weights."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        models = AddedModels()
        for seed, name in enumerate(("one", "two")):
            directory = write_llama(folder / name, seed=seed)
            add_model(models, describe_directory(directory), str(directory), name, lambda _: None)
        yield models


@pytest.fixture(scope="module")
def server(models: AddedModels) -> Iterator[RunningServer]:
    """An emulator whose base models ``one`` plays."""
    with running_server("--trainer", "lora", "--base-model", "one") as running:
        yield running


@pytest.fixture(autouse=True)
def as_started(server: RunningServer) -> Iterator[None]:
    """Each test begins with ``one``."""
    yield
    Control(server.url).base_models.clear()


def ask(server: RunningServer, name: str) -> httpx.Response:
    """A short answer, always the same, and another with other weights: these are random, and so is the choice."""
    config = {"temperature": 1, "seed": 7, "maxOutputTokens": 12}
    body = {"contents": [{"parts": [{"text": "3"}]}], "generationConfig": config}
    return httpx.post(f"{server.url}/v1beta/{name}:generateContent", json=body, headers=KEY, timeout=120)


def tune(server: RunningServer) -> str:
    """A tuned model that is ready."""
    name: str = create_tuned_model(server, epochs=1)["metadata"]["tunedModel"]
    assert wait_for_end(server, name, timeout_s=120)["state"] == "ACTIVE"
    return name


def said(server: RunningServer, name: str) -> Any:
    """What a model answers."""
    answer = ask(server, name)
    assert answer.status_code == 200, answer.text
    return answer.json()["candidates"]


def test_a_tuned_model_stays_with_its_weights(server: RunningServer) -> None:
    """The control API changes what base models are played by; what is tuned already is as it was."""
    control = Control(server.url)
    assert control.health()["base_models"] == {"*": "one"}
    name, base = tune(server), said(server, "models/gemini-1.5-flash-001-tuning")
    assert control.jobs.get(name)["weights"] == "one"
    before = said(server, name)
    assert control.base_models.set(**{"*": "two"}) == {"*": "two"}
    assert said(server, name) == before
    assert said(server, "models/gemini-1.5-flash-001-tuning") != base
    other = tune(server)
    assert control.jobs.get(other)["weights"] == "two"
    assert control.base_models.set(**{"gemini-1.5-flash-001-tuning": "embedded"}) == {
        "*": "embedded",
        "gemini-1.5-flash-001-tuning": "embedded",
    }
    assert said(server, name) == before
    assert control.base_models.clear() == {"*": "one"}
    assert said(server, "models/gemini-1.5-flash-001-tuning") == base


def test_a_project_is_answered_by_weights_of_its_own(server: RunningServer) -> None:
    """Of both APIs, prompts and their tokens; other projects are answered as before."""
    control = Control(server.url)
    config = {"temperature": 1, "seed": 7, "maxOutputTokens": 12}
    body = {"contents": [{"role": "user", "parts": [{"text": "3"}]}], "generationConfig": config}

    def answer(project: str) -> list[Any]:
        key, token = {"x-goog-api-key": f"projects/{project}"}, {"authorization": "Bearer token"}
        gemini = f"{server.url}/v1beta/models/gemini-2.5-flash"
        place = f"projects/{project}/locations/us-central1/publishers/google/models/gemini-2.5-flash"
        asked = [
            httpx.post(f"{gemini}:generateContent", json=body, headers=key, timeout=120),
            httpx.post(f"{server.url}/v1/{place}:generateContent", json=body, headers=token, timeout=120),
        ]
        counted = httpx.post(
            f"{server.url}/v1/{place}:countTokens", json={"contents": body["contents"]}, headers=token, timeout=120
        )
        assert counted.json()["totalTokens"] > 0
        return [one.json()["candidates"][0]["content"] for one in asked]

    before = answer("elsewhere")
    control.call("PUT", "projects/elsewhere/base-models", {"base_models": {"gemini-2.5-flash": "two"}})
    own = answer("elsewhere")
    assert all(one != other for one, other in zip(own, before, strict=True))
    assert answer("another") == before
    control.call("POST", "reset", {"project": "elsewhere"})
    assert answer("elsewhere") == before


def test_weights_that_are_nowhere_are_refused(server: RunningServer) -> None:
    control = Control(server.url)
    with pytest.raises(ControlError, match=r"no model 'three' on this machine \(there: one, two\)"):
        control.base_models.set(**{"*": "three"})
    with pytest.raises(ControlError, match="no model 'three' on this machine"):
        control.scenarios.load({"version": 1, "base_models": {"*": "three"}})
    assert control.base_models.get() == {"*": "one"}


def test_a_scenario_chooses_weights(server: RunningServer) -> None:
    control = Control(server.url)
    control.scenarios.load({"version": 1, "base_models": {"*": "two"}})
    assert control.base_models.get() == {"*": "two"}
    control.reset()
    assert control.base_models.get() == {"*": "one"}


def test_an_archive_says_what_is_missing(server: RunningServer, models: AddedModels, tmp_path: Path) -> None:
    """Where the model is not, everything else is; and it answers once the model is back."""
    control = Control(server.url)
    name = tune(server)
    before = said(server, name)
    control.export_snapshot(tmp_path / "state.tar.gz")
    place = models.folder / "one"
    place.rename(tmp_path / "one")
    try:
        report = control.import_snapshot(tmp_path / "state.tar.gz")
        (missing,) = report["missing"]
        assert missing.startswith("1 tuned models cannot answer until what they were tuned on is here: no model 'one'")
        assert "`tuning-emulator models add SOURCE --name one`" in missing
        answer = ask(server, name)
        assert answer.status_code == 503
        assert "`tuning-emulator models add SOURCE --name one` brings it" in answer.json()["error"]["message"]
    finally:
        (tmp_path / "one").rename(place)
    assert control.import_snapshot(tmp_path / "state.tar.gz")["missing"] == []
    assert said(server, name) == before


def test_a_server_without_the_model_says_which_command_brings_it(models: AddedModels) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tuning_emulator", "serve", "--base-model", "smollm2", "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "tuning-emulator: --base-model: no model 'smollm2' on this machine (there: one, two); "
        "`tuning-emulator models add smollm2` brings it\n"
    )
