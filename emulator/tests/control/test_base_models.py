"""Which weights play which base model, for everybody and for one project; and which there are to choose from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.control.running import ServerState, number
from tests.models import write_llama
from tuning_emulator.models.added import AddedModels
from tuning_emulator.models.adding import add_model
from tuning_emulator.models.sources import describe_directory

EMBEDDED = {"*": "embedded"}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that has been added as ``one``."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    directory = write_llama(tmp_path / "model")
    add_model(AddedModels(), describe_directory(directory), str(directory), "one", lambda _: None)
    return directory


@pytest.mark.slow
async def test_a_project_has_weights_of_its_own(server: ServerState, model: Path) -> None:
    """By its id or its number; what it does not name plays as for everybody; others do not notice."""
    body = {"base_models": {"gemini-2.5-flash": "one"}}
    own = {"*": "embedded", "gemini-2.5-flash": "one"}
    assert await server.control("PUT", "projects/my-project/base-models", body) == own
    assert await server.control("GET", f"projects/{number()}/base-models") == own
    assert await server.control("GET", "projects/other/base-models") == EMBEDDED
    assert await server.control("GET", "base-models") == EMBEDDED
    everybody = {"base_models": {"*": "one", "gemini-2.5-pro": "embedded"}}
    await server.control("PUT", "base-models", everybody)
    found = await server.control("GET", "projects/my-project/base-models")
    assert found == {"*": "one", "gemini-2.5-pro": "embedded", "gemini-2.5-flash": "one"}
    await server.control("PUT", f"projects/{number()}/base-models", {"base_models": EMBEDDED})
    assert await server.control("GET", "projects/my-project/base-models") == EMBEDDED
    await server.control("PUT", "pace", {"mode": "manual"})
    job = await server.create()
    assert (await server.control("POST", f"jobs/{job['name']}:advance", {"to": "SUCCEEDED"}))["weights"] == "embedded"
    other = await server.create(place="projects/other/locations/us-central1")
    assert (await server.control("POST", f"jobs/{other['name']}:advance", {"to": "SUCCEEDED"}))["weights"] == "one"
    assert (await server.control("GET", "models"))["projects"] == {number(): EMBEDDED}
    assert await server.control("DELETE", "projects/my-project/base-models") == everybody["base_models"]
    assert (await server.control("GET", "models"))["projects"] == {}


@pytest.mark.slow
async def test_a_reset_gives_weights_back(server: ServerState, model: Path) -> None:
    """A project's its own; everything's all of them."""
    for name in ("one-project", "other"):
        await server.control("PUT", f"projects/{name}/base-models", {"base_models": {"*": "one"}})
    await server.control("POST", "reset", {"project": "one-project"})
    assert set((await server.control("GET", "models"))["projects"]) == {"other"}
    await server.control("POST", "reset", {})
    assert (await server.control("GET", "models"))["projects"] == {}


@pytest.mark.slow
async def test_models_are_listed_with_size_licence_and_trouble(server: ServerState, model: Path) -> None:
    """What was read in place and is gone is told; what can be added, by which command."""
    listed = await server.control("GET", "models")
    (one,) = listed["models"]
    assert (one["name"], one["kind"], one["origin"], one["directory"]) == ("one", "directory", str(model), str(model))
    assert one["bytes"] > 0 < one["parameters"]
    assert (one["license"], one["trouble"]) == ("", "")
    assert [(row["name"], row["license"], row["command"]) for row in listed["packaged"]] == [
        ("smollm2", "Apache-2.0", "tuning-emulator models add smollm2")
    ]
    shutil.move(model, model.with_name("elsewhere"))
    assert "is gone" in (await server.control("GET", "models"))["models"][0]["trouble"]


@pytest.mark.parametrize("path", ["base-models", "projects/p/base-models"])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"base_models": {"*": "nowhere"}}, "no model 'nowhere' on this machine"),
        ({"base_models": {"": "embedded"}}, '"" is no base model'),
        ({"base_models": ["one"]}, "base_models"),
        ({}, "base_models"),
        ({"base_models": {}, "project": "x"}, "project"),
    ],
)
async def test_what_is_refused_changes_nothing(server: ServerState, path: str, body: object, said: str) -> None:
    before = json.dumps(await server.control("GET", "models"))
    assert said in (await server.control("PUT", path, body, status=422))["detail"]
    assert await server.control("GET", path) == EMBEDDED
    assert json.dumps(await server.control("GET", "models")) == before
