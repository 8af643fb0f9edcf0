"""The scripted trainer: no torch, done at once or at a chosen pace, the same every time.

It learns nothing. Its loss curve is drawn from the seed, and it answers with the output of the nearest
training example. It stands in where the `lora` extra is not installed, and where tests want no waiting;
the health route and the log say when it is the one that runs.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

from tuning_emulator.datasets.statistics import count_tokens
from tuning_emulator.jobs.instances import NoInstanceError, fit, read_json
from tuning_emulator.jobs.trainer import ATTEMPTS, PromptRefusedError, TrainerUnavailableError
from tuning_trainer.spec import (
    Answer,
    Cancelled,
    Checkpoint,
    Done,
    Event,
    Example,
    Failed,
    Form,
    Function,
    Job,
    Prompt,
    Reply,
    Started,
    Step,
    Turn,
    parse_example,
    total_steps,
)

NO_VOCABULARY = "the scripted trainer has no vocabulary; install tuning-emulator[lora]"
ANSWERS_NAME = "answers.jsonl"
"""File of a scripted adapter: the training examples, to repeat from."""

FIRST_LOSS = 11.5
"""Of the drawn curve, as recorded for the 15-pair set on gemini-1.0-pro-001 (11.499258)."""

LAST_LOSS = 0.001
"""Of the drawn curve, as recorded after the last of 38 steps (0.0011606459)."""


def draw_loss(step: int, steps: int, seed: int) -> float:
    """Loss after ``step`` of ``steps``: falls exponentially from FIRST_LOSS to LAST_LOSS with noise from the seed."""
    progress = (step - 1) / max(steps - 1, 1)
    noise = random.Random(seed * 1_000_003 + step).uniform(-0.5, 0.5) if 1 < step < steps else 0.0
    return math.exp((1 - progress) * math.log(FIRST_LOSS) + progress * math.log(LAST_LOSS) + noise)


class ScriptedTrainer:
    """Pretends to train, openly."""

    name = "scripted"
    attempts = ATTEMPTS

    def __init__(self, step_s: float = 0.0) -> None:
        self._step_s = step_s
        self._cancelled: set[str] = set()
        self._running: set[str] = set()

    async def start(self) -> None:
        """Nothing to prepare."""

    async def stop(self) -> None:
        """Nothing to end: running jobs are tasks of the queue."""

    def health(self) -> dict[str, object]:
        """What the health route says about it."""
        return {"name": self.name, "device": "none", "ready": True}

    async def train(self, job: Job) -> AsyncGenerator[Event]:
        """Goes through the steps of the job; the last event is ``Done``, ``Failed`` or ``Cancelled``."""
        examples = (await asyncio.to_thread(Path(job.examples).read_text, encoding="utf-8")).splitlines()
        if not examples:
            yield Failed(3, "examples: the file holds none")
            return
        steps = total_steps(len(examples), job.epochs, job.batch_size)
        self._running.add(job.id)
        try:
            yield Started(len(examples), steps, device="none", precision="none", threads=0)
            for step in range(1, steps + 1):
                await asyncio.sleep(self._step_s)
                if job.id in self._cancelled:
                    yield Cancelled(step - 1)
                    return
                epoch = step * job.batch_size // len(examples)
                yield Step(step, epoch, draw_loss(step, steps, job.seed))
                if step in job.checkpoint_steps or step == steps:
                    yield Checkpoint(step, epoch, str(_save(Path(job.directory), step, examples)))
            yield Done(str(Path(job.directory) / f"checkpoint-{steps}"))
        finally:
            self._running.discard(job.id)
            self._cancelled.discard(job.id)

    async def cancel(self, job_id: str) -> None:
        """Stops a running job before its next step."""
        if job_id in self._running:
            self._cancelled.add(job_id)

    async def generate(self, prompt: Prompt) -> Reply:
        """Repeats the output of the nearest training example; a base model repeats what it was told."""
        turn = prompt.turns[-1]
        if prompt.adapter is not None:
            turn = _nearest(_load(Path(prompt.adapter)), turn.text)
        if prompt.alternatives is not None:
            raise TrainerUnavailableError(NO_VOCABULARY)
        text, call = _shape(turn, prompt.form)
        if not call:
            text = text[: min((place for stop in prompt.stop if (place := text.find(stop)) >= 0), default=len(text))]
        words = re.findall(r"\s*\S+", text)
        tokens = count_tokens(text)
        finish = "STOP"
        while words and tokens > prompt.max_output_tokens:
            words.pop()
            text = "".join(words)
            tokens, finish = count_tokens(text), "MAX_TOKENS"
        answer = Answer(text, tokens, "MAX_TOKENS" if finish == "MAX_TOKENS" else "STOP", call=call)
        asked = sum(count_tokens(turn.text) for turn in prompt.turns) + count_tokens(prompt.system)
        return Reply(asked, (answer,) * prompt.candidates)

    async def stream(self, prompt: Prompt) -> AsyncIterator[str | Reply]:
        """The answer word by word, then the whole reply."""
        reply = await self.generate(prompt)
        if not reply.answers[0].call:  # a call comes whole
            for word in re.findall(r"\s*\S+|\s+$", reply.answers[0].text):
                yield word
        yield reply

    async def count_tokens(self, base_model: str, texts: list[str]) -> list[int]:  # noqa: ARG002 one count for all
        """Lengths of texts by the server's own approximation."""
        return [count_tokens(text) for text in texts]

    async def tokenize(self, base_model: str, texts: list[str]) -> list[list[tuple[int, str]]]:  # noqa: ARG002
        """It has no vocabulary: always raises TrainerUnavailableError."""
        raise TrainerUnavailableError(NO_VOCABULARY)


