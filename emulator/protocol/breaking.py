"""Breaking a connection on purpose, over HTTP/1.1 and ASGI.

The server offers it as an ASGI extension of each request (``offer_breaking``). Where a transport offers nothing, as
in process, the exception itself is the client's transport error.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from emulator.protocol.backstage import BrokenConnectionError, Manner

EXTENSION = "tuning_emulator.break"
_LINGER_NOT = struct.pack("ii", 1, 0)


def offer_breaking(transport: asyncio.Transport) -> dict[str, Any]:
    """The ASGI extension of a connection, for ``scope["extensions"]``."""
    return {EXTENSION: {"transport": transport}}


async def break_connection(
    error: BrokenConnectionError, scope: Mapping[str, Any], receive: Callable[[], Awaitable[MutableMapping[str, Any]]]
) -> None:
    """Breaks the connection of a request and waits until it is gone.

    Raises:
        BrokenConnectionError: the transport offers no way; the error is handed on.
    """
    offered = (scope.get("extensions") or {}).get(EXTENSION)
    if offered is None:
        raise error
    break_transport(offered["transport"], error.manner)
    while (await receive())["type"] != "http.disconnect":
        pass


def break_transport(transport: asyncio.Transport, manner: Manner) -> None:
    """Closes a connection in good order, what was written before included, or resets it at once."""
    if manner in ("close", "goaway"):
        transport.close()
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()
