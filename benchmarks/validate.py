"""`tuning-emulator validate` on a large file beside a plain `json.loads` loop: MB/s and peak memory.

`python -m benchmarks.validate --megabytes 1000` writes such a file of mixed lines (short and long, one turn and
several, with and without system instruction, escapes, code, and half a dozen scripts), runs the loop, the command with
one process, and the command as it is (one process for each core), in turn, and prints one table and the ratios. Times
include the start of Python and of the command; all read the same file from the page cache; memory is that of all
processes together, pages that they share counted once for each.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
from rich.console import Console
from rich.table import Table

SEED = 11
LIMIT_MIB = 200
SAMPLE_S = 0.05
LOOP = "import json,sys\nwith open(sys.argv[1], 'rb') as f:\n    for line in f: json.loads(line)"
MODEL = ["--api", "vertex", "--model", "gemini-2.5-flash"]

WORDS = {
    "English": "the model answers questions about tuning and data because examples teach it, (see above) 3.14 e-mail "
    "which something international it’s “quoted” customers account please refund order number".split(),
    "Portuguese": "não então ação coração informação você está também é próximo dúvida cliente conta pedido".split(),
    "Russian": "модель отвечает на вопросы о данных потому что примеры учат её заказ клиент".split(),
    "Japanese": "モデル は データ について 質問 に 答えます 東京 注文 番号 です。 お客様 、 ありがとう".split(),
    "Arabic": "النموذج يجيب عن الأسئلة حول البيانات لأن الأمثلة تعلمه الطلب رقم".split(),
    "emoji": "thanks 🙂 great 🎉 ok 👍 order 📦 shipped".split(),
}
SHARES = {"English": 70, "Portuguese": 10, "Russian": 6, "Japanese": 6, "Arabic": 4, "emoji": 4}
CODE = 'def add(a, b):\n    """Sum."""\n    return a + b  # "quoted" \\ and\ttabs\n'


@dataclass(frozen=True, slots=True)
class Figures:
    """One run: seconds of wall clock and of CPU, peak memory."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def make_text(chance: random.Random, words: list[str], characters: int) -> str:
    """About so many characters; now and then a paragraph, a list or code."""
    text = " ".join(chance.choices(words, k=max(1, characters // 6)))
    kind = chance.random()
    if kind < 0.1:
        return f"{text}\n\n- {text[:80]}\n- {text[-80:]}"
    return f"{text}\n```\n{CODE}```" if kind < 0.15 else text


def make_line(chance: random.Random, characters: int | None = None) -> bytes:
    """One example. Its length: that of a chat message, a question, or a document, unless it is given."""
    words = WORDS[chance.choices([*SHARES], [*SHARES.values()])[0]]
    size = characters or chance.choices([60, 400, 1500, 6000], [30, 45, 20, 5])[0]
    turns = chance.choices([2, 4, 8], [85, 10, 5])[0]
    contents = [
        {"role": "model" if n & 1 else "user", "parts": [{"text": make_text(chance, words, size // (1 + 3 * (n & 1)))}]}
        for n in range(turns)
    ]
    values: dict[str, Any] = {"contents": contents}
    if chance.random() < 0.3:
        values["systemInstruction"] = {"role": "system", "parts": [{"text": "You answer briefly and politely."}]}
    return json.dumps(values, ensure_ascii=chance.random() < 0.1).encode() + b"\n"


def write_dataset(path: Path, size_bytes: int, characters: int | None) -> None:
    """The same file on every machine."""
    chance = random.Random(SEED)
    lines = [make_line(chance, characters) for _ in range(5000)]
    with path.open("wb") as out:
        written = 0
        while written < size_bytes:
            written += out.write(b"".join(chance.choices(lines, k=200)))


def measure(command: list[str]) -> Figures:
    """Runs a command to its end."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        peak = [0.0]
        watcher = threading.Thread(target=watch, args=(process.pid, peak))
        watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
        watcher.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{command[:4]} ended with {process.returncode}: {said.read().decode()[-2000:]}")
    return Figures(wall_s, usage.ru_utime + usage.ru_stime, max(peak[0], usage.ru_maxrss / 1024))


def watch(pid: int, peak: list[float]) -> None:
    """Keeps the highest sum of the resident memory of a process and its children, in MiB, until it ends."""
    try:
        process = psutil.Process(pid)
        while process.status() != psutil.STATUS_ZOMBIE:
            family = [process, *process.children(recursive=True)]
            peak[0] = max(peak[0], sum(one.memory_info().rss for one in family) / (1 << 20))
            time.sleep(SAMPLE_S)
    except psutil.NoSuchProcess:
        return


def compare(path: Path, rounds: int) -> dict[str, list[Figures]]:
    """Every way several times, in turn."""
    ours = [sys.executable, "-m", "tuning_emulator", "validate", str(path), *MODEL]
    ways = {
        "json.loads loop": [sys.executable, "-c", LOOP, str(path)],
        "validate, one process": [*ours, "--processes", "1"],
        "validate": ours,
    }
    runs: dict[str, list[Figures]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, command in ways.items():
            runs[name].append(measure(command))
    return runs


def show(console: Console, runs: dict[str, list[Figures]], megabytes: float, title: str) -> bool:
    """One table and the ratios; whether both promises are kept."""
    table = Table("", "MB/s", "MB/s of CPU", "peak MiB", title=title)
    for name, figures in runs.items():
        rates = [[megabytes / getattr(one, kind) for one in figures] for kind in ("wall_s", "cpu_s")]
        cells = (f"{statistics.median(rate):.0f} ({min(rate):.0f}–{max(rate):.0f})" for rate in rates)
        table.add_row(name, *cells, f"{max(one.peak_mib for one in figures):.0f}")
    console.print(table)
    loop, single, ours = runs.values()
    ratio = statistics.median(one.wall_s / other.wall_s for one, other in zip(loop, ours, strict=True))
    alone = statistics.median(one.cpu_s / other.cpu_s for one, other in zip(loop, single, strict=True))
    console.print(f"validate is {ratio:.2f} times as fast as the loop, with one process {alone:.2f} times (CPU time)")
    return ratio >= 1 and max(one.peak_mib for one in ours) < LIMIT_MIB


def main() -> int:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--characters", type=int, help="of every question, instead of the mixture")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "train.jsonl"
        write_dataset(path, given.megabytes * 1_000_000, given.characters)
        runs = compare(path, given.rounds)
        size = path.stat().st_size / 1e6
        kind = f"questions of {given.characters} characters" if given.characters else "mixed lines"
        kept = show(Console(), runs, size, f"{size:.0f} MB of JSONL, {kind}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
