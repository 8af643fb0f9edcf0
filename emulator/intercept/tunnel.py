"""``CONNECT host:port``: what a client sends to a proxy to be connected to a host.

Source: RFC 9110 9.3.6. The head is taken off the socket byte for byte, so that what follows, TLS or not, can be looked
at like the beginning of any other connection.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress

from emulator.intercept.hosts import parse_address
from emulator.intercept.port import peek

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
        await refuse(connection, 502, f"{host}:{port} cannot be reached: {error or 'timed out'}")
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
