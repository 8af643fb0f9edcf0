"""The table of hyperparameters in trainer/README.md: what a request says, and what the trainer does with it."""

from __future__ import annotations

from tuning_emulator.core.records import TuningMethod
from tuning_emulator.facts.defaults import Defaults
from tuning_emulator.facts.limits import ADAPTER_SIZES
from tuning_emulator.jobs.dataset import find_defaults
from tuning_trainer.learning.loop import HIGH_LEARNING_RATE
from tuning_trainer.native.lora import ALPHA

SIZES = (15, 200, 201, 500, 501, 5000, 5001, 1_000_000)
"""Numbers of examples at which defaults are looked at; the services choose by them."""

GEMINI, OPEN = "gemini-2.5-flash", "qwen/qwen3@qwen3-32b"
HEADINGS = (
    "hyperparameter",
    "Gemini API",
    "Vertex AI",
    "in the trainer",
    "left open, Gemini API",
    "left open, Vertex AI",
)


def list_rows() -> list[tuple[str, ...]]:
    """The table's rows; the defaults are asked of the code that jobs use."""
    ranks = ", ".join(str(rank) for rank in sorted(ADAPTER_SIZES.values()))
    return [
        ("epochs", "`epochCount`", "`epochCount`", "passes over the examples", *describe("epochs")),
        ("batch size", "`batchSize`", "`batchSize`, where the spec has it", "examples a step", *describe("batch_size")),
        (
            "learning rate",
            "`learningRate`",
            "`learningRate`, where the spec has it",
            f"AdamW's, constant, as given; above {HIGH_LEARNING_RATE:g} a warning that tuning only memorises",
            *describe("learning_rate"),
        ),
        (
            "multiplier",
            "`learningRateMultiplier`",
            "`learningRateMultiplier`",
            "times the learning rate that would be the default",
            *describe("learning_rate_multiplier"),
        ),
        (
            "adapter size",
            "none",
            f"`adapterSize`: {ranks}",
            f"LoRA's rank on all linear modules; alpha is {ALPHA} for every rank",
            *describe("adapter_size"),
        ),
        ("beta", "none", "`beta` of preference tuning", "weight of the KL term", "none", describe("beta")[1]),
    ]


def describe(field: str) -> tuple[str, str]:
    """A default of both APIs, with the number of examples from which it is another; of open models where it differs."""
    gemini = _steps([(size, _find("gemini", GEMINI, size)) for size in SIZES], field)
    vertex = _steps([(size, _find("vertex", GEMINI, size)) for size in SIZES], field)
    opened = _steps([(size, _find("vertex", OPEN, size)) for size in SIZES], field)
    return gemini, vertex if opened == vertex else f"{vertex}; open models {opened}"


def _find(api: str, base_model: str, examples: int) -> Defaults:
    return find_defaults("gemini" if api == "gemini" else "vertex", base_model, TuningMethod.SUPERVISED, examples)


def _steps(found: list[tuple[int, Defaults]], field: str) -> str:
    """``5``, or ``4, from 501 examples 16`` where it depends on their number."""
    parts: list[str] = []
    last = None
    for size, defaults in found:
        value = getattr(defaults, field)
        if value != last:
            parts.append(f"from {size} examples {value:g}" if parts else f"{value:g}")
            last = value
    return ", ".join(parts)
