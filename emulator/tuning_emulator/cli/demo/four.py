"""``tuning-emulator demo --model smollm2``: a language model learns the documents' four use cases, a job each."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tuning_emulator.cli.curves import trace
from tuning_emulator.cli.demo import gemini, screen
from tuning_emulator.cli.demo.task import Pair
from tuning_emulator.cli.terminal import GOOD, QUIET
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import RunningEmulator

DATASETS = Path(__file__).with_name("datasets")
NAMES = ("classification", "question_answering", "dialogue_summary", "persona")
AT_ONCE = 8
"""Questions asked together: the emulator answers them in one batch."""

_LEVELS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of one data set: exact answers to unseen rows before and after, and what it took."""

    name: str
    examples: int
    unseen: int
    before: int
    after: int
    seconds: float
    losses: tuple[float, ...]


def read_pairs(name: str, part: str) -> list[Pair]:
    """The rows of a data set; ``part`` is ``train`` or ``unseen``."""
    lines = (DATASETS / f"{name}.{part}.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line)["contents"] for line in lines]
    return [Pair(user["parts"][0]["text"], model["parts"][0]["text"]) for user, model in rows]


def run(console: Console, running: RunningEmulator, names: Sequence[str] = NAMES) -> list[Learned]:
    """Tunes on each data set and draws the table."""
    weights = Control(running.url).health()["base_models"]["*"]
    words = Text.assemble(
        (f"Four things that {weights} learns on this machine alone.\n", "bold"),
        "Each from 60 examples, 5 epochs; then 20 questions that it has never seen. Only exact answers count.",
    )
    console.print(Panel(words, border_style="deep_sky_blue1", padding=(0, 2)))
    results = []
    for learned in learn(console, running, names):
        results.append(learned)
        console.print(
            f"   [bold]{learned.name}[/]  {learned.before} → [bold]{learned.after}[/] of {learned.unseen}"
            f"  [{QUIET}]{learned.seconds:.0f} s[/]"
        )
    console.print(draw_table(results))
    return results


def learn(console: Console, running: RunningEmulator, names: Sequence[str]) -> Iterator[Learned]:
    """One job after the other."""
    with gemini.connect(running.url) as client:
        for name in names:
            shown, asked = read_pairs(name, "train"), read_pairs(name, "unseen")
            with console.status(f"   {name}: asking the model before tuning …", spinner_style="deep_sky_blue1"):
                before = count_exact(partial(gemini.ask, client, gemini.BASE_MODEL), asked)
            began = time.monotonic()
            operation = gemini.create(client, shown, name.replace("_", " "))
            with screen.Watch(console, name) as bar:
                model = gemini.follow(client, operation, bar.report)
            seconds = time.monotonic() - began
            with console.status(f"   {name}: asking the tuned model …", spinner_style="deep_sky_blue1"):
                after = count_exact(partial(gemini.ask, client, model["name"]), asked)
            yield Learned(name, len(shown), len(asked), before, after, seconds, tuple(bar.losses))


def count_exact(ask: partial[str], pairs: Sequence[Pair]) -> int:
    """How many questions are answered with exactly what is wanted."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(ask, [pair.prompt for pair in pairs])
        return sum(said == pair.expected for said, pair in zip(answers, pairs, strict=True))


def draw_line(losses: Sequence[float], width: int = 16) -> str:
    """Losses as small blocks, from the first step to the last."""
    if not losses:
        return ""
    points = trace(list(losses), width)
    top = max(points) or 1.0
    return "".join(_LEVELS[min(7, int(8 * point / top))] for point in points)


def draw_table(results: Sequence[Learned]) -> Table:
    """A row for each data set."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), header_style="bold")
    for heading in ("data set", "examples", "unseen, before", "after", "seconds", "loss"):
        table.add_column(heading)
    for one in results:
        after = Text(f"{one.after / one.unseen:.2f}", style=f"bold {GOOD}")
        before, line = f"{one.before / one.unseen:.2f}", Text(draw_line(one.losses), style="deep_sky_blue1")
        table.add_row(one.name, str(one.examples), before, after, f"{one.seconds:.0f}", line)
    return table
