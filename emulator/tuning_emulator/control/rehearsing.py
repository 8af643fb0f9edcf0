"""Rehearses a tuning: rows are split, the trainer tries them in a process of its own, what came of it is summed up.

``python -m tuning_emulator.control.rehearsing REQUEST.json`` does it for a running emulator: counting and comparing
many rows takes seconds, in which the server has others to answer.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tuning_emulator.control.dataset_report import rename_place
from tuning_emulator.control.dry_run import BrokenRule, DryRun, TuningRequest, dry_run, read_dataset
from tuning_emulator.control.rehearsal import Rehearsal, describe_rehearsal, sum_up
from tuning_emulator.core.records import Api, Hyperparameters
from tuning_emulator.datasets.lines import DatasetError
from tuning_emulator.jobs.lora import explain_missing, missing_packages
from tuning_emulator.storage.objects import StorageError
from tuning_trainer.spec import Device, Example, format_example

LEARNING_RATE = 1e-3
MOST_EPOCHS = 5
"""Unless asked for more: the service's defaults count on a model that learns less at a time."""
MOST_ASKED = 100
LEAST_HELD = 2
HELD_OUT = 0.2
_CHARACTERS_PER_TOKEN = 2
_MOST_NEW_TOKENS = 256

Tell = Callable[[int, int], None]
"""Is told how many steps are done, and how many there are."""


class Chosen(msgspec.Struct, frozen=True):
    """What is tuned, a directory or ``embedded``, and where."""

    base_model: str
    device: Device = "auto"


class NoRehearsalError(Exception):
    """Nothing was rehearsed; the text says why."""


def rehearse(
    request: TuningRequest, checked: DryRun, examples: Sequence[Example], share: float, chosen: Chosen, tell: Tell
) -> Rehearsal:
    """Splits the rows, lets the trainer try them, and compares them with each other.

    Args:
        examples: Those of the request's dataset.
        share: Of them that are held out where there is no validation dataset.

    Raises:
        NoRehearsalError: there are too few rows, or the trainer is not there or says why not.
    """
    if missing := missing_packages():
        raise NoRehearsalError(f"rehearse {explain_missing(missing)}")
    order = list(range(len(examples)))
    random.Random(0).shuffle(order)
    if request.validation:
        held, held_numbers = read_dataset(request, request.validation), []
    else:
        count = max(LEAST_HELD, round(len(order) * share))
        held_numbers, order = sorted(order[:count]), order[count:]
        held = [examples[number] for number in held_numbers]
    if not order:
        raise NoRehearsalError(
            f"{request.dataset}: {len(examples)} rows are too few to learn from some and hold out others"
        )
    rows = [examples[number] for number in order]
    report = _ask_trainer(request, checked, rows, held, chosen, tell)
    return sum_up(report, examples, order, held, held_numbers)


def _ask_trainer(
    request: TuningRequest,
    checked: DryRun,
    rows: Sequence[Example],
    held: Sequence[Example],
    chosen: Chosen,
    tell: Tell,
) -> dict[str, Any]:
    """The trainer's report."""
    used = checked.hyperparameters
    assert used is not None
    longest = max(len(turn.text) for row in held for turn in row.turns if turn.learned)
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        train, asked = Path(folder) / "train.jsonl", Path(folder) / "held.jsonl"
        for path, some in ((train, rows), (asked, held)):
            path.write_text("".join(format_example(one) + "\n" for one in some), "utf-8")
        values = {
            "directory": folder,
            "train": str(train),
            "held": str(asked),
            "base_model": chosen.base_model,
            "device": chosen.device,
            "epochs": request.asked.epochs or min(used.epochs or MOST_EPOCHS, MOST_EPOCHS),
            "batch_size": used.batch_size or 4,
            "learning_rate": LEARNING_RATE * (used.learning_rate_multiplier or 1),
            "adapter_size": used.adapter_size or 4,
            "asked": MOST_ASKED,
            "new_tokens": min(longest // _CHARACTERS_PER_TOKEN + 8, _MOST_NEW_TOKENS),
        }
        path = Path(folder) / "request.json"
        path.write_text(json.dumps(values), "utf-8")
        report = _run_trainer(path, tell)
    return {**report, "epochs": values["epochs"]}


def _run_trainer(request: Path, tell: Tell) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "tuning_trainer", "rehearse", str(request)]
    report: dict[str, Any] = {}
    with tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True) as trainer:  # noqa: S603 our own module
            assert trainer.stdout is not None
            for line in trainer.stdout:
                event = json.loads(line)
                if event["event"] == "report":
                    report = event
                else:
                    tell(event["done"], event["total"])
        if not report:
            said.seek(0)
            lines = said.read().strip().splitlines()
            raise NoRehearsalError(lines[-1] if lines else "the trainer ended without a word")
    return report


