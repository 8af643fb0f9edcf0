"""Checking a dataset beside reading it with a plain ``json.loads`` loop: MB/s and peak memory, each in a process of
its own.

`python -m benchmarks.datasets --megabytes 1000 --characters 400` writes a file of about that size, whose examples
have questions of about that length, and prints one table and the ratio that counts: 1.0 or more is as fast as the loop.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

WORDS = (
    "the of model tuning answers questions 100 data, example. because something international it is. "
    "não ação então 東京 “quoted” 3.14 (see above) e-mail"
).split()
SEED = 7


def write_dataset(path: Path, size_bytes: int, characters: int) -> None:
    """A supervised dataset of about that size; the same on every machine."""
    chance = random.Random(SEED)
    lines = [make_line(chance, characters) for _ in range(2000)]
    with path.open("wb") as out:
        written = 0
        while written < size_bytes:
            line = chance.choice(lines)
            out.write(line)
            written += len(line)


def make_line(chance: random.Random, characters: int) -> bytes:
    """One example; its answer is a quarter of the question."""
    texts = [" ".join(chance.choices(WORDS, k=max(1, size // 6))) for size in (characters, characters // 4)]
    contents = [{"role": role, "parts": [{"text": text}]} for role, text in zip(("user", "model"), texts, strict=True)]
    return json.dumps({"contents": contents}, ensure_ascii=False).encode() + b"\n"


def read_with_json(path: Path, _: Path) -> None:
    """The plain loop that a check is measured by."""
    with path.open("rb") as lines:
        for line in lines:
            json.loads(line)


def read_file(path: Path) -> Iterator[bytes]:
    """Lines of a file, as `tuning-emulator validate` reads them."""
    from tuning_emulator.storage.objects import FILE_BUFFER_BYTES, read_lines  # late: the plain loop pays for no import

    with path.open("rb", FILE_BUFFER_BYTES) as stream:
        yield from read_lines(stream)


def validate(path: Path, _: Path) -> None:
    """Rules and statistics."""
    from tuning_emulator.datasets.check import check_dataset

    check_dataset(read_file(path))


def prepare(path: Path, out: Path) -> None:
    """Rules, statistics and the trainer's copy."""
    from tuning_emulator.datasets.check import check_dataset

    check_dataset(read_file(path), destination=out)


def stream(path: Path, out: Path) -> None:
    """The same, from the embedded storage over HTTP; server and reader share the process."""
    from tuning_emulator.datasets.check import check_dataset
    from tuning_emulator.storage.objects import HttpObjectStore
    from tuning_emulator.testing.storage_server import StorageServer

    with StorageServer(buckets={"data": path.parent}) as server:
        check_dataset(HttpObjectStore(server.base_url).lines(f"gs://data/{path.name}"), destination=out)


WAYS: dict[str, Callable[[Path, Path], None]] = {
    "json.loads loop": read_with_json,
    "check": validate,
    "check, write": prepare,
    "store, stream, check, write": stream,
}


def measure(way: str, path: Path) -> None:
    """Runs one way in this process and prints its figures as JSON."""
    with tempfile.TemporaryDirectory() as directory:
        started_s, started_cpu_s = time.perf_counter(), time.process_time()
        WAYS[way](path, Path(directory) / "examples")
        wall_s, cpu_s = time.perf_counter() - started_s, time.process_time() - started_cpu_s
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s, "peak_mib": peak_mib}))


def compare(path: Path, repeats: int) -> dict[str, dict[str, float]]:
    """Every way several times, in turn; the fastest of each counts, by CPU time."""
    best: dict[str, dict[str, float]] = {}
    for _ in range(repeats):
        for way in WAYS:
            command = [sys.executable, "-m", "benchmarks.datasets", "--measure", way, "--file", str(path)]
            result = subprocess.run(command, check=True, capture_output=True, text=True)
            figures: dict[str, float] = json.loads(result.stdout)
            if way not in best or figures["cpu_s"] < best[way]["cpu_s"]:
                best[way] = figures
    return best


def show(best: dict[str, dict[str, float]], size_bytes: int) -> None:
    """One table, one ratio."""
    table = Table("way", "MB/s of CPU", "MB/s", "peak MiB", title=f"{size_bytes / 1e6:.0f} MB of JSONL")
    for way, figures in best.items():
        rates = [f"{size_bytes / 1e6 / figures[name]:.0f}" for name in ("cpu_s", "wall_s")]
        table.add_row(way, *rates, f"{figures['peak_mib']:.0f}")
    console = Console()
    console.print(table)
    ratio = best["json.loads loop"]["cpu_s"] / best["check"]["cpu_s"]
    console.print(f"check is {ratio:.2f} times as fast as the json.loads loop (CPU time, best of each)")


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--characters", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(given.measure, given.file)
        return
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "train.jsonl"
        write_dataset(path, given.megabytes * 1_000_000, given.characters)
        show(compare(path, given.repeats), path.stat().st_size)


if __name__ == "__main__":
    main()
