"""The journal: listed, counted, forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import Field
from typing_extensions import TypedDict

from tuning_emulator.api.exchange import Exchange, find_project_of, find_resource, find_test, format_client
from tuning_emulator.core.clock import format_ns
from tuning_emulator.middleware.journal import Entry, Filter, Journal
from tuning_emulator.middleware.near_misses import NearMiss, NearMisses, format_route

DEFAULT_LIMIT = 100
MAX_LIMIT = 10_000

MessageReader: TypeAlias = Callable[[bytes, str], Any]
"""A protobuf message as JSON, given its bytes and its full name."""


class NearMissReport(TypedDict):
    """The route that a request which matched none comes closest to, and what would have to change."""

    route: str
    method: str
    differences: list[str]


class EntryReport(TypedDict):
    """One request and its answer.

    ``time``: when it was answered, by the emulator's clock. ``duration_s``: real time. ``status``: HTTP status, over
    gRPC that of the code; 0: none was sent. ``code``: canonical code, "" where the connection broke or a page was
    sent. ``rule``: what refused the request (`tuning-emulator rules` lists most). ``notes``: hints that the client
    does not get. ``fault``: id of the fault that fired. ``messages``: how many a stream sent. ``request`` and
    ``response``: JSON without keys, tokens and data sets, or text where it was cut or is no JSON.
    """

    id: int
    time: str
    duration_s: float
    transport: str
    verb: str
    path: str
    query: str
    host: str
    api: str
    version: str
    method: str
    route: str
    resource: str
    project: str
    principal: str
    client: str
    test: str
    headers: dict[str, str]
    status: int
    code: str
    rule: str
    notes: list[str]
    fault: str
    broken: str
    messages: int
    request: Any
    request_bytes: int
    response: Any
    response_bytes: int
    nearest: NearMissReport | None


class EntryList(TypedDict):
    """Newest first. ``last_id``: of the newest request of all, to be the next ``after``."""

    entries: list[EntryReport]
    last_id: int


class Count(TypedDict):
    """How many entries there are."""

    count: int


class RemovedEntries(TypedDict):
    """How many are gone."""

    removed: int


def choose_entries(
    project: Annotated[str, Query(description="Id or number.")] = "",
    method: Annotated[str, Query(description="Glob, `GetTunedModel`; `-`: those that matched no method.")] = "",
    client: Annotated[str, Query(description="Part of the client's name.")] = "",
    test: Annotated[str, Query(description="The header `x-tuning-emulator-test`, or else the project.")] = "",
    status: Annotated[str, Query(description="`404`, `4xx` or `NOT_FOUND`.")] = "",
    after: Annotated[int, Query(ge=0, description="Only those newer than this id.")] = 0,
    before: Annotated[int, Query(ge=0, description="Only those older than this id.")] = 0,
) -> Filter:
    """The filter of a query string."""
    return Filter(project, method, client, test, status, after, before)


Chosen: TypeAlias = Annotated[Filter, Depends(choose_entries)]


class Reporter:
    """Puts entries into words."""

    def __init__(self, near_misses: NearMisses, read_message: MessageReader) -> None:
        self._near_misses = near_misses
        self._read_message = read_message

    def describe(self, entry: Entry) -> EntryReport:
        """One entry."""
        exchange = entry.exchange
        return EntryReport(
            id=entry.id,
            time=format_ns(entry.time_ns),
            duration_s=round(exchange.duration_ns / 1e9, 6),
            transport=exchange.transport,
            verb=exchange.verb,
            path=exchange.path,
            query=exchange.query,
            host=exchange.host,
            api=exchange.api,
            version=exchange.version,
            method=exchange.method,
            route=_describe_route(exchange),
            resource=find_resource(exchange),
            project=find_project_of(exchange),
            principal=exchange.principal,
            client=format_client(exchange.headers),
            test=find_test(exchange.headers),
            headers=dict(exchange.headers),
            status=exchange.status,
            code=exchange.code,
            rule=exchange.rule,
            notes=list(exchange.notes),
            fault=exchange.fault,
            broken=exchange.broken,
            messages=exchange.messages,
            request=_parse(entry.request.encode()) if entry.request else exchange.message,
            request_bytes=entry.request_bytes,
            response=self._read_response(exchange),
            response_bytes=entry.response_bytes,
            nearest=_describe_miss(self._near_misses.find(exchange)),
        )

    def _read_response(self, exchange: Exchange) -> Any:
        if exchange.transport == "grpc" and exchange.code == "OK" and exchange.target is not None:
            try:
                return self._read_message(exchange.response, exchange.target.method.response)
            except ValueError:  # it was kept in part
                return f"({len(exchange.response)} bytes)"
        return _parse(exchange.response)


def _describe_route(exchange: Exchange) -> str:
    if exchange.route is not None:
        return format_route(exchange.route)
    return f"gRPC {exchange.path}" if exchange.target is not None else ""


def _describe_miss(miss: NearMiss | None) -> NearMissReport | None:
    if miss is None:
        return None
    return NearMissReport(route=miss.route, method=miss.method, differences=list(miss.differences))


def _parse(text: bytes) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")


def create_router(journal: Journal, reporter: Reporter) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/emulator/v1", tags=["journal"])

    @router.get("/journal", summary="Requests with their answers, newest first")
    async def list_journal(
        chosen: Chosen, limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    ) -> EntryList:
        found = islice(journal.list(chosen), limit)
        return EntryList(entries=[reporter.describe(entry) for entry in found], last_id=journal.last_id)

    @router.get("/journal:count", summary="How many requests")
    async def count_journal(chosen: Chosen) -> Count:
        return Count(count=sum(1 for _ in journal.list(chosen)))

    @router.delete("/journal", summary="Forget all requests, or those of one project")
    async def clear_journal(project: str = "") -> RemovedEntries:
        return RemovedEntries(removed=journal.clear(project))

    @router.get("/journal/{identifier}", summary="One request with its answer")
    async def get_entry(identifier: int) -> EntryReport:
        entry = journal.find(identifier)
        if entry is None:
            kept = f"it keeps the last {journal.capacity}, the newest is {journal.last_id}"
            raise HTTPException(404, f"id: no entry {identifier}; {kept}")
        return reporter.describe(entry)

    return router
