"""Black-box distillation: a teacher answers the prompts, its answers become the training set.

A job that was interrupted goes on after the last answer that it wrote down.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tuning_emulator.core.records import DatasetStatistics, TuningJob, TuningMethod
from tuning_emulator.datasets.check import MediaReading, check_dataset
from tuning_emulator.datasets.functions import make_contents
from tuning_emulator.datasets.lines import (
    DatasetError,
    Line,
    dataset_form,
    decode_line,
    format_line,
    parse_line,
    read_words,
)
from tuning_emulator.datasets.statistics import Tally
from tuning_emulator.facts import dataset_errors, emulator_errors, vertex_errors
from tuning_emulator.facts.limits import TEACHER_MAX_TOKENS
from tuning_emulator.jobs.asking import BLOCK_PROMPTS, ask_block, read_examples, take
from tuning_emulator.jobs.dataset import DatasetPreparation, Prepared, find_limits, log_reduced
from tuning_emulator.jobs.registry import find_checkpoint, find_named_version
from tuning_emulator.jobs.trainer import Answering, PromptRefusedError, Target, TrainerUnavailableError
from tuning_emulator.store.store import Store
from tuning_trainer.spec import Answer, Example, Prompt, Turn, format_example

PROMPTS_NAME, ANSWERS_NAME, LABELLED_NAME = "prompts.jsonl", "teacher.jsonl", "labelled.jsonl"
"""In the job's directory: what is asked, what was answered so far (one line a prompt), the two as a dataset."""


class Distillation(Struct, frozen=True):
    """Makes the training set of a distillation job."""

    store: Store
    preparation: DatasetPreparation
    answering: Answering

    async def __call__(
        self, job: TuningJob, examples: Path, validation: Path, keep_going: Callable[[], None]
    ) -> Prepared:
        """Writes the examples for the trainer, and what the service reports of them.

        Raises:
            ApiError: a dataset is refused, or there is no teacher, or it does not answer.
            StoppedError: the job was asked to stop.
        """
        teacher = find_teacher(self.store, self.answering, job)
        if teacher is None:
            raise vertex_errors.TEACHER_NOT_FOUND(name=job.asked.tuned_teacher)
        prompts = examples.with_name(PROMPTS_NAME)
        if not prompts.exists():
            await asyncio.to_thread(self._read_prompts, job, prompts, keep_going)
        await self._label(teacher, prompts, examples.with_name(ANSWERS_NAME), keep_going)
        return await asyncio.to_thread(self._check, job, examples, validation, keep_going)

    def _read_prompts(self, job: TuningJob, destination: Path, keep_going: Callable[[], None]) -> None:
        """Checks the prompts and writes them as examples without an answer; all of them or no file."""
        lines = self.preparation.read_lines(job, job.asked.training_uri, keep_going)
        whole = destination.with_suffix(".tmp")
        limits, count, seen = find_limits(job.api, job.asked.base_model), 0, Tally()
        with whole.open("w", encoding="utf-8") as file:
            for line in read_prompts(lines, self.preparation.find_reader(job, keep_going), seen):
                count += 1
                file.write(format_example(format_line(line)) + "\n")
        log_reduced(job, seen.reduced)
        if count == 0:
            raise DatasetError(dataset_errors.EMPTY_DATASET)
        if count > limits.max_examples:
            raise DatasetError(dataset_errors.TOO_MANY_EXAMPLES, limit=limits.max_examples)
        whole.replace(destination)

    async def _label(self, teacher: Target, asked: Path, answers: Path, keep_going: Callable[[], None]) -> None:
        """Lets the teacher answer what is not answered yet, a block at a time."""
        waiting = read_examples(asked)
        for _ in range(trim_lines(answers)):
            next(waiting)
        while block := take(waiting, BLOCK_PROMPTS):
            prompts = [_make_prompt(example) for example in block]
            try:
                said = await ask_block(self.answering, teacher, prompts, keep_going)
            except TrainerUnavailableError as error:
                raise emulator_errors.TEACHER_FAILED(reason=error) from error
            await asyncio.to_thread(append_lines, answers, [_write_down(one) for one in said])

    def _check(self, job: TuningJob, examples: Path, validation: Path, keep_going: Callable[[], None]) -> Prepared:
        """Holds the labelled dataset to the rules of a training set, and writes it for the trainer."""
        folder = examples.parent
        labelled, limits = folder / LABELLED_NAME, find_limits(job.api, job.asked.base_model)
        kept, refused = write_labelled(folder / PROMPTS_NAME, folder / ANSWERS_NAME, labelled)
        if not kept:
            number, reason = refused[0]
            raise DatasetError(emulator_errors.ALL_DROPPED, examples=len(refused), example=number, reason=reason)
        with labelled.open("rb") as file:
            checked = check_dataset((line.rstrip(b"\n") for line in file), "contents", limits, examples)
        form = dataset_form(TuningMethod.SUPERVISED, job.asked.base_model) or "contents"
        self.preparation.read_validation(job, checked.examples, form, validation, keep_going)
        return Prepared(checked.examples - checked.dropped_count, add_refused(checked, kept, refused))


