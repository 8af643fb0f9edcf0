"""Cloud Storage over HTTP: small and large objects, in and out, and a list, beside two other emulators from PyPI.

`gcp-storage-emulator` is what this project served before; `gcloud-storage-emulator` is another. They run in an
environment of their own, made by this program under `build/`, each with its data on disk, as ours.

`python -m benchmarks.storage --rounds 3`; `--flat 100000` measures what an upload costs as a bucket grows instead.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.processes import measure
from benchmarks.server import take_free_port

ROOT = Path(__file__).resolve().parent.parent
PEERS = ("gcp-storage-emulator==2026.7.19", "gcloud-storage-emulator==0.5.0")
SMALL, LARGE = os.urandom(1000), os.urandom(100_000_000)
REPEATED = 300
START_LIMIT_S = 60.0
UPLOAD = "/upload/storage/v1/b/bench-bucket/o?uploadType=multipart"

Ask = Callable[..., bytes]


def install_peers() -> Path:
    """Installs the other emulators into an environment of their own, once; answers its bin folder."""
    folder = ROOT / "build" / "storage-peers"
    if not (folder / "finished").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-qq", *PEERS], check=True)
        (folder / "finished").touch()
    return folder / "bin"


@contextmanager
def running(command: list[str], port: int, folder: str) -> Iterator[tuple[Ask, int]]:
    """A server that answers: how to ask it, and its process."""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

        def ask(verb: str, target: str, body: bytes = b"", kind: str = "application/octet-stream") -> bytes:
            line.request(verb, target, body, {"Content-Type": kind})
            answer = line.getresponse()
            data = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{command[0]}: {verb} {target}: {answer.status} {data[:200]!r}")
            return data

        try:
            limit = time.monotonic() + START_LIMIT_S
            while True:
                try:
                    ask(
                        "POST",
                        "/storage/v1/b?project=p",
                        json.dumps({"name": "bench-bucket"}).encode(),
                        "application/json",
                    )
                    break
                except OSError:
                    line.close()
                    if time.monotonic() > limit:
                        raise
                    time.sleep(0.1)
            yield ask, process.pid
        finally:
            line.close()
            process.terminate()


def upload(ask: Ask, name: str, data: bytes) -> bytes:
    """A new object, in the one form that all of them take."""
    head = f'--b\r\nContent-Type: application/json\r\n\r\n{{"name": "{name}"}}\r\n--b\r\n'
    body = head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + data + b"\r\n--b--"
    return ask("POST", UPLOAD, body, "multipart/related; boundary=b")


def measure_storage(ask: Ask, pid: int, listed: int) -> dict[str, float]:
    """Milliseconds of wall time, the median of many; CPU and memory of the whole in the last rows."""
    began = measure(pid).cpu_s
    name = "/download/storage/v1/b/bench-bucket/o/{}?alt=media"
    figures = {
        "upload of 1 kB, ms": _time(lambda number: upload(ask, f"small-{number}", SMALL), REPEATED),
        "download of 1 kB, ms": _time(lambda number: ask("GET", name.format(f"small-{number}")), REPEATED),
        "upload of 100 MB, ms": _time(lambda number: upload(ask, "large", LARGE), 3),
        "download of 100 MB, ms": _time(lambda number: ask("GET", name.format("large")), 3),
    }
    figures |= measure_list(ask, 0, listed)
    usage = measure(pid)
    return {**figures, "CPU s of all this": usage.cpu_s - began, "MiB then": usage.resident_mib}


def measure_list(ask: Ask, there: int, wanted: int) -> dict[str, float]:
    """The same of a list, when the bucket has been filled."""
    for number in range(there, wanted):
        upload(ask, f"listed/{number}", b"x")
    return {f"list of {wanted:,}, ms": _time(lambda number: list_all(ask, wanted), 5)}


def list_all(ask: Ask, wanted: int) -> None:
    """All pages, compact, as Google's Python client asks for them."""
    token, found = "", 0
    while True:
        page = json.loads(
            ask("GET", f"/storage/v1/b/bench-bucket/o?prefix=listed/&prettyPrint=false&pageToken={token}")
        )
        found += len(page["items"])
        token = page.get("nextPageToken", "")
        if not token:
            break
    if found != wanted:
        raise RuntimeError(f"{found} of {wanted} objects are listed")


def _time(step: Callable[[int], object], times: int) -> float:
    taken = []
    for number in range(times):
        began = time.perf_counter()
        step(number)
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def compare(rounds: int, listed: int, more: int, console: Console) -> None:
    """Every server in every round, one after the other.

    Args:
        listed: How many objects the list has; ``more``: the same once more for ours, the others take long to fill.
    """
    peers = install_peers()
    figures: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for name, command in (
            ("tuning-emulator", ["serve", "--trainer", "scripted", "--data-dir", "data", "--port"]),
            *((peer.partition("==")[0], ["start", "--port"]) for peer in PEERS),
        ):
            program = str(peers / name) if command[0] == "start" else str(Path(sys.executable).parent / name)
            port = take_free_port()
            with (
                tempfile.TemporaryDirectory() as folder,
                running([program, *command, str(port)], port, folder) as (ask, pid),
            ):
                found = measure_storage(ask, pid, listed)
                if command[0] == "serve" and more:
                    found |= measure_list(ask, listed, more)
            for row, value in found.items():
                figures.setdefault(row, {}).setdefault(name, []).append(value)
    names = list(next(iter(figures.values())))
    table = Table("median of rounds", *names)
    for row, values in figures.items():
        table.add_row(row, *(f"{statistics.median(values[name]):,.2f}" if name in values else "" for name in names))
    console.print(table)


def watch_uploads(objects: int, console: Console) -> None:
    """What an upload of 1 kB costs as the bucket grows."""
    program, port = str(Path(sys.executable).parent / "tuning-emulator"), take_free_port()
    table = Table("objects", "upload of 1 kB, ms")
    command = [program, "serve", "--trainer", "scripted", "--port", str(port)]
    with tempfile.TemporaryDirectory() as folder, running(command, port, folder) as (ask, _):
        step = objects // 10
        for first in range(0, objects, step):
            taken = _time(lambda number, at=first: upload(ask, f"{at + number}", SMALL), step)  # type: ignore[misc]
            table.add_row(f"{first + step:,}", f"{taken:.2f}")
    console.print(table)


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--listed", type=int, default=1_000)
    parser.add_argument("--more", type=int, default=10_000)
    parser.add_argument("--flat", type=int, default=0)
    chosen = parser.parse_args()
    console = Console()
    if chosen.flat:
        watch_uploads(chosen.flat, console)
    else:
        compare(chosen.rounds, chosen.listed, chosen.more, console)


if __name__ == "__main__":
    main()
