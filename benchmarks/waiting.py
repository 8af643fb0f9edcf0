"""How long requests wait behind what changes everything: `python -m benchmarks.waiting`.

A server in a process of its own holds many ended jobs. While a scenario makes them, while they are exported, reset and
imported, two other clients get a tuned model every few milliseconds, over REST and over gRPC. What is printed is their
longest wait and the one that 99 of 100 stay below, beside those of a quiet server.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import grpc

from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import start_emulator

PAUSE_S = 0.003
QUIET_S = 2.0
NAME = "tunedModels/probed"
METHOD = "/google.ai.generativelanguage.v1beta.ModelService/GetTunedModel"
LIMIT_S = 600.0


class Probe:
    """Clients that ask all the time, each in a thread and on a connection of its own."""

    def __init__(self, port: int) -> None:
        self._waits: dict[str, list[float]] = {"REST": [], "gRPC": []}
        self._ended = threading.Event()
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
        call = grpc.insecure_channel(f"127.0.0.1:{port}").unary_unary(METHOD)
        asks: dict[str, Callable[[], Any]] = {"REST": lambda: _get(line), "gRPC": lambda: _call(call)}
        self._threads = [threading.Thread(target=self._ask, args=(name, ask)) for name, ask in asks.items()]
        for thread in self._threads:
            thread.start()

    def _ask(self, name: str, ask: Callable[[], Any]) -> None:
        while not self._ended.is_set():
            began = time.perf_counter()
            ask()
            self._waits[name].append(time.perf_counter() - began)
            time.sleep(PAUSE_S)

    def watch(self, work: Callable[[], Any]) -> str:
        """Cells of the table: how long the work took, and the waits meanwhile."""
        places = {name: len(waits) for name, waits in self._waits.items()}
        began = time.perf_counter()
        work()
        took = time.perf_counter() - began
        time.sleep(4 * PAUSE_S)  # who waited has its answer by now, or is counted with the next
        cells = [f"{took:.1f}"]
        for name, place in places.items():
            waits = sorted(self._waits[name][place:])
            most, nearly = waits[-1], statistics.quantiles(waits, n=100)[-1] if len(waits) > 1 else waits[-1]
            cells.append(f"{most * 1000:.0f} ({nearly * 1000:.0f} of {len(waits):,})")
        return " | ".join(cells)

    def end(self) -> None:
        """Stops asking."""
        self._ended.set()
        for thread in self._threads:
            thread.join()


def _get(line: http.client.HTTPConnection) -> None:
    line.request("GET", f"/v1beta/{NAME}", headers={"x-goog-api-key": "k"})
    line.getresponse().read()


def _call(call: Callable[..., Any]) -> None:
    name = NAME.encode()
    try:
        call(b"\x0a" + bytes([len(name)]) + name, metadata=(("x-goog-api-key", "k"),), timeout=LIMIT_S)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:  # after a reset it is not there
            raise


def main() -> None:
    """Prints one line for each kind of work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parsed = parser.parse_args()
    seeds = {"display_name": "numbers {number}", "count": 1000}
    scenario = {"version": 1, "tuned_models": [seeds] * (parsed.jobs // 1000)}
    with TemporaryDirectory() as folder, start_emulator(trainer="scripted", data_dir=folder) as running:
        port = urlsplit(running.url).port
        assert port is not None
        control, archive = Control(running.url, timeout_s=LIMIT_S), Path(folder) / "archive.tar.gz"
        control.scenarios.load({"version": 1, "tuned_models": [{"id": "probed", "display_name": "probed"}]})
        probe = Probe(port)
        print(f"| {parsed.jobs:,} jobs | takes, s | longest wait over REST, ms (99 % below) | over gRPC |")
        print("| --- | --- | --- | --- |")
        works: dict[str, Callable[[], Any]] = {
            "a quiet server": lambda: time.sleep(QUIET_S),
            "scenario loaded": lambda: control.scenarios.load(scenario),
            "exported": lambda: control.export_snapshot(archive),
            "reset": control.reset,
            "imported": lambda: control.import_snapshot(archive),
            "imported over itself": lambda: control.import_snapshot(archive),
        }
        try:
            for name, work in works.items():
                print(f"| {name} | {probe.watch(work)} |", flush=True)
        finally:
            probe.end()


if __name__ == "__main__":
    main()
