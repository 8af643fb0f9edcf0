"""`python -m examples.demo`: two tuning jobs, one on each API, from request to answer."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import TaskID
from rich.rule import Rule
from rich.text import Text

from examples.demo import emulator, gemini, screen, vertex
from examples.demo.task import BATCH_SIZE, EPOCHS, LEARNING_RATE, SHOWN, UNSEEN, Pair

Ask = Callable[[str, str], str]


def main() -> int:
    """Starts an emulator, runs both flows, prints the totals."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--trainer", choices=["auto", "lora", "scripted"], default="auto", help="what trains (auto)")
    parser.add_argument("--svg", metavar="FILE", help="save what was drawn as a picture")
    asked = parser.parse_args()
    console = Console(width=min(100, Console().width), record=bool(asked.svg), highlight=False)
    began = time.monotonic()
    try:
        with emulator.start("--trainer", asked.trainer, "--log-level", "warning") as running:
            introduce(console, running)
            totals = [run_gemini(console, running), run_vertex(console, running)]
            sum_up(console, totals, time.monotonic() - began)
    except (emulator.StartError, gemini.TuningFailedError) as error:
        console.print(Text(f"demo: {error}", style=screen.BAD))
        return 1
    if asked.svg:
        console.save_svg(asked.svg, title="make demo")
    return 0


def introduce(console: Console, running: emulator.Emulator) -> None:
    """Says what will be seen, and what runs."""
    health = running.health()
    words = Text.assemble(
        ("Two tuning jobs, from request to answer, on this machine alone.\n", "bold"),
        f"The task: say what comes next. {len(SHOWN)} examples to learn from, {len(UNSEEN)} prompts never shown.",
    )
    console.print(
        Panel(words, title=f"tuning-emulator {health['version']}", border_style="deep_sky_blue1", padding=(0, 2))
    )
    trainer = health["trainer"]
    console.print(
        f"   [bold]{running.url}[/]  ready in {running.start_s:.1f} s  [{screen.QUIET}]trainer {trainer['name']}[/]"
    )
    if trainer["name"] == "scripted":
        console.print(
            f"   [{screen.BAD}]The scripted trainer only pretends: it repeats the nearest training output.[/]"
        )


def run_gemini(console: Console, running: emulator.Emulator) -> tuple[str, list[screen.Asked], list[screen.Asked]]:
    """Flow 1: create, poll the operation, read the tuned model, ask it."""
    console.print()
    console.print(Rule(Text("1  Gemini API  ·  tunedModels, over plain HTTP", style=screen.TITLE), align="left"))
    with gemini.connect(running.url) as client:
        say(console, "POST /v1beta/tunedModels", f"{gemini.BASE_MODEL}, {describe_settings()}")
        operation = gemini.create(client)
        say(console, "GET  /v1beta/" + cut(operation["name"], 60), "until it is done")
        with Watch(console) as watch:
            model = gemini.follow(client, operation, watch.report)
        say(console, "GET  /v1beta/" + model["name"], f"state {model['state']}")
        console.print(Padding(screen.draw_curve(watch.losses), (1, 0)))
        say(console, "POST …:generateContent", "greedy, base model and tuned model")
        return show_answers(
            console,
            "Gemini API",
            lambda name, prompt: gemini.ask(client, name, prompt),
            gemini.BASE_MODEL,
            model["name"],
        )


def run_vertex(console: Console, running: emulator.Emulator) -> tuple[str, list[screen.Asked], list[screen.Asked]]:
    """Flow 2: upload, tune, poll the job, ask its endpoint."""
    console.print()
    console.print(Rule(Text("2  Vertex AI  ·  tuningJobs, with google-genai", style=screen.TITLE), align="left"))
    dataset = vertex.upload_dataset(running.storage_url)
    say(console, "bucket.blob(…).upload_from_string(…)", dataset)
    client = vertex.connect(running.url)
    say(console, "client.tunings.tune(…)", f"{vertex.BASE_MODEL}, {EPOCHS} epochs")
    job = vertex.create(client, dataset)
    say(console, "client.tunings.get(…)", cut(job.name or "", 66))
    with Watch(console) as watch:
        job = vertex.follow(client, job, running.read_losses, watch.report)
    tuned: Any = job.tuned_model
    say(console, "job.tuned_model.endpoint", f"{tuned.endpoint}, {len(vertex.describe_checkpoints(job))} checkpoints")
    console.print(Padding(screen.draw_curve(watch.losses), (1, 0)))
    say(console, "client.models.generate_content(…)", "greedy, base model and tuned model")
    return show_answers(
        console,
        "Vertex AI",
        lambda name, prompt: vertex.ask(client, name, prompt),
        vertex.BASE_MODEL,
        tuned.endpoint,
    )


class Watch:
    """The progress bar of one job; keeps the losses it was told."""

    def __init__(self, console: Console) -> None:
        self.losses: Sequence[float] = ()
        self._progress = screen.make_progress(console)
        self._bar: TaskID | None = None

    def __enter__(self) -> Watch:
        self._progress.start()
        self._bar = self._progress.add_task("tuning", total=None, loss="–")
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def report(self, done: int, total: int, losses: Sequence[float]) -> None:
        """Moves the bar."""
        assert self._bar is not None
        self.losses = losses
        self._progress.update(self._bar, completed=done, total=total, loss=f"{losses[-1]:.3f}" if losses else "–")


def show_answers(
    console: Console, api: str, ask: Ask, base: str, tuned: str
) -> tuple[str, list[screen.Asked], list[screen.Asked]]:
    """Asks both models everything and draws the table."""

    def ask_both(pair: Pair) -> screen.Asked:
        return screen.Asked(pair, ask(base, pair.prompt), ask(tuned, pair.prompt))

    with console.status("   asking …", spinner_style="deep_sky_blue1"):
        shown, unseen = [ask_both(pair) for pair in SHOWN], [ask_both(pair) for pair in UNSEEN]
    console.print(Padding(screen.draw_answers(shown, unseen), (0, 0, 0, 1)))
    return api, shown, unseen


def sum_up(
    console: Console, totals: list[tuple[str, list[screen.Asked], list[screen.Asked]]], duration_s: float
) -> None:
    """One line for each API: how many were right before and after."""
    console.print(Rule(style="deep_sky_blue1"))
    for api, shown, unseen in totals:
        (learned_before, learned), (guessed_before, guessed) = screen.count_right(shown), screen.count_right(unseen)
        console.print(
            f"   [bold]{api:<11}[/]training inputs {learned_before:>2} → [bold]{learned:>2}[/] of {len(shown)}"
            f"     unseen {guessed_before:>2} → [bold]{guessed:>2}[/] of {len(unseen)}"
        )
    console.print(f"   [{screen.QUIET}]{duration_s:.0f} s in all, nothing left this machine[/]")


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