def find_teacher(store: Store, answering: Answering, job: TuningJob) -> Target | None:
    """Who answers the prompts: a base model, played by what plays it here, or a tuned one; None if it is not there."""
    asked = job.asked
    if asked.base_teacher:
        return answering.target_base(asked.base_teacher, job.project)
    version = find_named_version(store, asked.tuned_teacher)
    checkpoint = find_checkpoint(store, version) if version else None
    tuned = store.get_job_by_uid(version.job_uid) if version else None
    if version is None or checkpoint is None or tuned is None:
        return None
    return Target(version.base_model, checkpoint.adapter, tuned.progress.trainer, tuned.progress.weights)


def _make_prompt(asked: Example) -> Prompt:
    return Prompt(asked.turns, asked.system, max_output_tokens=TEACHER_MAX_TOKENS.value)


def _write_down(said: Answer | PromptRefusedError) -> dict[str, str]:
    """The teacher's answer as ``text``, or as ``refused`` why it has none."""
    if isinstance(said, PromptRefusedError):
        return {"refused": emulator_errors.TEACHER_REFUSED.format(reason=said)}
    return {"text": said.text} if said.text else {"refused": emulator_errors.TEACHER_SILENT.text}


def read_prompts(lines: Iterable[bytes], read_media: MediaReading, seen: Tally) -> Iterator[Line]:
    """The prompts of a dataset, each ending with the user, with words in the place of files that can be read.

    Raises:
        DatasetError: a line breaks a rule.
    """
    number = 0
    for row, data in enumerate(lines):
        if data.strip():
            number += 1
            line = parse_line(data, row, "prompts")
            if line.media:
                found = read_media(decode_line(data))
                for reason in filter(None, (found.dropped, *found.reduced)):
                    seen.reduce(reason, number)
                if not found.dropped:
                    read_words(line, found.values, "prompts", found.tokens, found.images)
            yield line


def trim_lines(path: Path) -> int:
    """Takes away a last line that a kill has cut off; how many whole ones there are."""
    if not path.exists():
        return 0
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    return whole.count(b"\n")


def append_lines(path: Path, values: list[dict[str, str]]) -> None:
    """Adds JSON lines, safe on the disk when this returns."""
    with path.open("ab") as file:
        file.write("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values).encode())
        file.flush()
        os.fsync(file.fileno())


def write_labelled(prompts: Path, answers: Path, target: Path) -> tuple[list[int], list[tuple[int, str]]]:
    """Joins prompts and answers to a dataset as the service reads them.

    Returns:
        1-based numbers of the prompts that have an answer, and (number, reason) of those that have none.
    """
    kept: list[int] = []
    refused: list[tuple[int, str]] = []
    with answers.open(encoding="utf-8") as said, target.open("w", encoding="utf-8") as file:
        for number, (asked, line) in enumerate(zip(read_examples(prompts), said, strict=True), 1):
            answer = json.loads(line)
            if "text" in answer:
                kept.append(number)
                file.write(json.dumps(_label_contents(asked, answer["text"]), ensure_ascii=False) + "\n")
            else:
                refused.append((number, answer["refused"]))
    return kept, refused


def _label_contents(asked: Example, answer: str) -> dict[str, Any]:
    value: dict[str, Any] = {"contents": make_contents((*asked.turns, Turn("model", answer)))}
    if asked.system:
        value["systemInstruction"] = {"parts": [{"text": asked.system}]}
    return value


def add_refused(statistics: DatasetStatistics, kept: list[int], refused: list[tuple[int, str]]) -> DatasetStatistics:
    """The statistics with the prompts that have no answer among the dropped examples, all numbered as prompts."""
    dropped = [(kept[index - 1], reason) for index, reason in statistics.dropped]
    reduced = [(reason, count, kept[first - 1]) for reason, count, first in statistics.reduced]
    return replace(
        statistics,
        examples=statistics.examples + len(refused),
        dropped_count=statistics.dropped_count + len(refused),
        dropped=tuple(sorted([*dropped, *refused])),
        reduced=tuple(reduced),
    )