def _save(directory: Path, step: int, examples: list[str]) -> Path:
    adapter = directory / f"checkpoint-{step}"
    adapter.mkdir(parents=True, exist_ok=True)
    (adapter / ANSWERS_NAME).write_text("\n".join(examples), encoding="utf-8")
    return adapter


def _load(adapter: Path) -> list[Example]:
    try:
        lines = (adapter / ANSWERS_NAME).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise TrainerUnavailableError(f"{adapter.name}: not an adapter of the scripted trainer") from error
    try:
        return [parse_example(line) for line in lines]
    except (json.JSONDecodeError, KeyError) as error:
        raise TrainerUnavailableError(f"{adapter.name}: a line of its {ANSWERS_NAME} cannot be read") from error


def _shape(turn: Turn, form: Form) -> tuple[str, bool]:
    """A turn in the form that is wanted, and whether it is a call.

    Raises:
        PromptRefusedError: nothing is known that fits.
    """
    try:
        if form.functions and form.calling != "none" and (turn.role == "call" or form.calling == "any"):
            return _shape_call(turn.text, form.functions), True
        if form.choices:
            return next(
                (one for one in form.choices if one.lower() == turn.text.strip().lower()), form.choices[0]
            ), False
        if form.schema:
            return json.dumps(fit(json.loads(form.schema), read_json(turn.text)), ensure_ascii=False), False
    except NoInstanceError as error:
        raise PromptRefusedError(str(error)) from error
    return turn.text, turn.role == "call"


def _shape_call(text: str, functions: tuple[Function, ...]) -> str:
    """A call of the function that a text names, else of the first, with what it says for arguments."""
    name, _, arguments = text.partition(" ")
    function = next((one for one in functions if one.name == name), functions[0])
    value = read_json(arguments if function.name == name else text)
    return f"{function.name} {json.dumps(fit(json.loads(function.parameters), value), ensure_ascii=False)}"


def _nearest(examples: list[Example], text: str) -> Turn:
    """The last turn of the example whose input shares most three-letter pieces with ``text``; the first of equals."""
    wanted = _pieces(text)

    def likeness(example: Example) -> float:
        asked = example.turns[-2].text if len(example.turns) > 1 else ""
        if asked == text:
            return 2.0
        pieces = _pieces(asked)
        return len(pieces & wanted) / max(len(pieces | wanted), 1)

    return max(examples, key=likeness).turns[-1]


def _pieces(text: str) -> frozenset[str]:
    padded = f"  {text.lower()}  "
    return frozenset(padded[i : i + 3] for i in range(len(padded) - 2))
