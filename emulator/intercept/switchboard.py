"""Which protocol takes a connection: by its first bytes, by what was agreed on inside TLS, by where it asked to go."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from emulator.intercept.beginnings import BEGINNING_BYTES, Speech, recognise
from emulator.intercept.port import FIRST_BYTE_S, peek

log = logging.getLogger(__name__)

HANDSHAKE_S = 15.0
"""How long a TLS handshake may take."""

Maker: TypeAlias = Callable[[], asyncio.Protocol]


@dataclass(frozen=True, slots=True)
class Lines:
    """What connections are given to. Each makes the protocol of one connection.

    Attributes:
        http: HTTP/1.1, asked directly. http2: HTTP/2, which here means gRPC.
    """

    http: Maker
    http2: Maker


class Switchboard:
    """Connects accepted sockets. ``connect`` is what a ``Port`` calls."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    async def connect(self, connection: socket.socket) -> None:
        """Waits for the first bytes, then hands the socket to its protocol."""
        beginning = await peek(connection, lambda seen: recognise(seen) is not None, BEGINNING_BYTES, FIRST_BYTE_S)
        speech = recognise(beginning) or Speech.HTTP
        maker = self._lines.http2 if speech is Speech.HTTP2 else self._lines.http
        await asyncio.get_running_loop().connect_accepted_socket(maker, connection)
