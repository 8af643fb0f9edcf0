"""Vertex AI as of a day: each base model comes, is blocked for new tuning, and is retired, on the days of its row."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path

import pytest

from tests.vertex.serving import Serving, make_job
from tuning_emulator.facts.base_models import BaseModel, list_base_models

DATED = [one for one in list_base_models("vertex") if one.tunable_since or one.tunable_until]
OPEN = "google/gemma3@gemma-3-4b-it"
SAY = {"contents": [{"role": "user", "parts": [{"text": "1"}]}]}


def before(day: str) -> str:
    """The day before."""
    return (dt.date.fromisoformat(day) - dt.timedelta(days=1)).isoformat()


def on(storage_url: str, day: str) -> Serving:
    """The service as of a day."""
    return Serving(storage_url, as_of={"*": dt.date.fromisoformat(day)})


async def find_tunable(serving: Serving, model: BaseModel) -> bool:
    """Whether a job is taken; if not, in the recorded words."""
    location = model.regions[0] if model.regions else "us-central1"
    extra = {"outputUri": "gs://numbers/out"} if model.open else {}
    body = make_job(baseModel=model.id, **extra)
    reply = await serving.ask("POST", f"/v1beta1/projects/p/locations/{location}/tuningJobs", body)
    if reply.status != 200:
        assert reply.message == f"Base model {model.id} is not supported."
    return reply.status == 200


async def find_answering(serving: Serving, model: BaseModel) -> bool:
    """Whether it answers; if not, it is not found, nor listed."""
    name = f"projects/p/locations/us-central1/publishers/google/models/{model.id}"
    reply = await serving.ask("POST", f"/v1/{name}:generateContent", SAY)
    listed = (await serving.get("publishers/google/models", "v1beta1"))["publisherModels"]
    assert (f"publishers/google/models/{model.id}" in {one["name"] for one in listed}) == (reply.status == 200)
    if reply.status != 200:
        assert reply.message.startswith(f"Publisher Model `{name}` was not found")
    return reply.status == 200


@pytest.mark.parametrize("model", DATED, ids=lambda model: model.id)
async def test_a_model_comes_is_blocked_and_goes(storage_url: str, model: BaseModel) -> None:
    """First and last days of tuning and of answering, each with its neighbour."""
    days = {model.tunable_since: True, model.tunable_until: False} if model.tuning_methods else {}
    for day, tunable in days.items():
        if day:
            assert await find_tunable(on(storage_url, day), model) is tunable, day
            assert await find_tunable(on(storage_url, before(day)), model) is not tunable, day
    for day, answers in {model.since: True, model.until: False}.items():
        if day and not model.open:
            assert await find_answering(on(storage_url, day), model) is answers, day
            assert await find_answering(on(storage_url, before(day)), model) is not answers, day


@pytest.mark.parametrize(
    ("day", "models"),
    [
        ("2026-09-15", {"gemini-3.5-flash", "gemini-3.5-flash-lite", "gemini-2.5-flash", "gemini-2.0-flash-001"}),
        ("2026-11-28", {"gemini-3.5-flash", "gemini-3.5-flash-lite", "gemini-3.1-flash-lite"}),
    ],
)
async def test_what_can_be_tuned_today(storage_url: str, day: str, models: set[str]) -> None:
    """Since October 2026 Gemini 3 alone, besides open models."""
    serving = on(storage_url, day)
    names = {one.id for one in list_base_models("vertex") if one.id.startswith("gemini")}
    tunable = {one.id for one in list_base_models("vertex") if one.id in names and await find_tunable(serving, one)}
    assert tunable >= models
    assert day < "2026-10-01" or tunable == models


async def test_tuned_models_end_with_their_base_model(storage_url: str, tmp_path: Path) -> None:
    """The endpoint stays and answers until its base model is retired; then that is what is not found (assumed)."""
    early = Serving(storage_url, data_dir=tmp_path, as_of={"*": dt.date(2026, 9, 1)})
    await early.start()
    endpoint = (await early.tune())["tunedModel"]["endpoint"]
    assert (await early.ask("POST", f"/v1/{endpoint}:generateContent", SAY)).status == 200
    await early.stop()
    late = Serving(storage_url, data_dir=tmp_path, as_of={"*": dt.date(2026, 10, 16)})
    await late.start()
    reply = await late.ask("POST", f"/v1/{endpoint}:generateContent", SAY)
    assert (reply.status, "publishers/google/models/gemini-2.5-flash` was not found" in reply.message) == (404, True)
    assert (await late.ask("GET", f"/v1/{endpoint}")).status == 200
    await late.stop()


async def test_the_log_says_once_that_a_model_is_retired(storage_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Leniently, everything goes on working; what would not today is named, once for tuning and once for answering."""
    serving = Serving(storage_url)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            await serving.create(baseModel="gemini-1.5-pro-002")
            name = "projects/p/locations/us-central1/publishers/google/models/gemini-1.5-pro-002"
            await serving.ask("POST", f"/v1/{name}:countTokens", SAY)
            await serving.create(baseModel="gemini-3.5-flash")
    told = [one.getMessage() for one in caplog.records if "any more" in one.getMessage()]
    assert told == [
        "since 2025-09-24 gemini-1.5-pro-002 cannot be tuned any more; here it can, for no --as-of says otherwise",
        "since 2025-09-24 gemini-1.5-pro-002 cannot answer any more; here it can, for no --as-of says otherwise",
    ]
