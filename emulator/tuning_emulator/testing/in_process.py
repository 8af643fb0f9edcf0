"""The emulator without a socket: requests of httpx clients reach it inside the test's own process.

It lives on an event loop in a thread of its own, so jobs go on while a test sleeps, and clients may be synchronous or
asynchronous. A loopback port is there as well, for clients that speak no httpx: google-cloud-storage, google-auth.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final, TypeVar
from unittest.mock import patch

import httpx
import respx
from respx.mocks import HTTPCoreMocker

from tuning_emulator.api.exchange import BrokenConnectionError
from tuning_emulator.app import Emulator, create_app
from tuning_emulator.proxy.variables import Places, Way, apply, list_variables
from tuning_emulator.settings import Settings
from tuning_emulator.testing.client import Body, Buckets, Control
from tuning_emulator.testing.credentials import write_service_account
from tuning_emulator.testing.loopback import LoopbackServer, running_loop

URL: Final = "http://tuning-emulator.local"
"""Address of the emulator inside the process; no name server knows it."""

GOOGLE_HOSTS: Final = ("generativelanguage.googleapis.com", "aiplatform.googleapis.com")
"""Hosts whose requests it takes, regional ones (``us-central1-aiplatform.…``) included."""

PROJECT: Final = "tuning-emulator"
"""Of the credentials, and so of clients that are given no other."""

_BASE_URLS = ("GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL")
_HTTPX2_TARGETS = (
    "httpcore2._sync.connection.HTTPConnection",
    "httpcore2._sync.connection_pool.ConnectionPool",
    "httpcore2._async.connection.AsyncHTTPConnection",
    "httpcore2._async.connection_pool.AsyncConnectionPool",
)

_T = TypeVar("_T")


class InProcess:
    """A running emulator of this process.

    Attributes:
        emulator: The application itself: clock, store and everything else behind it.
        url: What base URLs may be set to; Google's own hosts work as well.
        router: A respx router: ``router.calls`` are the requests so far, further routes may be added for other hosts.
        transport: For clients that are made with a transport: ``httpx.Client(transport=…)``, also asynchronous ones.
        control: Clock, pace, faults, journal and the rest.
    """

    def __init__(self, emulator: Emulator, loop: asyncio.AbstractEventLoop) -> None:
        self.emulator = emulator
        self.url = URL
        self._loop = loop
        self.transport = Transport(self)
        self.router = EmulatorRouter(self)
        self.control = Control(URL, send=self._send)

    @property
    def storage_url(self) -> str:
        """Of its Cloud Storage."""
        return self.emulator.storage_url()

    @property
    def buckets(self) -> Buckets:
        """Its objects."""
        return Buckets(self.storage_url)

    def _send(self, verb: str, path: str, body: Body, headers: Mapping[str, str]) -> tuple[int, IO[bytes]]:
        content = body if body is None or isinstance(body, bytes) else body.read()
        answer = self.transport.handle_request(httpx.Request(verb, URL + path, content=content, headers=dict(headers)))
        return answer.status_code, BytesIO(answer.read())

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """The result of a coroutine on the emulator's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def run_async(self, work: Coroutine[Any, Any, _T]) -> _T:
        """The same for callers with a loop of their own."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


@contextmanager
def in_process(**settings: Any) -> Iterator[InProcess]:
    """An emulator in this process for the length of a block; httpx clients reach it, Google's hosts included.

    The scripted trainer runs unless another is asked for. The variables that point SDKs at an emulator are set
    meanwhile, credentials among them. Requests to other hosts are refused by respx unless a route is added.

    Args:
        settings: As in ``tuning_emulator.settings.Settings``.
    """
    with running_loop() as loop:
        chosen = Settings(**{"port": 0, "storage_port": 0, "trainer": "scripted", **settings})
        emulator, server = asyncio.run_coroutine_threadsafe(_start(chosen), loop).result()
        running = InProcess(emulator, loop)
        try:
            with TemporaryDirectory(prefix="tuning-emulator-") as folder:
                credentials = write_service_account(Path(folder) / "account.json", server.url, PROJECT)
                places = Places(server.url, running.storage_url, credentials=str(credentials))
                variables = list_variables(Way.POINT, places) | dict.fromkeys(_BASE_URLS, URL)
                with patch.dict(os.environ, apply(variables, os.environ), clear=True), running.router:
                    yield running
        finally:
            running.run(server.stop())
            running.run(emulator.stop())


async def _start(settings: Settings) -> tuple[Emulator, LoopbackServer]:
    """Made and started on its own loop: its database belongs to that thread."""
    emulator = create_app(settings)
    emulator.url = URL
    await emulator.start()
    server = LoopbackServer(emulator)
    await server.start()
    emulator.storage_address = server.url
    return emulator, server


# --- respx and httpx


class EmulatorRouter(respx.MockRouter):
    """Takes the requests that belong to the emulator; all others are respx' business."""

    def __init__(self, running: InProcess) -> None:
        super().__init__(assert_all_called=False)
        self._running = running

    def start(self) -> None:
        """Begins to catch requests, also those of httpx2 where it is installed: google-genai prefers it."""
        if find_spec("httpcore2") is not None:
            HTTPCoreMocker.add_targets(*_HTTPX2_TARGETS)
        super().start()

    def handler(self, request: httpx.Request) -> httpx.Response:
        """Answers a synchronous client."""
        if not belongs_here(request):
            return super().handler(request)
        response = self._running.transport.handle_request(request)
        self.record(request, response=response)
        return response

    async def async_handler(self, request: httpx.Request) -> httpx.Response:
        """Answers an asynchronous client."""
        if not belongs_here(request):
            return await super().async_handler(request)
        response = await self._running.transport.handle_async_request(request)
        self.record(request, response=response)
        return response


