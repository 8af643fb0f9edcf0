"""What TLS, interception and gRPC add to the server's start: nothing used yet, and after the first call of each.

Compared with the same application behind uvicorn's own socket, which speaks HTTP/1.1 alone.

`make bench` prints it too; alone: `python -m benchmarks.transports --rounds 5`.
"""

from __future__ import annotations

import argparse
import ssl
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import grpc
from rich.console import Console
from rich.table import Table

from benchmarks.processes import Usage, measure
from benchmarks.server import OURS, Peer, await_health, format_spread, running

PLAIN = "HTTP/1.1 alone"
IDLE = "all on one port, idle"
USED = "after one call each: TLS, a tunnel, gRPC"


def start_plain(port: int, folder: str) -> list[str]:
    """The server with HTTP/1.1 alone."""
    return [sys.executable, "-m", "benchmarks.plain_server", str(port), folder]


def use_all(port: int, folder: str) -> None:
    """One call over TLS, one through a tunnel to Google's name, one over gRPC there."""
    path = "v1beta/models/gemini-1.5-flash-001-tuning?key=k"
    known_later = ssl._create_unverified_context()  # noqa: S323, SLF001 the first connection makes the authority
    urllib.request.urlopen(f"https://localhost:{port}/{path}", timeout=30, context=known_later).read()
    certificate = (Path(folder) / "tls" / "ca.pem").read_bytes()
    trusting = urllib.request.HTTPSHandler(context=ssl.create_default_context(cadata=certificate.decode()))
    proxy = f"http://127.0.0.1:{port}"
    opener = urllib.request.build_opener(trusting, urllib.request.ProxyHandler({"https": proxy}))
    opener.open(f"https://generativelanguage.googleapis.com/{path}", timeout=30).read()
    credentials = grpc.ssl_channel_credentials(certificate)
    options = [("grpc.http_proxy", proxy)]
    with grpc.secure_channel("generativelanguage.googleapis.com:443", credentials, options) as channel:
        ask = channel.unary_unary("/google.ai.generativelanguage.v1beta.ModelService/ListTunedModels")
        ask(b"", metadata=[("x-goog-api-key", "k")], timeout=30)


def run_round() -> dict[str, Usage]:
    """Starts each once and reads what it used."""
    usages: dict[str, Usage] = {}
    for name, peer in ((PLAIN, Peer(PLAIN, start_plain, OURS.health, lambda _: {})), (IDLE, OURS)):
        with tempfile.TemporaryDirectory() as folder, running(peer, folder) as (process, port):
            usages[name] = await_health(peer, process, port)
            if peer is OURS:
                # A process of its own: gRPC's threads and a later fork in this one do not go together.
                command = [sys.executable, "-m", "benchmarks.transports", "--use", str(port), folder]
                subprocess.run(command, check=True, timeout=120)
                usages[USED] = measure(process.pid)
    return usages


def show(rounds: list[dict[str, Usage]]) -> None:
    """Prints the table and what is added."""
    table = Table(title=f"the server's start; median and range of {len(rounds)} rounds")
    for heading in ("serving", "CPU s", "MiB"):
        table.add_column(heading, justify="left" if heading == "serving" else "right")
    for name in rounds[0]:
        cpu, memory = [one[name].cpu_s for one in rounds], [one[name].resident_mib for one in rounds]
        table.add_row(name, format_spread(cpu, 2), format_spread(memory))
    Console(width=140).print(table)
    for name in (IDLE, USED):
        cpu_s = statistics.median(usages[name].cpu_s - usages[PLAIN].cpu_s for usages in rounds)
        mib = statistics.median(usages[name].resident_mib - usages[PLAIN].resident_mib for usages in rounds)
        print(f"{name}: {cpu_s:+.2f} s CPU, {mib:+.1f} MiB")


def main() -> None:
    """Runs the rounds; with --use, it is the client of one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--use", nargs=2, metavar=("PORT", "DIRECTORY"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.use:
        use_all(int(asked.use[0]), asked.use[1])
    else:
        show([run_round() for _ in range(asked.rounds)])


if __name__ == "__main__":
    main()