# --- for a running emulator


class Asked(msgspec.Struct, frozen=True):
    """What to rehearse.

    Attributes:
        dataset, validation: Files. name, validation_name: What they are called in what is said.
        weights: What the chosen base model is called.
        examples, report: Files to be written: the dataset's examples as they are numbered, and what came of it.
    """

    api: Api
    model: str
    dataset: str
    name: str
    validation: str
    validation_name: str
    location: str
    chosen: Chosen
    weights: str
    hyperparameters: Hyperparameters
    holdout: float
    examples: str = ""
    report: str = ""

    def rename(self, value: Any) -> Any:
        """What is said, without the places where the files are kept meanwhile."""
        value = rename_place(value, self.dataset, self.name)
        return rename_place(value, self.validation, self.validation_name) if self.validation else value


def answer(asked: Asked, tell: Tell) -> None:
    """Checks, rehearses, and writes both files.

    Raises:
        NoRehearsalError: the service would refuse the dataset, or as ``rehearse``. OSError and the like: no space.
    """
    request = TuningRequest(
        asked.dataset,
        asked.model,
        asked.api,
        validation=asked.validation,
        location=asked.location,
        asked=asked.hyperparameters,
        processes=1,
    )
    broken: list[BrokenRule] = []
    checked = dry_run(request, broken.append)
    if not checked.good:
        raise NoRehearsalError(_explain_refusal(broken, checked))
    examples = read_dataset(request, request.dataset)
    Path(asked.examples).write_text("".join(format_example(one) + "\n" for one in examples), "utf-8")
    came = rehearse(request, checked, examples, asked.holdout, asked.chosen, tell)
    report = asked.rename(describe_rehearsal(request, checked, came)) | {"base_model": asked.weights}
    Path(asked.report).write_bytes(msgspec.json.encode(report))


def _explain_refusal(broken: Sequence[BrokenRule], checked: DryRun) -> str:
    """The first of what is wrong with a dataset, and how much there is."""
    texts = [f"line {one.line}: {one.message}" if one.line else one.message for one in broken[:1]]
    texts += [f"{one.text} {one.remedy}" for one in checked.diagnoses[:1] if one.container]
    more = f" (and {len(broken) - 1:,} more)" if len(broken) > 1 else ""
    return f"the dataset would be refused; nothing was rehearsed: {' '.join(texts)}{more}"


def main(path: Path) -> int:
    """Prints JSON lines, ``{"done": …, "total": …}``. 0: the report is written; 1: not, stderr's last line says why."""

    def tell(done: int, total: int) -> None:
        sys.stdout.write(json.dumps({"done": done, "total": total}) + "\n")
        sys.stdout.flush()

    asked = msgspec.json.decode(path.read_bytes(), type=Asked)
    try:
        answer(asked, tell)
    except (NoRehearsalError, DatasetError, StorageError, OSError, ValueError) as error:
        sys.stderr.write(" ".join(str(asked.rename(str(error))).split()) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