def belongs_here(request: httpx.Request) -> bool:
    """Whether a request is for one of the imitated services."""
    host = request.url.host
    return host == httpx.URL(URL).host or host.endswith(GOOGLE_HOSTS)


class Transport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Carries requests of httpx to the emulator, whichever thread or loop they come from."""

    def __init__(self, running: InProcess) -> None:
        self._running = running

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        exchange = _Exchange(self._running, request, request.read())
        return exchange.respond(self._running.run(exchange.start()))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        exchange = _Exchange(self._running, request, await request.aread())
        return exchange.respond(await self._running.run_async(exchange.start()))


def to_transport_error(broken: BrokenConnectionError, request: httpx.Request) -> httpx.TransportError:
    """What httpx says of a connection that was broken so."""
    if broken.manner in ("reset", "rst_stream"):
        return httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
    return httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)


class _Exchange(httpx.SyncByteStream, httpx.AsyncByteStream):
    """One request as ASGI, and the body of its answer as a stream. Its coroutines run on the emulator's loop."""

    def __init__(self, running: InProcess, request: httpx.Request, body: bytes) -> None:
        self._running, self._request = running, request
        self._body: bytes | None = body
        self._sent: asyncio.Queue[MutableMapping[str, Any] | Exception] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def respond(self, start: MutableMapping[str, Any]) -> httpx.Response:
        return httpx.Response(start["status"], headers=start["headers"], stream=self, request=self._request)

    async def start(self) -> MutableMapping[str, Any]:
        self._task = asyncio.create_task(self._answer())
        return await self._next_event()

    async def _answer(self) -> None:
        try:
            await self._running.emulator(self._scope(), self._receive, self._sent.put)
        except BrokenConnectionError as broken:  # on purpose
            await self._sent.put(to_transport_error(broken, self._request))
        except Exception as error:
            await self._sent.put(error)
        else:
            await self._sent.put(httpx.RemoteProtocolError("the emulator ended the connection", request=self._request))

    def _scope(self) -> dict[str, Any]:
        request = self._request
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": request.url.raw_path.partition(b"?")[0],
            "query_string": request.url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": ("127.0.0.1", 0),
            "server": (request.url.host, request.url.port),
        }

    async def _receive(self) -> dict[str, Any]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _next_event(self) -> MutableMapping[str, Any]:
        event = await self._sent.get()
        if isinstance(event, Exception):
            raise event
        return event

    async def _leave(self) -> None:
        self._gone.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=1.0)
            self._task.cancel()

    def __iter__(self) -> Iterator[bytes]:
        more = True
        while more:
            event = self._running.run(self._next_event())
            more = event.get("more_body", False)
            yield event.get("body", b"")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            event = await self._running.run_async(self._next_event())
            more = event.get("more_body", False)
            yield event.get("body", b"")

    def close(self) -> None:
        """The client has read enough."""
        self._running.run(self._leave())

    async def aclose(self) -> None:
        """The same."""
        await self._running.run_async(self._leave())
