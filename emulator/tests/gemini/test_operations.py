"""Operations of tuned models as recorded."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import cast

from tests.gemini.serving import OWNER, Serving
from tuning_emulator.api.call import Call, Caller
from tuning_emulator.schema.schema import Value

OWNER_CALL = Caller(OWNER, "project", "token")


async def find_operation(serving: Serving, name: str) -> str:
    """Path of the operation that creates a tuned model."""
    return str((await serving.ask("GET", f"/v1/{name}/operations")).json["operations"][0]["name"])


async def test_running_operation_shows_progress(slow: Serving) -> None:
    """Recorded: completedSteps, completedPercent as a 32-bit float, snapshots, and no `done`."""
    name = await slow.create(finish=False, hyperparameters={"batchSize": 2})
    path = f"/v1/{await find_operation(slow, name)}"
    while (metadata := (await slow.ask("GET", path)).json["metadata"]).get("completedSteps", 0) < 2:
        await slow.queue.wait_until_ended(1, timeout_s=0.02)
    assert list(metadata) == [
        "@type",
        "totalSteps",
        "completedSteps",
        "completedPercent",
        "snapshots",
        "tunedModel",
    ]
    done = metadata["completedSteps"]
    assert metadata["totalSteps"] == 38
    assert f"{metadata['completedPercent']:.6g}" == f"{100 * done / 38:.6g}"
    assert [snapshot["step"] for snapshot in metadata["snapshots"]] == list(range(1, done + 1))


async def test_finished_operation_carries_the_model(serving: Serving) -> None:
    """done, metadata kept, response = the model with its @type first."""
    name = await serving.create()
    operation = (await serving.ask("GET", f"/v1beta/{await find_operation(serving, name)}")).json
    model = (await serving.ask("GET", f"/v1beta/{name}")).json
    assert list(operation) == ["name", "metadata", "done", "response"]
    assert operation["metadata"]["completedPercent"] == 100
    kind = "type.googleapis.com/google.ai.generativelanguage.v1beta.TunedModel"
    assert operation["response"] == {"@type": kind, **model}
    assert next(iter(operation["response"])) == "@type"


async def test_cancel(slow: Serving) -> None:
    """Recorded: 200 {}; then (assumed) the operation ends with code 1 and the model is FAILED."""
    name = await slow.create(finish=False)
    path = await find_operation(slow, name)
    cancelled = await slow.ask("POST", f"/v1/{path}:cancel", b"")
    assert (cancelled.status, cancelled.text) == (200, "{}\n")
    await slow.finish(name)
    operation = (await slow.ask("GET", f"/v1/{path}")).json
    assert (operation["done"], operation["error"]["code"]) == (True, 1)
    model = (await slow.ask("GET", f"/v1beta/{name}")).json
    assert model["state"] == "FAILED"
    assert "completeTime" not in model["tuningTask"]
    assert (await slow.ask("POST", f"/v1/{path}:cancel", b"")).text == "{}\n"


async def test_list_all(waiting: Serving) -> None:
    """v1's GET /v1/operations: those of the caller's models, in pages."""
    names = [await waiting.create(finish=False, displayName=f"m{number}") for number in range(3)]
    await waiting.create(finish=False, token="b@x.org")
    first = (await waiting.ask("GET", "/v1/operations", query="pageSize=2")).json
    rest = (await waiting.ask("GET", "/v1/operations", query=f"pageToken={first['nextPageToken']}")).json
    listed = [one["metadata"]["tunedModel"] for one in first["operations"] + rest["operations"]]
    assert listed == names


async def test_unknown_operations(waiting: Serving) -> None:
    """404, also for the wrong id of a model that is there."""
    name = await waiting.create(finish=False)
    for path in ("tunedModels/none/operations/x", f"{name}/operations/x"):
        assert (await waiting.ask("GET", f"/v1beta/{path}")).status == 404


async def test_delete_is_not_implemented(waiting: Serving) -> None:
    """501 with the service's words (documented by its client)."""
    reply = await waiting.ask("DELETE", "/v1/operations/x")
    assert (reply.status, reply.message) == (501, "Not implemented.")


WAIT_OPERATION = "google.longrunning.Operations.WaitOperation"


async def test_wait_ends_with_the_job(slow: Serving) -> None:
    """Over gRPC alone: the operation as it stands when the time is up, done when the job has ended."""
    name = await slow.create(finish=False)
    schema = slow.api.schemas["v1beta"]
    method = schema.methods[WAIT_OPERATION]
    handler = slow.api.handlers[WAIT_OPERATION]
    path = await find_operation(slow, name)

    async def wait(timeout_s: float) -> Value:
        request = {"name": path, "timeout": int(timeout_s * 1e9)}
        return await cast("Awaitable[Value]", handler(Call(slow.api, schema, "v1beta", method, request, OWNER_CALL)))

    assert "done" not in await wait(0.0)
    assert (await wait(20.0))["done"] is True
