"""Evaluating a checkpoint: it answers the dataset's prompts, each answer is scored, the scores are summed up.

Scores and answers are written to Cloud Storage. What cannot be had, one metric or all, is said in the run's error; the
job itself goes on.

File names, and what a line of them is, as code that reads those of batch evaluations expects them (``assumed`` for
evaluations of tuning jobs, whose folders nobody has shown): ``evaluation_results.jsonl`` with ``jsonInstance`` and
``evaluationResults``, ``aggregation_results.jsonl`` with ``aggregationMetric``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.records import Checkpoint, EvaluationRun, Failure, TuningJob
from tuning_emulator.core.scoring import aggregate
from tuning_emulator.facts import emulator_errors
from tuning_emulator.jobs.asking import BLOCK_PROMPTS, ask_block, read_examples, take
from tuning_emulator.jobs.output import refuse_output
from tuning_emulator.jobs.trainer import Answering, PromptRefusedError, Target, TrainerUnavailableError
from tuning_emulator.storage.objects import ObjectStore, StorageError
from tuning_trainer.spec import Answer, Example, Prompt

RESULTS_NAME, AGGREGATION_NAME = "evaluation_results.jsonl", "aggregation_results.jsonl"


class Metric(Struct, frozen=True):
    """One metric of a configuration.

    Attributes:
        name: How texts call it: the place in the request.
        kind: Of its value, as a field of ``AggregationResult``; "" where it cannot be computed here.
        score: Of a response and its reference.
        aggregations: What is to be known of all scores, see ``core.scoring``.
    """

    name: str
    kind: str
    score: Callable[[str, str], float]
    aggregations: tuple[str, ...]


class EvaluationPlan(Struct, frozen=True):
    """What a job's checkpoints are to be held against.

    Attributes:
        folder: URI that gets a folder for each checkpoint, with a slash at its end.
        dataset_uri: Of the prompts and references. validation: Whether that is the validation set.
        sampling: How answers are drawn; its turns stand for nothing.
        uncomputed: What else of the configuration nothing here can do.
    """

    metrics: tuple[Metric, ...]
    folder: str
    dataset_uri: str
    validation: bool
    sampling: Prompt
    uncomputed: tuple[str, ...] = ()


class Evaluated(Struct, frozen=True):
    """One example: what was asked, what is right, and what was said (or why nothing was)."""

    example: Example
    reference: str
    said: Answer | PromptRefusedError

    @property
    def response(self) -> str | None:
        """The text of the answer."""
        return None if isinstance(self.said, PromptRefusedError) else self.said.text


class CheckpointEvaluation(Struct, frozen=True):
    """Evaluates the checkpoints of one job."""

    plan: EvaluationPlan
    answering: Answering
    objects: ObjectStore

    async def __call__(
        self, job: TuningJob, checkpoint: Checkpoint, examples: Path, keep_going: Callable[[], None]
    ) -> EvaluationRun:
        """The run of a checkpoint. Raises what ``keep_going`` raises."""
        run = EvaluationRun(checkpoint.id, self.plan.dataset_uri)
        target = Target(job.asked.base_model, checkpoint.adapter, job.progress.trainer, job.progress.weights)
        try:
            evaluated = await self._ask(target, examples, keep_going)
        except TrainerUnavailableError as error:
            return _fail(run, [emulator_errors.TRAINER_FAILED(reason=error)])
        said = [(one.response, one.reference) for one in evaluated if one.response is not None]
        scores = [
            (metric.kind, name, figure)
            for metric in self.plan.metrics
            if metric.kind and said
            for name, figure in aggregate([metric.score(*pair) for pair in said], metric.aggregations)
        ]
        folder = f"{self.plan.folder}checkpoint_{checkpoint.id}/"
        files: dict[str, Sequence[Mapping[str, Any]]] = {
            RESULTS_NAME: [self._format_row(one) for one in evaluated],
            AGGREGATION_NAME: [format_result(*one) for one in scores],
        }
        errors = self._list_errors(evaluated)
        try:
            await asyncio.to_thread(write_rows, self.objects, folder, files)
        except ApiError as error:
            errors, folder = [error, *errors], ""
        return _fail(structs.replace(run, scores=tuple(scores), output_uri=folder), errors)

    async def _ask(self, target: Target, examples: Path, keep_going: Callable[[], None]) -> list[Evaluated]:
        waiting, evaluated = read_examples(examples), []
        while block := take(waiting, BLOCK_PROMPTS):
            split = [split_example(example) for example in block]
            prompts = [replace(self.plan.sampling, turns=asked.turns, system=asked.system) for asked, _ in split]
            answers = await ask_block(self.answering, target, prompts, keep_going)
            evaluated += [Evaluated(*pair, said) for pair, said in zip(split, answers, strict=True)]
        return evaluated

    def _list_errors(self, evaluated: Sequence[Evaluated]) -> list[ApiError]:
        """What of the configuration could not be had."""
        errors = []
        missing = (*(metric.name for metric in self.plan.metrics if not metric.kind), *self.plan.uncomputed)
        if missing:
            errors.append(emulator_errors.METRIC_UNCOMPUTED(metrics=", ".join(missing)))
        if refused := [one.said for one in evaluated if isinstance(one.said, PromptRefusedError)]:
            reason = str(refused[0])
            errors.append(emulator_errors.PROMPTS_UNANSWERED(count=len(refused), of=len(evaluated), reason=reason))
        return errors

    def _format_row(self, one: Evaluated) -> Mapping[str, Any]:
        asked = "\n".join(turn.text for turn in one.example.turns)
        instance = {"prompt": asked, "response": one.response or "", "reference": one.reference}
        results: list[Mapping[str, Any]] = []
        for metric in self.plan.metrics:
            if one.response is None:
                results.append(_format_error(emulator_errors.PROMPT_REFUSED(reason=one.said)))
            elif not metric.kind:
                results.append(_format_error(emulator_errors.METRIC_UNCOMPUTED(metrics=metric.name)))
            else:
                results.append({_camel(metric.kind): {"score": metric.score(one.response, one.reference)}})
        return {"jsonInstance": json.dumps(instance, ensure_ascii=False), "evaluationResults": results}


def split_example(example: Example) -> tuple[Example, str]:
    """What is asked, up to the last turn that is the model's, and what is right there."""
    last = max(index for index, turn in enumerate(example.turns) if turn.learned)
    return replace(example, turns=example.turns[:last], rejected=None), example.turns[last].text


def format_result(kind: str, aggregation: str, score: float) -> dict[str, Any]:
    """A line of the aggregation file: an ``AggregationResult``."""
    return {"aggregationMetric": aggregation, _camel(kind): {"score": score}}


def write_rows(objects: ObjectStore, folder: str, files: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Writes JSON lines to objects of a folder.

    Raises:
        ApiError: the bucket cannot be written to.
    """
    for name, rows in files.items():
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        try:
            objects.write(f"{folder}{name}", lines.encode())
        except StorageError as error:
            raise refuse_output(error, folder) from error


def _fail(run: EvaluationRun, errors: Sequence[ApiError]) -> EvaluationRun:
    """The run with its troubles, the worst first; as it is without any."""
    if not errors:
        return run
    return structs.replace(run, error=Failure(errors[0].code, " ".join(error.message for error in errors)))


def _format_error(error: ApiError) -> dict[str, Any]:
    return {"error": {"code": int(error.code), "message": error.message}}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
