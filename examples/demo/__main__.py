"""`python -m examples.demo`: two tuning jobs, one on each API, from request to answer."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from examples.demo import four, gemini, screen, vertex
from examples.demo.task import BATCH_SIZE, EPOCHS, GROUPS, LEARNING_RATE, SHOWN, UNSEEN, Pair
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import RunningEmulator, StartError, start_emulator

WIDTH = 100

Ask = Callable[[str], str]
"""Answers a prompt."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one flow came to: every group of prompts with both models' answers."""

    api: str
    groups: list[tuple[str, list[screen.Asked]]]


def main() -> int:
    """Starts an emulator, runs both flows, prints the totals."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--trainer", choices=["auto", "lora", "scripted"], default="auto", help="what trains (auto)")
    parser.add_argument("--model", metavar="NAME", help="let this model learn four data sets: smollm2, or a directory")
    parser.add_argument("--runner", choices=["local", "ray"], default="local", help="where it trains (local)")
    parser.add_argument("--svg", metavar="FILE", help="save what was drawn as a picture")
    asked = parser.parse_args()
    screen_width = Console().width if sys.stdout.isatty() else WIDTH
    console = Console(width=min(WIDTH, screen_width), record=bool(asked.svg), highlight=False)
    began = time.monotonic()
    try:
        if asked.model:
            with start_emulator(
                trainer="lora", log_level="error", base_models=[asked.model], runner=asked.runner
            ) as running:
                four.run(console, running)
            return 0
        with start_emulator(trainer=asked.trainer, log_level="warning", runner=asked.runner) as running:
            introduce(console, running, time.monotonic() - began)
            results = [run_gemini(console, running), run_vertex(console, running)]
            sum_up(console, results, time.monotonic() - began)
    except (StartError, gemini.TuningFailedError) as error:
        console.print(Text(f"demo: {error}", style=screen.BAD))
        return 1
    if asked.svg:
        console.save_svg(asked.svg, title="make demo")
    return 0


def introduce(console: Console, running: RunningEmulator, start_s: float) -> None:
    """Says what will be seen, and what runs."""
    health = Control(running.url).health()
    words = Text.assemble(
        ("Two tuning jobs, from request to answer, on this machine alone.\n", "bold"),
        f"The task: say what comes next. {len(SHOWN)} examples to learn from, {len(UNSEEN)} prompts never shown.",
    )
    console.print(
        Panel(words, title=f"tuning-emulator {health['version']}", border_style="deep_sky_blue1", padding=(0, 2))
    )
    trainer = health["trainer"]
    console.print(f"   [bold]{running.url}[/]  ready in {start_s:.1f} s  [{screen.QUIET}]trainer {trainer['name']}[/]")
    if "runner" in trainer:
        console.print(
            f"   [{screen.QUIET}]Jobs train on a Ray cluster of this machine alone, which is being started.[/]"
        )
    if trainer["name"] == "scripted":
        console.print(
            f"   [{screen.BAD}]The scripted trainer only pretends: it repeats the nearest training output.[/]"
        )


def run_gemini(console: Console, running: RunningEmulator) -> Result:
    """Flow 1: create, poll the operation, read the tuned model, ask it."""
    console.print()
    console.print(Rule(Text("1  Gemini API  ·  tunedModels, over plain HTTP", style=screen.TITLE), align="left"))
    with gemini.connect(running.url) as client:
        say(console, "POST /v1beta/tunedModels", describe_settings())
        operation = gemini.create(client)
        say(console, "GET  /v1beta/" + cut(operation["name"], 60), "until it is done")
        with screen.Watch(console) as watch:
            model = gemini.follow(client, operation, watch.report)
        say(console, "GET  /v1beta/" + model["name"], f"state {model['state']}")
        console.print(Padding(screen.draw_curve(watch.losses), (1, 0)))
        say(console, "POST …:generateContent", "greedy, base model and tuned model")
        base, tuned = partial(gemini.ask, client, gemini.BASE_MODEL), partial(gemini.ask, client, model["name"])
        return show_answers(console, "Gemini API", base, tuned)


def run_vertex(console: Console, running: RunningEmulator) -> Result:
    """Flow 2: upload, tune, poll the job, ask its endpoint."""
    console.print()
    console.print(Rule(Text("2  Vertex AI  ·  tuningJobs, with google-genai", style=screen.TITLE), align="left"))
    dataset = vertex.upload_dataset(running.storage_url)
    say(console, "bucket.blob(…).upload_from_string(…)", dataset)
    client = vertex.connect(running.url)
    say(console, "client.tunings.tune(…)", f"{vertex.BASE_MODEL}, {EPOCHS} epochs")
    job = vertex.create(client, dataset)
    say(console, "client.tunings.get(…)", cut(job.name or "", 66))
    with screen.Watch(console) as watch:
        job = vertex.follow(client, job, Control(running.url), watch.report)
    tuned: Any = job.tuned_model
    say(console, "job.tuned_model.endpoint", f"{tuned.endpoint}, {len(vertex.describe_checkpoints(job))} checkpoints")
    console.print(Padding(screen.draw_curve(watch.losses), (1, 0)))
    say(console, "client.models.generate_content(…)", "greedy, base model and tuned model")
    base = partial(vertex.ask, client, vertex.BASE_MODEL)
    return show_answers(console, "Vertex AI", base, partial(vertex.ask, client, tuned.endpoint))


def show_answers(console: Console, api: str, base: Ask, tuned: Ask) -> Result:
    """Asks both models everything and draws the table."""

    def ask_both(pairs: Sequence[Pair]) -> list[screen.Asked]:
        return [screen.Asked(pair, base(pair.prompt), tuned(pair.prompt)) for pair in pairs]

    with console.status("   asking …", spinner_style="deep_sky_blue1"):
        groups = [(heading, ask_both(pairs)) for heading, pairs in GROUPS]
    console.print(Padding(screen.draw_answers(groups), (0, 0, 0, 1)))
    return Result(api, groups)


def sum_up(console: Console, results: list[Result], duration_s: float) -> None:
    """One line for each API: how many were right before and after."""
    console.print(Rule(style="deep_sky_blue1"))
    table = Table.grid(padding=(0, 3))
    for result in results:
        scores = [(heading, *screen.count_right(rows), len(rows)) for heading, rows in result.groups]
        cells = [f"{heading} {before} → [bold]{after}[/] of {count}" for heading, before, after, count in scores]
        table.add_row(f"[bold]{result.api}[/]", *cells)
    console.print(Padding(table, (0, 0, 0, 3)))
    console.print(f"   [{screen.QUIET}]exactly right before → after tuning; {duration_s:.0f} s in all[/]")


def say(console: Console, what: str, about: str) -> None:
    """One line: the call, and what is worth knowing of it."""
    console.print(Text("   ").append(what, style="bold").append(f"  {about}", style=screen.QUIET), soft_wrap=True)


def describe_settings() -> str:
    """The hyperparameters in words."""
    return f"{len(SHOWN)} examples, {EPOCHS} epochs, batch {BATCH_SIZE}, learning rate {LEARNING_RATE}"


def cut(text: str, width: int) -> str:
    """The text, its middle left out where it is too long for a line."""
    if len(text) <= width:
        return text
    half = (width - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


if __name__ == "__main__":
    sys.exit(main())
