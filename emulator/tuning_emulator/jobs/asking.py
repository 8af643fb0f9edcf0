"""Asking a model many prompts inside a job: side by side, a block at a time, until somebody stops the job."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tuning_emulator.jobs.trainer import Answering, PromptRefusedError, Target, TrainerUnavailableError
from tuning_trainer.spec import Answer, Example, Prompt, parse_example

BLOCK_PROMPTS = 32
"""So many are asked side by side; an interrupted job asks at most these again."""

POLL_S = 0.1
"""How soon a stop is noticed while the model writes."""

ATTEMPTS = 2
"""How often a block is given to a trainer whose process died under it."""


async def ask_block(
    answering: Answering, target: Target, prompts: Sequence[Prompt], keep_going: Callable[[], None]
) -> list[Answer | PromptRefusedError]:
    """The answers to a block of prompts, or why a prompt has none.

    Args:
        keep_going: Raises when the job is to stop; what is being asked is then given up.

    Raises:
        TrainerUnavailableError: nothing answers.
    """
    for attempt in range(1, ATTEMPTS + 1):
        tasks = [asyncio.ensure_future(_ask(answering, target, prompt)) for prompt in prompts]
        try:
            pending: set[asyncio.Future[Answer | PromptRefusedError]] = set(tasks)
            while pending:
                keep_going()
                _, pending = await asyncio.wait(pending, timeout=POLL_S)
            return [task.result() for task in tasks]
        except TrainerUnavailableError:
            if attempt == ATTEMPTS:
                raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    raise AssertionError("the last attempt returns or raises")


async def _ask(answering: Answering, target: Target, prompt: Prompt) -> Answer | PromptRefusedError:
    try:
        return (await answering.generate(target, prompt)).answers[0]
    except PromptRefusedError as error:
        return error


def read_examples(path: Path) -> Iterator[Example]:
    """Examples as the trainer's files hold them."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield parse_example(line)


def take(examples: Iterator[Example], count: int) -> list[Example]:
    """The next ones, fewer at the end."""
    return [example for _, example in zip(range(count), examples, strict=False)]
