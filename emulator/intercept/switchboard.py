"""Which protocol takes a connection: by its first bytes, by what TLS has agreed on, by where it asked to go."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from emulator.intercept import tunnel
from emulator.intercept.beginnings import BEGINNING_BYTES, Speech, recognise
from emulator.intercept.hosts import Passes, format_refusal
from emulator.intercept.port import FIRST_BYTE_S, peek

log = logging.getLogger(__name__)

HANDSHAKE_S = 15.0
"""How long a TLS handshake may take."""

GOODBYE_S = 1.0
"""How long a client may take to agree to the end of TLS; many never do, and the server's stop waits for them."""

_MISTRUSTED = ("UNKNOWN_CA", "CERTIFICATE_UNKNOWN", "BAD_CERTIFICATE")

Maker: TypeAlias = Callable[[], asyncio.Protocol]


@dataclass(frozen=True, slots=True)
class Lines:
    """What connections are given to; each makes the protocol of one connection.

    Attributes:
        http: HTTP/1.1, asked directly. hosted: The same, answered as the host that the request names.
        proxied: The same, with whole URLs, as a proxy is asked. http2: HTTP/2, which here means gRPC.
        context: TLS for a client that is known to want that host or address.
    """

    http: Maker
    hosted: Maker
    proxied: Maker
    http2: Maker
    context: Callable[[str], ssl.SSLContext]


class Switchboard:
    """Connects accepted sockets. ``connect`` is what a ``Port`` calls."""

    def __init__(self, lines: Lines, passes: Passes) -> None:
        self._lines = lines
        self._passes = passes
        self._loop = asyncio.get_running_loop()

    async def connect(self, connection: socket.socket) -> None:
        """Waits for the first bytes, then hands the socket to its protocol."""
        speech = await listen_in(connection)
        if speech is Speech.CONNECT:
            await self._open_tunnel(connection)
        elif speech is Speech.TLS:
            await self._secure(connection, connection.getsockname()[0])
        else:
            makers = {Speech.HTTP2: self._lines.http2, Speech.PROXY: self._lines.proxied}
            await self._loop.connect_accepted_socket(makers.get(speech, self._lines.http), connection)

    async def _open_tunnel(self, connection: socket.socket) -> None:
        try:
            host, port = await tunnel.read_target(connection)
        except tunnel.BadTunnelError as error:
            await tunnel.refuse(connection, 400, str(error))
            return
        if self._passes.find_service(host, port) is not None:
            await tunnel.accept(connection)
            await self._connect_inside(connection, host)
        elif self._passes.allow(host, port):
            await tunnel.relay(connection, host, port)
        else:
            log.warning("%s", format_refusal(host))
            await tunnel.refuse(connection, 403, format_refusal(host))

    async def _connect_inside(self, connection: socket.socket, host: str) -> None:
        """A tunnel's content: the same choice again, as the host that was asked for."""
        speech = await listen_in(connection)
        if speech is Speech.TLS:
            await self._secure(connection, host)
        else:
            maker = self._lines.http2 if speech is Speech.HTTP2 else self._lines.hosted
            await self._loop.connect_accepted_socket(maker, connection)

    async def _secure(self, connection: socket.socket, host: str) -> None:
        context = self._lines.context(host)
        try:
            await self._loop.connect_accepted_socket(
                lambda: _Agreed(self._lines),
                connection,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_S,
                ssl_shutdown_timeout=GOODBYE_S,
            )
        except ssl.SSLError as error:
            if any(reason in (error.reason or "") for reason in _MISTRUSTED):
                log.warning("a client does not trust the emulator's certificate for %s: give it ca.pem, which", host)
                log.warning("GET /emulator/v1/ca.pem answers, or start it with `tuning-emulator exec`")
            raise


class _Agreed(asyncio.Protocol):
    """The first moment inside TLS: makes way for the protocol that was agreed on."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # TLS has it
        chosen = transport.get_extra_info("ssl_object").selected_alpn_protocol()
        protocol = self._lines.http2() if chosen == "h2" else self._lines.hosted()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


async def listen_in(connection: socket.socket) -> Speech:
    """What a connection speaks.

    Raises:
        TimeoutError, EOFError, OSError: see ``peek``.
    """
    beginning = await peek(connection, lambda seen: recognise(seen) is not None, BEGINNING_BYTES, FIRST_BYTE_S)
    return recognise(beginning) or Speech.HTTP
