"""Sockets and uvicorn around the application."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import signal
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

import httptools
import uvicorn
from msgspec.structs import replace
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tuning_emulator.api.exchange import offer_breaking
from tuning_emulator.app import Emulator, create_app
from tuning_emulator.control.health import Health
from tuning_emulator.proxy.connections import ConnectionRouter, Lines
from tuning_emulator.proxy.hosts import format_url, is_loopback, read_url_host
from tuning_emulator.proxy.port import BACKLOG, Port
from tuning_emulator.settings import DEFAULT_STORAGE_PORT, Settings, SettingsError
from tuning_emulator.storage.database import DamagedStorageError
from tuning_emulator.store.database import StoreError

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 75
"""How long an idle connection stays open; clients that poll keep theirs."""

GRACE_S = 2.0
"""How long requests and calls may go on once the server is told to stop; then their connections are broken."""

_LEAVE_S = 0.5
"""How long a request may take to notice that its client is gone; what has not by then is ended."""


class ServerError(Exception):
    """The server cannot start; the text says why and what to do."""


def serve(settings: Settings, announce: Callable[[Health], None]) -> None:
    """Runs until it is told to stop (SIGINT, SIGTERM or SIGHUP). ``announce`` is called once it answers.

    Raises:
        ServerError: the port is taken, a setting cannot be met, or the data directory cannot be used.
    """
    listener = listen(settings.host, settings.port)
    try:
        emulator = create_app(settings)
    except (SettingsError, StoreError, DamagedStorageError) as error:
        raise ServerError(str(error)) from error
    except OSError as error:
        raise ServerError(
            f"{error.filename or settings.data_dir}: {error.strerror}; choose another --data-dir"
        ) from error
    if settings.credentials is None and not is_loopback(settings.host):
        log.warning(
            "whoever reaches %s may use this emulator, for every key is good: give --credentials FILE, or let nobody "
            "else reach it (docker run -p 127.0.0.1:%d:%d)",
            *(settings.host, settings.port, settings.port),
        )
    gc.freeze()  # what is here now stays: no collection needs to look at it again
    emulator.url = format_url(settings.host, listener.getsockname()[1])
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # nohup wants it ignored
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, emulator, listener, announce))


async def _serve(
    settings: Settings, emulator: Emulator, listener: socket.socket, announce: Callable[[Health], None]
) -> None:
    config = uvicorn.Config(
        emulator,
        lifespan="on",
        http="httptools",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    server = _Server(config, emulator, listener, listen_for_storage(settings, emulator), announce)
    with suppress(SystemExit):  # how uvicorn says that the application did not start
        await server.serve(sockets=[])
    if not server.started:
        raise ServerError(f"the emulator could not start: {emulator.failure or 'the log above says why'}")


class _Server(uvicorn.Server):
    """uvicorn's life cycle and HTTP/1.1 on connections that our own port accepts."""

    def __init__(
        self,
        config: uvicorn.Config,
        emulator: Emulator,
        listener: socket.socket,
        storage_listener: socket.socket | None,
        announce: Callable[[Health], None],
    ) -> None:
        super().__init__(config)
        self._emulator = emulator
        self._announce = announce
        self._listener = listener
        self._storage_listener = storage_listener
        self._ports: list[Port] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts the emulator, then opens the port."""
        await super().startup(sockets)
        if self.started:
            lines = Lines(
                http=self._create_http,
                hosted=self._create_hosted,
                proxied=self._create_proxied,
                http2=self._emulator.create_grpc_protocol,
                context=self._create_context,
            )
            self._ports = [Port(self._listener, ConnectionRouter(lines, self._emulator.create_passes()).connect)]
            if self._storage_listener is not None:
                alone = replace(lines, http=self._create_storage)
                router = ConnectionRouter(alone, self._emulator.create_passes())
                self._ports.append(Port(self._storage_listener, router.connect))
            for port in self._ports:
                port.open()
            self._announce(self._emulator.health())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 uvicorn's
        """Closes the port, lets requests under way end for a while, then stops the emulator, whatever clients do."""
        for port in self._ports:
            port.close()
        self._emulator.middleware.faults.clear()  # lets go whom they hold
        calls = asyncio.create_task(self._emulator.end_calls(GRACE_S))
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._wait(GRACE_S)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await self._wait(_LEAVE_S)
        if self.server_state.tasks:
            logging.getLogger("uvicorn.error").disabled = True  # it would report each as a failure
            for task in self.server_state.tasks:
                task.cancel()
            await self._wait(_LEAVE_S)
        await calls
        await self.lifespan.shutdown()

    async def _wait(self, timeout_s: float) -> None:
        """Returns once no request is under way, or the time is up."""
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=timeout_s)

    def _create_http(self) -> asyncio.Protocol:
        return _Http(self.config, self.server_state, self.lifespan.state)

    def _create_storage(self) -> asyncio.Protocol:
        assert self._emulator.storage is not None
        protocol = _Http(self.config, self.server_state, self.lifespan.state)
        protocol.app = self._emulator.answer_storage
        return protocol

    def _create_hosted(self) -> asyncio.Protocol:
        protocol = _Http(self.config, self.server_state, self.lifespan.state)
        protocol.app = self._emulator.google_services.gateway.answer
        return protocol

    def _create_proxied(self) -> asyncio.Protocol:
        protocol = _Proxied(self.config, self.server_state, self.lifespan.state)
        protocol.app = self._emulator.google_services.gateway.answer_proxied
        return protocol

    def _create_context(self, host: str) -> ssl.SSLContext:
        try:
            return self._emulator.google_services.authority.create_context(host)
        except OSError as error:
            log.error("no TLS: %s", error)  # noqa: TRY400 the text says it all
            raise


class _Http(HttpToolsProtocol):
    """HTTP/1.1 on one connection, which can be broken on purpose.

    An offer to upgrade (``curl --http2`` and Java's HttpClient make one to plain HTTP servers) is ignored, as RFC 9110
    7.8 lets a server do: the request is answered as it stands, body and all.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remembers how to break it."""
        super().connection_made(transport)
        self._extensions = offer_breaking(transport)

    def on_message_begin(self) -> None:
        """Tells the application with each request."""
        super().on_message_begin()
        self.scope["extensions"] = self._extensions

    def data_received(self, data: bytes) -> None:
        """Called with what the client sends."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            log.warning("%s sends what is no HTTP request", self.client[0] if self.client else "a client")
            self.send_400_response("Invalid HTTP request received.")

    def on_headers_complete(self) -> None:
        """Called by the parser, which takes a request that offers an upgrade for complete here, and stops."""
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Reads the request again without its offer, and what came behind its headers."""
        method = self.parser.get_method()
        if method == b"CONNECT":  # no tunnel inside a connection that is not one's own
            self.send_400_response("Invalid HTTP request received.")
            return
        kept = [header for header in self.headers if header[0] not in (b"upgrade", b"connection", b"http2-settings")]
        if any(name == b"connection" and b"close" in value.lower() for name, value in self.headers):
            kept.append((b"connection", b"close"))
        first = b"%s %s HTTP/%s" % (method, self.url, self.parser.get_http_version().encode())
        lines = [first, *(b"%s: %s" % header for header in kept), b"", rest]
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"\r\n".join(lines))


class _Proxied(_Http):
    """HTTP/1.1 as to a proxy: the URL's host replaces the Host header (RFC 9112 3.2.2)."""

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        host = read_url_host(self.url)
        self.headers[:] = [(b"host", host), *(header for header in self.headers if header[0] != b"host")]
        super().on_headers_complete()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that port 0 is known before anything is printed.

    Raises:
        ServerError: the port is taken or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)  # two may bind, one may listen; who comes early waits until we answer
    except OSError as error:
        listener.close()
        hint = "choose another --port, or 0 for a free one" if error.errno == errno.EADDRINUSE else "check --host"
        raise ServerError(f"cannot listen on {host}:{port}: {error.strerror}; {hint}") from error
    return listener


def listen_for_storage(settings: Settings, emulator: Emulator) -> socket.socket | None:
    """The port of Cloud Storage alone, as earlier versions had it; None: it has none.

    It is nobody's wish where the setting was not given: then a port that is taken is left to whoever has it.

    Raises:
        ServerError: see ``listen``.
    """
    if emulator.storage is None:
        return None
    try:
        return listen(settings.host, settings.storage_port)
    except ServerError as error:
        if settings.storage_port != DEFAULT_STORAGE_PORT:
            raise
        log.info("Cloud Storage is on port %d only: %s", settings.port, error)
        return None


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
