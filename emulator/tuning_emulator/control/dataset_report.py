"""A dry run as one JSON object: what ``tuning-emulator validate --json`` prints and the control API answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from typing_extensions import TypedDict

from tuning_emulator.control.dry_run import BrokenRule, DryRun, TuningRequest

_MILLION = 1_000_000


class BrokenRuleReport(TypedDict):
    """A rule of the service that is broken. ``file`` is "" and ``line`` None where the request itself is to blame."""

    file: str
    line: int | None
    rule: str
    message: str


class DiagnosisReport(TypedDict):
    """What a file is that is not what the service takes. ``remedy``: a command, or other advice."""

    container: bool
    text: str
    remedy: str


class ReducedReport(TypedDict):
    """What the trainer here does not read of examples. ``first``: the first of them, from 1."""

    reason: str
    examples: int
    first: int


class EmulatorReport(TypedDict):
    """What this emulator says of the files, and what it can do with them; none of it is a service's."""

    diagnoses: list[DiagnosisReport]
    reduced: list[ReducedReport]


class CostReport(TypedDict):
    """What the job would cost, with the price, and how well that is known."""

    usd: float
    usd_per_million_training_tokens: float
    grade: str
    dated: str
    source: str


class DatasetCheck(TypedDict):
    """``valid``: whether the service would take it; ``errors``: the first of ``error_count`` broken rules.

    Statistics and hyperparameters are None where nothing could be counted; tokens are approximate, for the service's
    tokenizer is not public. ``training_tokens``: billable tokens times epochs. ``cost``: None where no price is known.
    """

    dataset: str
    api: str
    model: str
    method: str
    valid: bool
    error_count: int
    errors: list[BrokenRuleReport]
    emulator: EmulatorReport
    statistics: dict[str, Any] | None
    validation_statistics: dict[str, Any] | None
    hyperparameters: dict[str, Any] | None
    steps: int | None
    billable_tokens: int | None
    tokens_are_approximate: bool
    training_tokens: int | None
    cost: CostReport | None


def describe_check(request: TuningRequest, found: DryRun, kept: Sequence[BrokenRule]) -> DatasetCheck:
    """What came of a dry run. ``kept``: the broken rules that are shown."""
    counted = found.statistics is not None
    return DatasetCheck(
        dataset=request.dataset,
        api=request.api,
        model=request.base_model,
        method=request.method.value,
        valid=found.good,
        error_count=found.errors,
        errors=[
            BrokenRuleReport(file=one.where, line=one.line or None, rule=one.rule, message=one.message) for one in kept
        ],
        emulator=EmulatorReport(
            diagnoses=msgspec.to_builtins(found.diagnoses),
            reduced=[
                ReducedReport(reason=reason, examples=count, first=first)
                for reason, count, first in (found.statistics.reduced if found.statistics else ())
            ],
        ),
        statistics=msgspec.to_builtins(found.statistics),
        validation_statistics=msgspec.to_builtins(found.validation),
        hyperparameters=msgspec.to_builtins(found.hyperparameters),
        steps=found.steps if counted else None,
        billable_tokens=found.statistics.billable_tokens if found.statistics else None,
        tokens_are_approximate=True,
        training_tokens=found.training_tokens if counted else None,
        cost=describe_cost(found),
    )


def describe_cost(found: DryRun) -> CostReport | None:
    """What the job would cost; None where nothing could be counted, or no price is known."""
    if found.price is None or found.statistics is None:
        return None
    return CostReport(
        usd=found.training_tokens * found.price.value / _MILLION,
        usd_per_million_training_tokens=found.price.value,
        grade=found.price.grade,
        dated=found.price.dated,
        source=found.price.source,
    )


def rename_place(value: Any, place: str, name: str) -> Any:
    """A report without the place where the body was kept meanwhile."""
    if isinstance(value, dict):
        return {key: rename_place(one, place, name) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [rename_place(one, place, name) for one in value]
    if not isinstance(value, str):
        return value
    return value.replace(place, name)
