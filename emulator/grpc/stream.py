"""One stream of an HTTP/2 connection: the request as it comes, the answer as it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

from emulator.grpc.framing import Assembler, frame_message
from emulator.grpc.metadata import Header
from emulator.protocol.backstage import Manner

HIGH_WATER_BYTES = 65_536
"""How much of an answer waits for the client before the method that makes it waits too."""


class Line(Protocol):
    """What a stream sends through: its connection."""

    def push(self, stream: Stream) -> None:
        """Sends what the client takes now, and the rest when it takes more."""
        ...

    def break_off(self, stream: Stream, manner: Manner) -> None:
        """Ends the stream, or the whole connection, without the end of an answer."""
        ...


class Stream:
    """A request and its answer.

    Attributes:
        path: ``/package.Service/Method``. headers: By lower-case name, without pseudo-headers; ``host`` is
            ``:authority``. address: The client's.
        request: The request's messages. whole: Nothing more of it will come.
        timeout_s: How long the client waits, None: it does not say.
        expired: The client's time is up. gone: The client has left, or the connection has.
        unsent: The part of the answer that has not gone out. head: Headers to begin with, None once they are out.
        trailers: Headers to end with, once they are known.
    """

    __slots__ = (
        "_drained",
        "_line",
        "address",
        "expired",
        "gone",
        "head",
        "headers",
        "id",
        "path",
        "request",
        "task",
        "timeout_s",
        "timer",
        "trailers",
        "unsent",
        "verb",
        "whole",
    )

    def __init__(
        self, line: Line, number: int, verb: str, path: str, headers: Mapping[str, str], address: str, limit_bytes: int
    ) -> None:
        self._line = line
        self._drained: asyncio.Future[None] | None = None
        self.id = number
        self.verb = verb
        self.path = path
        self.headers = headers
        self.address = address
        self.request = Assembler(limit_bytes)
        self.whole = False
        self.timeout_s: float | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None
        self.expired = False
        self.gone = False
        self.unsent = bytearray()
        self.head: list[Header] | None = []
        self.trailers: list[Header] | None = None

    @property
    def host(self) -> str:
        """The host in lower case, without port."""
        return self.headers.get("host", "").lower().rpartition("]")[2].partition(":")[0]

    # --- the answer, for who makes it -------------------------------------------------------------

    def begin(self, head: list[Header]) -> None:
        """The headers that the answer begins with; they go out with what comes first after them."""
        if self.head is not None:
            self.head = head

    def write(self, data: bytes) -> None:
        """Bytes of the answer, to go out with what follows."""
        self.unsent += data

    async def send(self, message: bytes) -> None:
        """One message of many, out at once; waits while the client takes none."""
        self.unsent += frame_message(message)
        self._line.push(self)
        while len(self.unsent) > HIGH_WATER_BYTES and not self.gone:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    def push(self) -> None:
        """Lets out what was written."""
        self._line.push(self)

    def finish(self, trailers: Iterable[Header]) -> None:
        """The end of the answer; without trailers its last byte."""
        if self.trailers is None:
            self.trailers = list(trailers)
            self._line.push(self)

    def break_off(self, manner: Manner) -> None:
        """Breaks the stream or its connection, on purpose."""
        self._line.break_off(self, manner)

    # --- for the connection -----------------------------------------------------------------------

    def notice_room(self) -> None:
        """Wakes who waits in ``send`` once enough has gone out."""
        if self._drained is not None and (self.gone or len(self.unsent) <= HIGH_WATER_BYTES):
            if not self._drained.done():
                self._drained.set_result(None)
            self._drained = None

    def release(self) -> None:
        """Gives up everything that is kept; the stream is over."""
        self.gone = True
        self.unsent.clear()
        self.request.clear()
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.notice_room()
