"""Which protocol takes a connection: by its first bytes, by what TLS has agreed on, by where it asked to go."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from msgspec import Struct

from tuning_emulator.core.errors import describe_failure
from tuning_emulator.proxy.hosts import PassHosts, format_refusal, parse_address
from tuning_emulator.proxy.port import BEGINNING_BYTES, FIRST_BYTE_S, WireProtocol, peek, recognise_protocol

# --- ``CONNECT host:port``

log = logging.getLogger(__name__)

HEAD_BYTES = 16_384
HEAD_S = 15.0
REACH_S = 15.0
"""How long a host that is let through may take to accept a connection."""

_BLOCK_BYTES = 1 << 16
_END = b"\r\n\r\n"


class BadTunnelError(Exception):
    """What begins like CONNECT is no such request."""


async def read_target(connection: socket.socket) -> tuple[str, int]:
    """Reads the request and nothing beyond; answers host and port.

    Raises:
        BadTunnelError: it cannot be understood; the text says why.
        OSError, EOFError: the client left. TimeoutError: it is too slow.
    """
    seen = await peek(connection, lambda found: _END in found, HEAD_BYTES, HEAD_S)
    length = seen.find(_END) + len(_END)
    if length < len(_END):
        raise BadTunnelError(f"a request of more than {HEAD_BYTES} bytes")
    words = connection.recv(length).split(b"\r\n", 1)[0].decode("latin-1").split()
    target = parse_address(words[1], 443) if len(words) == 3 else None
    if target is None:
        raise BadTunnelError(f"{' '.join(words)!r} is not CONNECT host:port HTTP/1.1")
    return target


async def accept(connection: socket.socket) -> None:
    """Tells the client that it is through."""
    await asyncio.get_running_loop().sock_sendall(connection, b"HTTP/1.1 200 Connection established\r\n\r\n")


async def refuse(connection: socket.socket, status: int, text: str) -> None:
    """Tells the client that it is not, and closes.

    The text is the reason of the status line too: most clients show that and nothing else.
    """
    body = f"{text}\n".encode()
    head = f"HTTP/1.1 {status} {text}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    with suppress(OSError):
        await asyncio.get_running_loop().sock_sendall(connection, f"{head}Connection: close\r\n\r\n".encode() + body)
        connection.shutdown(socket.SHUT_WR)
    connection.close()


async def relay(connection: socket.socket, host: str, port: int) -> None:
    """Connects the client to a real host and carries bytes both ways until both sides have ended."""
    try:
        async with asyncio.timeout(REACH_S):
            there = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        await refuse(connection, 502, f"{host}:{port} cannot be reached: {describe_failure(error)}")
        return
    await accept(connection)
    here = await asyncio.open_connection(sock=connection)
    try:
        await asyncio.gather(_carry(here[0], there[1]), _carry(there[0], here[1]))
    finally:
        for _, writer in (here, there):
            writer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while block := await reader.read(_BLOCK_BYTES):
            writer.write(block)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        return
    writer.close()  # this way is broken: so is the other


HANDSHAKE_S = 15.0
"""How long a TLS handshake may take."""

GOODBYE_S = 1.0
"""How long a client may take to agree to the end of TLS; many never do, and the server's stop waits for them."""

_MISTRUST = "a client does not trust the emulator's certificate for %s: %s"
_NOT_LED = "give it ca.pem, which GET /emulator/v1/ca.pem answers, or start it with `tuning-emulator exec`"
_COMPILED_IN = (
    "it came through the proxy, so it was led here, and reads none of SSL_CERT_FILE, NODE_EXTRA_CA_CERTS and the like; "
    "programs with roots compiled in (Rust's webpki-roots) or in a trust store of their own (Java) need the emulator's "
    "http address as their base URL, or ca.pem, which GET /emulator/v1/ca.pem answers, among their own roots"
)
_MISTRUSTED = ("UNKNOWN_CA", "CERTIFICATE_UNKNOWN", "BAD_CERTIFICATE")

Maker: TypeAlias = Callable[[], asyncio.Protocol]


class Lines(Struct, frozen=True):
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


class ConnectionRouter:
    """Connects accepted sockets. ``connect`` is what a ``Port`` calls."""

    def __init__(self, lines: Lines, passes: PassHosts) -> None:
        self._lines = lines
        self._passes = passes
        self._loop = asyncio.get_running_loop()

    async def connect(self, connection: socket.socket) -> None:
        """Waits for the first bytes, then hands the socket to its protocol."""
        protocol = await listen_in(connection)
        if protocol is WireProtocol.CONNECT:
            await self._open_tunnel(connection)
        elif protocol is WireProtocol.TLS:
            await self._secure(connection, connection.getsockname()[0])
        else:
            makers = {WireProtocol.HTTP2: self._lines.http2, WireProtocol.PROXY: self._lines.proxied}
            await self._hand_over(makers.get(protocol, self._lines.http), connection)

    async def _hand_over(self, maker: Maker, connection: socket.socket) -> None:
        """A protocol that has the socket keeps it, though the port closes this moment: it is told, and says goodbye."""
        await asyncio.shield(self._loop.connect_accepted_socket(maker, connection))

    async def _open_tunnel(self, connection: socket.socket) -> None:
        try:
            host, port = await read_target(connection)
        except BadTunnelError as error:
            await refuse(connection, 400, str(error))
            return
        if self._passes.find_service(host, port) is not None:
            await accept(connection)
            await self._connect_inside(connection, host)
        elif self._passes.allow(host, port):
            await relay(connection, host, port)
        else:
            log.warning("%s", format_refusal(host))
            await refuse(connection, 403, format_refusal(host))

    async def _connect_inside(self, connection: socket.socket, host: str) -> None:
        """A tunnel's content: the same choice again, as the host that was asked for."""
        protocol = await listen_in(connection)
        if protocol is WireProtocol.TLS:
            await self._secure(connection, host, tunnelled=True)
        else:
            maker = self._lines.http2 if protocol is WireProtocol.HTTP2 else self._lines.hosted
            await self._hand_over(maker, connection)

    async def _secure(self, connection: socket.socket, host: str, *, tunnelled: bool = False) -> None:
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
                log.warning(_MISTRUST, host, _COMPILED_IN if tunnelled else _NOT_LED)
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


async def listen_in(connection: socket.socket) -> WireProtocol:
    """What a connection speaks.

    Raises:
        TimeoutError, EOFError, OSError: see ``peek``.
    """
    beginning = await peek(connection, lambda seen: recognise_protocol(seen) is not None, BEGINNING_BYTES, FIRST_BYTE_S)
    return recognise_protocol(beginning) or WireProtocol.HTTP
