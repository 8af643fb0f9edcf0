"""Cloud Storage as an ASGI application: which API a request is for, errors as that API prints them, the journal.

The JSON API has its prefixes; the XML API has a bucket's name in the path or in front of the host. Nothing else is
answered: a path that no method has is an error, never an object.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

from tuning_emulator.api.exchange import Exchange, Receive, Scope, Send
from tuning_emulator.core.errors import ApiError, is_space_wanting
from tuning_emulator.facts import emulator_errors, storage_errors
from tuning_emulator.rest.app import open_exchange
from tuning_emulator.rest.responses import format_date, send_chunks
from tuning_emulator.storage.batch import answer_batch
from tuning_emulator.storage.hosting import BATCH_PATH, JSON_PATH, find_bucket_of_host, is_json_path
from tuning_emulator.storage.json_api import JsonApi
from tuning_emulator.storage.request import (
    ClientGoneError,
    Reply,
    StorageRequest,
    create_request,
    decode,
    note_missing_bucket,
)
from tuning_emulator.storage.sessions import Sessions
from tuning_emulator.storage.store import Storage
from tuning_emulator.storage.xml_api import XmlApi, format_xml_error

log = logging.getLogger(__name__)

API = "storage"


class StorageApp:
    """Answers HTTP requests.

    Args:
        observe: Gets every exchange when it is over: the journal, the log, the counters.
    """

    def __init__(self, storage: Storage, sessions: Sessions, observe: Callable[[Exchange], None] | None = None) -> None:
        self.json_api = JsonApi(storage, sessions)
        self.xml_api = XmlApi(storage, sessions)
        self._observe = observe or (lambda exchange: None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as an ASGI application. Lifespan belongs to the caller."""
        exchange = open_exchange(scope)
        exchange.api, exchange.version = API, "v1"
        try:
            reply = await self._answer(scope, receive, exchange)
            await _send(reply, exchange, receive, send)
        except ClientGoneError:
            exchange.broken = "client"
        finally:
            self._observe(exchange)

    async def _answer(self, scope: Scope, receive: Receive, exchange: Exchange) -> Reply:
        xml = False
        request: StorageRequest | None = None
        try:
            request = create_request(scope, receive)
            exchange.notes = request.notes
            bucket = find_bucket_of_host(exchange.host)
            xml = bool(bucket) or not is_json_path(request.path)
            reply = await (self.xml_api.answer(request, bucket) if xml else self.answer_json(request))
        except ApiError as error:
            reply = _refuse(error, request, xml=xml)
        except ClientGoneError:
            raise
        except Exception as error:
            if is_space_wanting(error):
                log.error("%s %s failed: %s", exchange.verb, exchange.path, error)  # noqa: TRY400 it says it all
                found = emulator_errors.NO_SPACE()
            else:
                log.exception("%s %s failed", exchange.verb, exchange.path)
                found = storage_errors.UNAVAILABLE()
            reply = _refuse(found, request, xml=xml)
        if request is not None:
            exchange.method, exchange.resource = request.method, request.resource
            exchange.project = request.query.get("project", "")
            if reply.status >= 400:
                await request.body.drain()
        exchange.status = reply.status
        if reply.error is not None and reply.status >= 400:
            exchange.code, exchange.rule, exchange.response = reply.error.code.name, reply.error.rule, reply.body
        else:
            exchange.code = "OK"
        return reply

    async def answer_json(self, request: StorageRequest) -> Reply:
        """A request to the JSON API; what is refused is a reply, too.

        Raises:
            ClientGoneError: nobody waits for it.
        """
        if BATCH_PATH.fullmatch(request.path):
            request.method = "batch"
            return await answer_batch(request, self.answer_json)
        try:
            found = JSON_PATH.fullmatch(request.path)
            path = (found["rest"] or found["bare"] or "").rstrip("/") if found else ""
            verb = "GET" if request.verb == "HEAD" else request.verb
            segments = path.split("/")
            uploads = bool(found and (found["kind"] or "").endswith("upload"))
            if uploads and not (len(segments) == 3 and segments[0] == "b" and segments[2] == "o"):
                raise storage_errors.ROUTE_NOT_FOUND()
            if verb == "PUT" and not uploads and len(segments) == 3 and segments[2] == "o":
                raise storage_errors.METHOD_NOT_ALLOWED()
            matched = self.json_api.find(verb, segments)
            if matched is None:
                raise storage_errors.ROUTE_NOT_FOUND()
            return await self.json_api.answer(request, matched[0], [decode(one) for one in matched[1]])
        except ApiError as error:
            return _refuse(error, request, xml=False)


_REASONS = {501: "notImplemented", 503: "backendError"}
"""Of errors that are no rows of Cloud Storage's."""


def _refuse(error: ApiError, request: StorageRequest | None, *, xml: bool) -> Reply:
    """An error as the API prints it; the hint that goes with it is noted."""
    row = storage_errors.find_row(error.rule)
    status = row.status if row else error.code.http_status
    if request is not None:
        note_missing_bucket(error, request.resource.partition("/")[0], request.notes)
    if status == 304:
        return Reply(304, error=error)
    if xml:
        return Reply(status, [("Content-Type", "application/xml; charset=UTF-8")], format_xml_error(error), error=error)
    reason = row.reason if row else _REASONS.get(status, "invalid")
    entry: dict[str, Any] = {"message": error.message, "domain": "global", "reason": reason}
    if row and row.location:
        entry |= {"locationType": "header", "location": row.location}
    body = json.dumps({"error": {"code": status, "message": error.message, "errors": [entry]}}, indent=2).encode()
    return Reply(status, [("Content-Type", "application/json; charset=UTF-8")], body, error=error)


async def _send(reply: Reply, exchange: Exchange, receive: Receive, send: Send) -> None:
    head = exchange.verb == "HEAD"
    headers = [(name.lower().encode("latin-1"), value.encode("utf-8", "replace")) for name, value in reply.headers]
    names = {name for name, _ in headers}
    bodiless = reply.status in (204, 304) or (head and reply.content is None)
    if reply.content is None and b"content-length" not in names and reply.status != 204:
        headers.append((b"content-length", str(len(reply.body)).encode()))
    headers += [
        (b"date", format_date()),
        (b"server", b"UploadServer"),
        (b"x-guploader-uploadid", uuid.uuid4().hex.encode()),
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if reply.content is None or head:
        if reply.content is not None:
            reply.content.close()  # type: ignore[attr-defined] # a generator
        await send({"type": "http.response.body", "body": b"" if bodiless or head else reply.body})
        return
    await send_chunks(_in_thread(reply.content), receive, send)


async def _in_thread(blocks: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The blocks of a file, read where they hold up nobody."""
    try:
        while (block := await asyncio.to_thread(next, blocks, None)) is not None:
            yield block
    finally:
        blocks.close()  # type: ignore[attr-defined] # a generator
