"""The events of the control API: told as they happen, resumed where a listener left, and never piled up."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.control.running import ServerState
from tests.server_process import running_server, stop_server
from tuning_emulator.control.events import KEPT, Feed
from tuning_emulator.core.records import MetricPoint
from tuning_emulator.testing.client import make_headers

EVENTS = "/emulator/v1/events"


def parse(blocks: bytes) -> list[tuple[str, str, Any]]:
    """(id, type, data) of each event."""
    found = []
    for block in blocks.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return found


class Listener:
    """Reads a feed."""

    def __init__(self, feed: Feed, last_id: str = "") -> None:
        self.stream: AsyncIterator[bytes] = feed.follow(last_id)

    async def read(self) -> list[tuple[str, str, Any]]:
        """What comes next."""
        return parse(await asyncio.wait_for(anext(self.stream), 30))

    async def read_until(self, kind: str, **wanted: Any) -> list[tuple[str, str, Any]]:
        """Everything up to an event."""
        found: list[tuple[str, str, Any]] = []
        while not any(one == kind and wanted.items() <= data.items() for _, one, data in found):
            found += await self.read()
        return found


@pytest.fixture
async def feed(server: ServerState) -> Feed:
    """That of the server's control API, which a request has made."""
    await server.control("GET", "clock")
    found = server.emulator._feed
    assert found is not None
    return found


async def test_a_job_is_told_from_its_creation_to_its_end(server: ServerState, feed: Feed) -> None:
    """Each state, each step, each request; names are those that the APIs use."""
    listener = Listener(feed)
    assert [kind for _, kind, _ in await listener.read()] == ["ready"]
    await server.create_model(identifier="told")
    found = await listener.read_until("job", name="tunedModels/told", state="SUCCEEDED")
    states = [data["state"] for _, kind, data in found if kind == "job"]
    assert list(dict.fromkeys(states)) == ["PENDING", "RUNNING", "SUCCEEDED"]
    told = [data for _, kind, data in found if kind == "metric"]
    kept = (await server.control("GET", "jobs/tunedModels/told"))["metrics"]
    assert [{**one, "name": "tunedModels/told"} for one in kept] == told
    (request,) = [data for _, kind, data in found if kind == "journal"]
    assert request["method"].endswith("CreateTunedModel")
    assert (await server.control("GET", f"journal/{request['id']}"))["path"] == request["path"]


async def test_a_listener_goes_on_where_he_left(server: ServerState, feed: Feed) -> None:
    """By the id of the last event; one of another run, or long ago, is told that some are missing."""
    listener = Listener(feed)
    await listener.read()
    await server.create_model(identifier="one")
    found = await listener.read_until("job", state="SUCCEEDED")
    again = Listener(feed, found[2][0])
    assert (await again.read())[0][1] == "ready"
    assert await again.read() == found[3:]
    other = await Listener(feed, "other-1").read()
    assert [kind for _, kind, _ in other] == ["lost"]


async def test_who_falls_behind_loses_events_and_nothing_else(server: ServerState, feed: Feed) -> None:
    """What is kept is bounded, however slow a listener is."""
    await server.create_model(identifier="slow")
    await server.emulator.queue.wait_until_ended(1, timeout_s=30)
    listener = Listener(feed)
    await listener.read()
    for step in range(2 * KEPT):
        feed.on_step(1, MetricPoint(step, 1, 0.5, 0))
    assert [kind for _, kind, _ in await listener.read()] == ["lost"]
    assert len(feed._events) == KEPT
    feed.on_step(1, MetricPoint(7, 1, 0.5, 0))
    assert [data["step"] for _, _, data in await listener.read()] == [7]


@pytest.mark.parametrize("path", ["/v1beta/tunedModels/gone", "/emulator/v1/reset"])
async def test_what_is_gone_is_told(server: ServerState, feed: Feed, path: str) -> None:
    """A deleted model, a reset: whoever shows jobs asks anew."""
    await server.create_model(identifier="gone")
    await server.emulator.queue.wait_until_ended(1, timeout_s=30)
    listener = Listener(feed)
    await listener.read()
    await server.ask("DELETE" if path.startswith("/v1beta") else "POST", path)
    assert "lost" in [kind for _, kind, _ in await listener.read()]


async def test_nothing_is_noted_before_anybody_listens(server: ServerState, feed: Feed) -> None:
    """Servers that nobody looks at do no work for it."""
    await server.create_model(identifier="unseen")
    await server.emulator.queue.wait_until_ended(1, timeout_s=30)
    assert len(feed._events) == 0


@pytest.mark.process
def test_a_stream_ends_with_the_server() -> None:
    """Over a socket: events come while the request is open, and a stop does not wait for the listener."""
    with running_server("--trainer", "scripted") as server:
        read: list[bytes] = []
        begun, ended = threading.Event(), threading.Event()

        def listen() -> None:
            with httpx.stream("GET", server.url + EVENTS, headers=make_headers(), timeout=60) as answer:
                assert answer.headers["content-type"].startswith("text/event-stream")
                for block in answer.iter_bytes():
                    read.append(block)
                    begun.set()
            ended.set()

        threading.Thread(target=listen, daemon=True).start()
        assert begun.wait(60)
        httpx.get(f"{server.url}/v1beta/tunedModels", headers={"x-goog-api-key": "key"}).raise_for_status()
        stop_server(server)
        assert ended.wait(30)  # in good order: a connection that breaks ends the thread with an error
        assert [kind for _, kind, _ in parse(b"".join(read))] == ["ready", "journal"]
