"""The states in which answers were recorded, as an emulator comes to them: records put into its store, or requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from contract_tests.contract import Situation
from contract_tests.targets import EmulatorTarget
from tuning_emulator.api.auth import OWNER
from tuning_emulator.core.errors import ApiError, ErrorText
from tuning_emulator.core.records import (
    Api,
    Asked,
    CachedContent,
    Endpoint,
    Hyperparameters,
    JobState,
    MetricPoint,
    Permission,
    Progress,
    TuningJob,
    TuningMethod,
)
from tuning_emulator.gemini.convert import own_permission

STRANGER = "stranger@example.com"
GEMINI = "https://generativelanguage.googleapis.com/v1beta"
FINISH_TIME_S = 30.0

BLANK = TuningJob(
    uid=0,
    api="gemini",
    project="project",
    location="",
    id="",
    api_version="v1beta",
    operation_id="000000000000",
    created_ns=0,
    asked=Asked(
        TuningMethod.SUPERVISED,
        "gemini-1.5-flash-001-tuning",
        Hyperparameters(epochs=5, batch_size=4, learning_rate=0.001),
    ),
    progress=Progress(updated_ns=0, state=JobState.SUCCEEDED, trainer="scripted", device="none"),
    owner=OWNER,
    display_name="",
)
"""A tuning job with nothing in it."""


def fill(**fields: Any) -> TuningJob:
    """``BLANK`` with some fields, whichever part of it they belong to."""
    asked = {name: fields.pop(name) for name in Asked.__struct_fields__ if name in fields}
    progress = {name: fields.pop(name) for name in Progress.__struct_fields__ if name in fields}
    parts = {"asked": replace(BLANK.asked, **asked), "progress": replace(BLANK.progress, **progress)}
    return replace(BLANK, **parts, **fields)


def read_time(text: str) -> int:
    """Nanoseconds of ``2024-07-20T18:23:29.427331Z``, whatever its digits."""
    second, _, fraction = text.removesuffix("Z").partition(".")
    whole = datetime.fromisoformat(second).replace(tzinfo=UTC)
    return int(whole.timestamp()) * 10**9 + int(fraction.ljust(9, "0"))


def read_points(snapshots: Sequence[Mapping[str, Any]]) -> list[MetricPoint]:
    """Recorded snapshots as the records behind them."""
    return [
        MetricPoint(one["step"], one.get("epoch", 0), one["meanLoss"], read_time(one["computeTime"]))
        for one in snapshots
    ]


def moment(text: str) -> Situation:
    """The clock stands where it stood."""

    async def prepare(target: EmulatorTarget) -> None:
        target.clock.set(read_time(text))

    return prepare


def tuned_model(snapshots: Sequence[Mapping[str, Any]] = (), **fields: Any) -> Situation:
    """There is a tuned model, of the caller unless it has another owner."""

    async def prepare(target: EmulatorTarget) -> None:
        job = target.app.store.insert_job(fill(**fields))
        target.app.store.put_permission(own_permission(job))
        target.app.store.add_metric_points(job.uid, read_points(snapshots))

    return prepare


def recorded_model(body: Mapping[str, Any], **fields: Any) -> Situation:
    """There is the tuned model that a recorded body shows."""
    task = body["tuningTask"]
    hyper = task.get("hyperparameters", {})
    known: dict[str, Any] = {
        "id": body["name"].removeprefix("tunedModels/"),
        "base_model": body["baseModel"].removeprefix("models/"),
        "display_name": body.get("displayName", ""),
        "description": body.get("description", ""),
        "state": JobState.SUCCEEDED if body["state"] == "ACTIVE" else JobState.RUNNING,
        "created_ns": read_time(body["createTime"]),
        "updated_ns": read_time(body["updateTime"]),
        "started_ns": read_time(task["startTime"]) if "startTime" in task else None,
        "ended_ns": read_time(task["completeTime"]) if "completeTime" in task else None,
        "hyperparameters": Hyperparameters(hyper.get("epochCount"), hyper.get("batchSize"), hyper.get("learningRate")),
        "temperature": body.get("temperature"),
        "top_p": body.get("topP"),
        "top_k": body.get("topK"),
    }
    return tuned_model(task.get("snapshots", ()), **{**known, **fields})


def recorded_operation(name: str, snapshots: Sequence[Mapping[str, Any]], total: int, completed: int) -> Situation:
    """A tuned model is being made, by the operation of that name."""
    model, _, operation = name.partition("/operations/")
    return tuned_model(
        snapshots,
        id=model.removeprefix("tunedModels/"),
        operation_id=operation,
        state=JobState.RUNNING,
        total_steps=total,
        completed_steps=completed,
    )


def permission(model: str, identifier: str, role: Any, email: str = "redacted@example.com") -> Situation:
    """A group has a role on a tuned model."""

    async def prepare(target: EmulatorTarget) -> None:
        job = target.app.store.get_tuned_model(model)
        assert job is not None
        target.app.store.put_permission(Permission(job.uid, identifier, "GROUP", email, role))

    return prepare


def trained_model(identifier: str, base_model: str, pairs: Mapping[str, str]) -> Situation:
    """A tuned model that has learned these answers."""
    examples = [{"textInput": text, "output": output} for text, output in pairs.items()]
    body = {
        "baseModel": f"models/{base_model}",
        "tuningTask": {"trainingData": {"examples": {"examples": examples}}},
    }

    async def prepare(target: EmulatorTarget) -> None:
        url = f"{GEMINI}/tunedModels?tunedModelId={identifier}"
        heard = await target.send(
            "POST", url, {"x-goog-api-key": "key", "content-type": "application/json"}, json.dumps(body).encode()
        )
        assert heard.status == 200, heard.content.decode()
        job = target.app.store.get_tuned_model(identifier)
        assert job is not None
        await target.app.queue.wait_until_ended(job.uid, FINISH_TIME_S)

    return prepare


def endpoint(project: str, identifier: str, display_name: str, time: str, **fields: Any) -> Situation:
    """There is an endpoint without models."""
    at_ns = read_time(time)

    async def prepare(target: EmulatorTarget) -> None:
        target.app.store.insert_endpoint(
            Endpoint(
                uid=0,
                project=project,
                location="us-central1",
                id=identifier,
                display_name=display_name,
                description="",
                labels=fields.get("labels", {}),
                deployed=(),
                traffic={},
                created_ns=at_ns,
                updated_ns=at_ns,
                revision=1,
            )
        )

    return prepare


def cached_content(api: Api, identifier: str, **fields: Any) -> Situation:
    """Something is cached for gemini-2.5-flash: in the Gemini API the caller's, in Vertex AI project 123456789012's."""
    project, location = ("123456789012", "us-central1") if api == "vertex" else ("", "")

    async def prepare(target: EmulatorTarget) -> None:
        cached = CachedContent(
            uid=0,
            api=api,
            project=project,
            location=location,
            id=identifier,
            api_version="v1",
            model="models/gemini-2.5-flash",
            base_model="gemini-2.5-flash",
            display_name="",
            kept={"contents": [{"role": "user", "parts": [{"text": "1"}]}]},
            tokens=1024,
            characters=1,
            created_ns=1_700_000_000_000_000_000,
            updated_ns=1_700_000_000_000_000_000,
            expires_ns=4_000_000_000_000_000_000,
        )
        target.app.store.insert_cached_content(replace(cached, **fields))

    return prepare


def trouble(row: ErrorText, values: Mapping[str, str]) -> Situation:
    """What answers prompts is in trouble of its own, and says so."""

    async def prepare(target: EmulatorTarget) -> None:
        async def refuse(*_: Any) -> Any:
            await asyncio.sleep(0)
            raise ApiError(row.code, row.format(**values), rule=row.name)

        target.app.answering.generate = refuse  # type: ignore[assignment]

    return prepare
