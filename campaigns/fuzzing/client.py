"""A client that sends any bytes, and reads one HTTP/1.1 answer at a time."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

LIMIT_S = 5.0
"""No answer may take longer."""

ENDLESS = "/emulator/v1/events"
"""Its answer goes on for as long as somebody listens: its first event will do."""

_BLOCK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. ``group``: which part of the emulator it is for."""

    group: str
    verb: str
    target: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""

    def to_bytes(self) -> bytes:
        """As HTTP/1.1 has it; a target is made ASCII, and no header ends early."""
        target = quote(self.target, safe="!#$%&'()*+,/:;=?@[]~\\\"{}|^`<>")
        lines = [f"{self.verb} {target} HTTP/1.1", "Connection: keep-alive"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if not any(name.lower() == "host" for name, _ in self.headers):
            lines.append("Host: localhost")
        if self.body or self.verb not in ("GET", "HEAD"):
            lines.append(f"Content-Length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + self.body

    def __str__(self) -> str:
        shown = self.body if len(self.body) < 1500 else self.body[:1500] + b"..."
        return f"{self.verb} {self.target[:600]} {list(self.headers)} {shown!r}"


@dataclass(slots=True)
class Reply:
    """What came. ``status`` 0: the server closed without an answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    took_s: float = 0.0


class HangError(Exception):
    """No answer in time."""


class Client:
    """One connection, made anew when the server has closed it."""

    def __init__(self, port: int, limit_s: float = LIMIT_S) -> None:
        self._port, self._limit_s = port, limit_s
        self._socket: socket.socket | None = None
        self._seen = b""

    def ask(self, request: Request) -> Reply:
        """The answer.

        Raises:
            HangError: it takes too long.
        """
        began = time.monotonic()
        try:
            for attempt in range(2):
                fresh = self._socket is None
                reply = self._ask_once(request)
                if reply.status or fresh or attempt:  # else: closed when idle, while this was on its way
                    break
        except TimeoutError as error:
            self.close()
            raise HangError(str(request)) from error
        reply.took_s = time.monotonic() - began
        return reply

    def close(self) -> None:
        """Closes the connection."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._seen = None, b""

    def _ask_once(self, request: Request) -> Reply:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), self._limit_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._socket.sendall(request.to_bytes())
            return self._read(request)
        except (ConnectionError, EOFError):
            self.close()
            return Reply(0)

    def _read(self, request: Request) -> Reply:
        head = self._read_until(b"\r\n\r\n").decode("latin-1")
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split(" ")[1])
        if status == 100:
            return self._read(request)
        body, closes = b"", headers.get("connection", "").lower() == "close"
        if request.verb != "HEAD" and status not in (204, 304):
            if status == 200 and request.target.partition("?")[0] == ENDLESS:
                body, closes = self._read_until(b"\n\n"), True
            elif "chunked" in headers.get("transfer-encoding", ""):
                body = self._read_chunks()
            elif "content-length" in headers:
                body = self._read_exactly(int(headers["content-length"]))
            else:
                body, closes = self._read_to_end(), True
        if closes:
            self.close()
        return Reply(status, headers, body)

    def _read_chunks(self) -> bytes:
        parts = []
        while size := int(self._read_until(b"\r\n").partition(b";")[0], 16):
            parts.append(self._read_exactly(size))
            self._read_exactly(2)
        self._read_until(b"\r\n")
        return b"".join(parts)

    def _read_until(self, mark: bytes) -> bytes:
        while mark not in self._seen:
            self._seen += self._receive()
        found, _, self._seen = self._seen.partition(mark)
        return found

    def _read_exactly(self, size: int) -> bytes:
        while len(self._seen) < size:
            self._seen += self._receive()
        found, self._seen = self._seen[:size], self._seen[size:]
        return found

    def _read_to_end(self) -> bytes:
        try:
            while True:
                self._seen += self._receive()
        except EOFError:
            return self._seen

    def _receive(self) -> bytes:
        assert self._socket is not None
        data = self._socket.recv(_BLOCK_BYTES)
        if not data:
            raise EOFError
        return data


def send_raw(port: int, pieces: Sequence[bytes], *, first_s: float, quiet_s: float) -> tuple[bytes, bool]:
    """Sends pieces on a connection of their own; what came, and whether the server closed.

    Args:
        first_s: How long something is waited for. quiet_s: How long more is, once there is something.
    """
    heard = b""
    try:
        with socket.create_connection(("127.0.0.1", port), LIMIT_S) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                line.sendall(piece)
            line.settimeout(first_s)
            while data := line.recv(_BLOCK_BYTES):
                heard += data
                line.settimeout(quiet_s)
            return heard, True
    except TimeoutError:
        return heard, False
    except OSError:
        return heard, True
