"""The one port: every accepted connection is looked at before anything is read, then given to what speaks its protocol.

Google serves HTTP/1.1, HTTP/2 and TLS behind one address; clients of all kinds get along with one port here as well.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Protocol

log = logging.getLogger(__name__)

FIRST_BYTE_S = 75.0
"""How long a connection may stay silent before its first request; pools open some in advance."""

ACCEPTED_AT_ONCE = 64
BACKLOG = 2048
_RETRY_ACCEPT_S = 1.0
_FEW_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_MORE_BYTES_S, _MORE_BYTES_MOST_S = 0.005, 0.25
"""Pauses before looking again at a beginning in pieces: what was looked at stays readable, so nothing wakes us."""


class Connected(Protocol):
    """Takes a connection over, once its first bytes are there."""

    async def __call__(self, connection: socket.socket) -> None:
        """Hands the socket to a protocol; whoever takes it closes it."""
        ...


class Port:
    """A listening socket and what is done with each connection that comes to it.

    Args:
        listener: Listens already: who connects before ``open`` waits.
        connected: Called in a task of its own for every connection that has said something.
    """

    def __init__(self, listener: socket.socket, connected: Connected) -> None:
        self._listener = listener
        self._connected = connected
        self._loop = asyncio.get_running_loop()
        self._welcomes: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Accepts connections from now on."""
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def close(self) -> None:
        """Accepts no more, and drops connections that have said nothing yet. A second call does nothing."""
        if self._listener.fileno() < 0:
            return
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()
        for task in self._welcomes:
            task.cancel()

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in _FEW_FILES:
                    self._rest(error)
                    return
                raise
            connection.setblocking(False)
            task = self._loop.create_task(self._welcome(connection))
            self._welcomes.add(task)
            task.add_done_callback(self._welcomes.discard)

    def _rest(self, error: OSError) -> None:
        """Out of file descriptors: the connection waits in the queue, and so do we."""
        log.error("cannot accept a connection: %s; trying again in %.0f s", error.strerror, _RETRY_ACCEPT_S)
        self._loop.remove_reader(self._listener.fileno())
        self._pause = self._loop.call_later(_RETRY_ACCEPT_S, self.open)

    async def _welcome(self, connection: socket.socket) -> None:
        try:
            await self._connected(connection)
        except (OSError, TimeoutError, EOFError) as error:
            log.debug("a connection ended before it began: %s", error)
            connection.close()
        except BaseException:
            connection.close()
            raise


async def peek(connection: socket.socket, is_enough: Callable[[bytes], bool], limit: int, timeout_s: float) -> bytes:
    """The first bytes of a connection, which stay to be read.

    Args:
        is_enough: Whether these bytes tell what was to be found out.
        limit: At most so many bytes are looked at; that many are always enough.

    Raises:
        TimeoutError: not enough came in time.
        EOFError: the other side ended before.
        OSError: the connection broke.
    """
    async with asyncio.timeout(timeout_s):
        pause_s = _MORE_BYTES_S
        while True:
            found = await _peek_now(connection, limit)
            if not found:
                raise EOFError("closed without a word")
            if is_enough(found) or len(found) >= limit:
                return found
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _MORE_BYTES_MOST_S)


async def _peek_now(connection: socket.socket, limit: int) -> bytes:
    with suppress(BlockingIOError):
        return connection.recv(limit, socket.MSG_PEEK)
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(connection.fileno(), _set, readable)
    try:
        await readable
    finally:
        loop.remove_reader(connection.fileno())
    return connection.recv(limit, socket.MSG_PEEK)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


# --- what a connection's first bytes say about its protocol

BEGINNING_BYTES = 64
"""No beginning needs more to be told apart."""

_TLS_HANDSHAKE = 0x16
_PREFACE = b"PRI"
_SCHEME = b"http://"


class WireProtocol(Enum):
    """A protocol that one port can take.

    ``PROXY``: HTTP/1.1 whose request line holds a whole URL, as clients write it to a proxy.
    ``CONNECT``: a client that asks a proxy for a tunnel.
    """

    HTTP = "HTTP/1.1"
    HTTP2 = "HTTP/2"
    TLS = "TLS"
    PROXY = "HTTP/1.1 through a proxy"
    CONNECT = "CONNECT"


def recognise_protocol(beginning: bytes) -> WireProtocol | None:
    """The protocol of a connection that begins so; None: these bytes may still become several.

    What is none of them counts as HTTP, whose parser answers 400. Sources: RFC 9113 3.4, RFC 8446 5.1, RFC 9112 3.2.
    """
    if beginning[0] == _TLS_HANDSHAKE:
        return WireProtocol.TLS
    method, space, target = beginning.partition(b" ")
    if not space:
        return None if method.isalpha() and len(method) < BEGINNING_BYTES else WireProtocol.HTTP
    if method in (_PREFACE, b"CONNECT"):
        return WireProtocol.HTTP2 if method == _PREFACE else WireProtocol.CONNECT
    scheme = target[: len(_SCHEME)].lower()
    if scheme == _SCHEME:
        return WireProtocol.PROXY
    return None if _SCHEME.startswith(scheme) else WireProtocol.HTTP
