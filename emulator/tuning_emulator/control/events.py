"""What happens, as it happens: jobs, steps and requests as server-sent events.

Nothing is noted before somebody listens for the first time. From then on the last events are kept, each with a number.
A listener is only a place among them, so that a slow one costs no memory: who falls too far behind is told ``lost``,
and asks anew. Source: html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Mapping
from itertools import islice
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header
from starlette.responses import StreamingResponse

from tuning_emulator.api.exchange import find_project_of
from tuning_emulator.control.rehearsals import RehearsalRecord
from tuning_emulator.core.clock import format_ns
from tuning_emulator.core.lifecycle import ENDED
from tuning_emulator.core.records import Job, MetricPoint
from tuning_emulator.jobs.tuning_api import JobApis
from tuning_emulator.middleware.journal import Entry, Journal
from tuning_emulator.store.store import Store

MEDIA_TYPE = "text/event-stream"
KEPT = 2048
"""Events that can be resumed from."""

BUNDLE_S = 0.05
"""Between two writes to one listener: what happens meanwhile goes out together."""

IDLE_S = 15.0
"""After so long without an event a comment is sent, by which both sides notice that the other is gone."""

LONGEST_TEXT = 500
"""Characters of a path, a name or an error that an event carries."""


class Feed:
    """The last events.

    Args:
        apis: The kinds of jobs, which know how their jobs are named.
    """

    def __init__(self, store: Store, journal: Journal, apis: JobApis) -> None:
        self._store, self._journal, self._apis = store, journal, apis
        self._run = secrets.token_hex(4)
        self._events: deque[bytes] = deque(maxlen=KEPT)
        self._last = 0
        self._added = asyncio.Event()
        self._names: dict[int, str] = {}
        self._closed = False

    def close(self) -> None:
        """Ends all streams: the server stops."""
        self._closed = True
        self._added.set()

    async def follow(self, last_id: str = "") -> AsyncIterator[bytes]:
        """The events after that of ``last_id``, or from now on, until the listener leaves or the server stops."""
        self._store.watcher = self
        self._journal.watch = self.on_request
        place = self._find_place(last_id)
        at = self._last if place is None else place
        yield self._format(at, "lost" if place is None else "ready", {})
        while not self._closed:
            waiting = self._last - at
            if waiting > len(self._events):
                at = self._last  # now: by the time that this is sent, there may be more
                yield self._format(at, "lost", {})
            elif waiting:
                blocks = b"".join(islice(self._events, len(self._events) - waiting, None))
                at = self._last
                yield blocks
                await asyncio.sleep(BUNDLE_S)
            elif not await self._wait():
                yield b": nothing new\n\n"

    async def _wait(self) -> bool:
        """Whether something has come, before ``IDLE_S`` are over."""
        try:
            await asyncio.wait_for(self._added.wait(), IDLE_S)
        except TimeoutError:
            return False
        return True

    def _find_place(self, last_id: str) -> int | None:
        """The number of an event's id; None: it is of another run, or too long ago."""
        if not last_id:
            return self._last
        run, _, number = last_id.partition("-")
        if (
            run != self._run
            or not number.isdecimal()
            or not self._last - len(self._events) <= int(number) <= self._last
        ):
            return None
        return int(number)

    # ------------------------------------------------------------ what happens

    def on_job(self, job: Job) -> None:
        """A job is there, or has changed."""
        progress = job.progress
        name = self._names[job.uid] = self._apis[job.api].format_name(job)
        if progress.state in ENDED:
            del self._names[job.uid]
        self._add(
            "job",
            {
                "name": name,
                "api": job.api,
                "state": progress.state.value,
                "phase": progress.phase.value,
                "error": progress.error.message[:LONGEST_TEXT] if progress.error else "",
                "completed_steps": progress.completed_steps,
                "total_steps": progress.total_steps,
            },
        )

    def on_step(self, uid: int, point: MetricPoint) -> None:
        """A step of a job is done, or its validation."""
        name = self._find_name(uid)
        if name:
            self._add(
                "metric",
                {
                    "name": name,
                    "kind": point.kind,
                    "step": point.step,
                    "epoch": point.epoch,
                    "loss": point.mean_loss,
                    "predictions": point.predictions,
                    "correct": point.correct,
                },
            )

    def on_forgotten(self) -> None:
        """Jobs are gone, or all is another: whatever is shown is to be asked anew."""
        self._names.clear()
        self._add("lost", {})

    def on_request(self, entry: Entry) -> None:
        """A request is in the journal."""
        exchange = entry.exchange
        self._add(
            "journal",
            {
                "id": entry.id,
                "time": format_ns(entry.time_ns),
                "duration_s": round(exchange.duration_ns / 1e9, 6),
                "transport": exchange.transport,
                "verb": exchange.verb,
                "path": exchange.path[:LONGEST_TEXT],
                "api": exchange.api,
                "method": exchange.method,
                "project": find_project_of(exchange)[:LONGEST_TEXT],
                "status": exchange.status,
                "code": exchange.code,
                "rule": exchange.rule,
                "fault": exchange.fault,
                "broken": exchange.broken,
            },
        )

    def on_rehearsal(self, record: RehearsalRecord) -> None:
        """A rehearsal is there, or has come further."""
        if self._store.watcher is self:
            names = ("id", "state", "done", "total", "start_time", "end_time")
            text = record.error[:LONGEST_TEXT]
            self._add("rehearsal", {**{name: getattr(record, name) for name in names}, "error": text})

    def _find_name(self, uid: int) -> str:
        if uid not in self._names:
            job = self._store.get_any_job(uid)
            self._names[uid] = self._apis[job.api].format_name(job) if job else ""
        return self._names[uid]

    def _add(self, kind: str, value: Mapping[str, Any]) -> None:
        self._last += 1
        self._events.append(self._format(self._last, kind, value))
        self._added.set()
        self._added = asyncio.Event()

    def _format(self, number: int, kind: str, value: Mapping[str, Any]) -> bytes:
        return b"id: %s-%d\nevent: %s\ndata: %s\n\n" % (
            self._run.encode(),
            number,
            kind.encode(),
            msgspec.json.encode(value),
        )


def create_router(feed: Feed) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["events"])

    @router.get(
        "/emulator/v1/events",
        summary="Jobs, steps and requests as they happen (server-sent events)",
        description=(
            "`job`: name, api, state, phase, error, completed_steps, total_steps. `metric`: one point of the loss "
            "curve, with the job's name. `journal`: one request in brief; `/emulator/v1/journal/{id}` has it whole. "
            "`rehearsal`: id, state, done, total, start_time, end_time, error. "
            "`ready` begins a stream; `lost`: some were missed, or jobs are gone: ask anew."
        ),
        response_class=StreamingResponse,
        responses={200: {"content": {MEDIA_TYPE: {}}}},
    )
    async def get_events(
        last_event_id: Annotated[str, Header(description="The `id` of the last event that was read.")] = "",
    ) -> StreamingResponse:
        headers = {"cache-control": "no-cache"}
        return StreamingResponse(feed.follow(last_event_id), media_type=MEDIA_TYPE, headers=headers)

    return router
