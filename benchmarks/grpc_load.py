"""A client that keeps a number of gRPC calls going, in a process of its own: its time is not the server's.

`python -m benchmarks.grpc_load --port 8000 --path /package.Service/Method --name tunedModels/1 --connections 32
--requests 10000` prints one JSON line, as `benchmarks.load` does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import Any

import grpc.aio

METADATA = (("authorization", "Bearer bench"),)


async def press(port: int, path: str, name: str, calls: int, requests: int, limit_s: float) -> dict[str, object]:
    """Makes all calls over one channel, as a client does, and says how it went."""
    said: dict[str, Any] = {"answers": 0, "failures": 0, "first_failure": ""}
    request = b"\x0a" + bytes((len(name),)) + name.encode()  # field 1, a text
    began, cpu = time.perf_counter(), time.process_time()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel, asyncio.timeout(limit_s):
        method = channel.unary_unary(path)

        async def keep_busy(count: int) -> None:
            for _ in range(count):
                said["answers"] += 1
                try:
                    await method(request, metadata=METADATA)
                except grpc.aio.AioRpcError as error:
                    said["failures"] += 1
                    said["first_failure"] = said["first_failure"] or f"{error.code()}: {error.details()}"

        shares = [requests // calls + (number < requests % calls) for number in range(calls)]
        await asyncio.gather(*(keep_busy(share) for share in shares))
    return {**said, "wall_s": time.perf_counter() - began, "client_cpu_s": time.process_time() - cpu}


def main() -> None:
    """Reads the arguments, presses, prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--name", required=True, help="what the request's first field says, at most 127 bytes")
    parser.add_argument("--connections", type=int, default=32, help="calls at a time")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--limit-s", type=float, default=300.0)
    asked = parser.parse_args()
    found = asyncio.run(press(asked.port, asked.path, asked.name, asked.connections, asked.requests, asked.limit_s))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
