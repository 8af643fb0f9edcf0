"""Two tuning jobs, one on each API, from request to answer."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from tuning_emulator.cli.demo import four, gemini, screen, vertex
from tuning_emulator.cli.demo.task import BATCH_SIZE, EPOCHS, GROUPS, LEARNING_RATE, SHOWN, UNSEEN, Pair
from tuning_emulator.cli.terminal import BAD, QUIET, Terminal, say
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


def show(trainer: str, model: str | None, runner: str, svg: Path | None) -> int:
    """Starts an emulator, runs both flows, prints the totals. 0: all went well, 1: the demo says what did not."""
    screen_width = Terminal().width if sys.stdout.isatty() else WIDTH
    console = Terminal(width=min(WIDTH, screen_width), record=svg is not None, highlight=False)
    began = time.monotonic()
    try:
        if model:
            with start_emulator(trainer="lora", log_level="error", base_models=[model], runner=runner) as running:
                four.run(console, running)
        else:
            with start_emulator(trainer=trainer, log_level="warning", runner=runner) as running:
                introduce(console, running, time.monotonic() - began)
                results = [run_gemini(console, running), run_vertex(console, running)]
                sum_up(console, results, time.monotonic() - began)
    except (StartError, gemini.TuningFailedError) as error:
        print(f"tuning-emulator: {error}", file=sys.stderr)
        return 1
    if svg is not None:
        console.save_svg(str(svg), title="tuning-emulator demo")
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
    console.print(f"   [bold]{running.url}[/]  ready in {start_s:.1f} s  [{QUIET}]trainer {trainer['name']}[/]")
    if "runner" in trainer:
        console.print(f"   [{QUIET}]Jobs train on a Ray cluster of this machine alone, which is being started.[/]")
    if trainer["name"] == "scripted":
        console.print(f"   [{BAD}]The scripted trainer only pretends: it repeats the nearest training output.[/]")


def run_gemini(console: Console, running: RunningEmulator) -> Result:
    """Flow 1: create, poll the operation, read the tuned model, ask it."""
    console.print()
    console.print(Rule(Text("1  Gemini API  ·  tunedModels, over plain HTTP", style=screen.TITLE), align="left"))
    with gemini.connect(running.url) as client:
        say(console, "POST /v1beta/tunedModels", describe_settings(), margin=3)
        operation = gemini.create(client)
        say(console, "GET  /v1beta/" + cut(operation["name"], 60), "until it is done", margin=3)
        with screen.Watch(console) as watch:
            model = gemini.follow(client, operation, watch.report)
        say(console, "GET  /v1beta/" + model["name"], f"state {model['state']}", margin=3)
        console.print(Padding(screen.draw_curve(watch.losses), (0, 0, 1, 0)))
        say(console, "POST …:generateContent", "greedy, base model and tuned model", margin=3)
        base, tuned = partial(gemini.ask, client, gemini.BASE_MODEL), partial(gemini.ask, client, model["name"])
        return show_answers(console, "Gemini API", base, tuned)


def run_vertex(console: Console, running: RunningEmulator) -> Result:
    """Flow 2: upload, tune, poll the job, ask its endpoint."""
    console.print()
    console.print(Rule(Text("2  Vertex AI  ·  tuningJobs, with google-genai", style=screen.TITLE), align="left"))
    dataset = vertex.upload_dataset(running.storage_url)
    say(console, "bucket.blob(…).upload_from_string(…)", dataset, margin=3)
    client = vertex.connect(running.url)
    say(console, "client.tunings.tune(…)", f"{vertex.BASE_MODEL}, {EPOCHS} epochs", margin=3)
    job = vertex.create(client, dataset)
    say(console, "client.tunings.get(…)", cut(job.name or "", 66), margin=3)
    with screen.Watch(console) as watch:
        job = vertex.follow(client, job, Control(running.url), watch.report)
    tuned: Any = job.tuned_model
    say(
        console,
        "job.tuned_model.endpoint",
        f"{tuned.endpoint}, {len(vertex.describe_checkpoints(job))} checkpoints",
        margin=3,
    )
    console.print(Padding(screen.draw_curve(watch.losses), (0, 0, 1, 0)))
    say(console, "client.models.generate_content(…)", "greedy, base model and tuned model", margin=3)
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
        if console.width >= WIDTH:
            table.add_row(f"[bold]{result.api}[/]", *cells)
        else:
            for number, cell in enumerate(cells):
                table.add_row("" if number else f"[bold]{result.api}[/]", cell)
    console.print(Padding(table, (0, 0, 0, 3)))
    console.print(f"   [{QUIET}]exactly right before → after tuning; {duration_s:.0f} s in all[/]")


def describe_settings() -> str:
    """The hyperparameters in words."""
    return f"{len(SHOWN)} examples, {EPOCHS} epochs, batch {BATCH_SIZE}, learning rate {LEARNING_RATE}"


def cut(text: str, width: int) -> str:
    """The text, its middle left out where it is too long for a line."""
    if len(text) <= width:
        return text
    half = (width - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
