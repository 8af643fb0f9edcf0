"""A client that keeps a number of connections busy with one GET, in a process of its own: its time is not the server's.

`python -m benchmarks.load --port 8000 --path /health --connections 32 --requests 10000` prints one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from dataclasses import dataclass

LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE)
CLOSES = re.compile(rb"\r\nConnection: *close", re.IGNORECASE)


@dataclass
class Load:
    """How much is left to send, and what came back."""

    request: bytes
    left: int
    answers: int = 0
    failures: int = 0
    first_failure: str = ""

    def take(self) -> bool:
        """Claims one request to send; False when all are sent."""
        if self.left == 0:
            return False
        self.left -= 1
        return True

    def count(self, head: bytes) -> None:
        """Counts one answer; anything but 200 is a failure."""
        self.answers += 1
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
            self.fail(head.split(b"\r\n", 1)[0].decode("latin-1"))

    def fail(self, why: str) -> None:
        """Counts one failure and keeps the first reason."""
        self.failures += 1
        self.first_failure = self.first_failure or why


async def receive(reader: asyncio.StreamReader) -> bytes:
    """Reads one whole answer and returns its head."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    if length is None:
        raise ValueError(f"no Content-Length in {head!r}")
    await reader.readexactly(int(length[1]))
    return head


async def keep_busy(host: str, port: int, load: Load) -> None:
    """One connection: sends, waits for the answer, sends again; connects anew where the server hangs up."""
    writer: asyncio.StreamWriter | None = None
    while load.take():
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection(host, port)
            writer.write(load.request)
            head = await receive(reader)
            load.count(head)
            if CLOSES.search(head):
                writer.close()
                writer = None
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            load.fail(repr(error))
            if writer is not None:
                writer.close()
            writer = None
    if writer is not None:
        writer.close()


async def press(
    host: str, port: int, request: bytes, connections: int, requests: int, limit_s: float
) -> dict[str, object]:
    """Sends all requests over the connections and says how it went."""
    load = Load(request, requests)
    began, cpu = time.perf_counter(), time.process_time()
    async with asyncio.timeout(limit_s):
        await asyncio.gather(*(keep_busy(host, port, load) for _ in range(connections)))
    return {
        "answers": load.answers,
        "failures": load.failures,
        "first_failure": load.first_failure,
        "wall_s": time.perf_counter() - began,
        "client_cpu_s": time.process_time() - cpu,
    }


def format_request(path: str, headers: list[str]) -> bytes:
    """The bytes of one GET."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: keep-alive", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def main() -> None:
    """Reads the arguments, presses, prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--header", action="append", default=[], help="'Name: value', may be repeated")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--limit-s", type=float, default=120)
    asked = parser.parse_args()
    request = format_request(asked.path, asked.header)
    print(
        json.dumps(
            asyncio.run(press(asked.host, asked.port, request, asked.connections, asked.requests, asked.limit_s))
        )
    )


if __name__ == "__main__":
    main()
