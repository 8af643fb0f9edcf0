"""What a job runs with: what the request said, and the service's defaults for the rest."""

from __future__ import annotations

from emulator.core.records import Api, Hyperparameters, TuningJob, TuningMethod
from emulator.facts.defaults import Defaults, gemini_defaults, vertex_defaults
from emulator.facts.models import find_base_model


def resolve_hyperparameters(job: TuningJob, examples: int) -> Hyperparameters:
    """Fills in what the request left open; the defaults depend on the number of examples.

    ``learning_rate`` is the rate that is trained with: as given, or the default times the multiplier.
    """
    return fill_in(job.requested, find_defaults(job.api, job.base_model, job.method, examples))


def fill_in(asked: Hyperparameters, defaults: Defaults) -> Hyperparameters:
    """What was asked for, and the defaults for the rest."""
    multiplier = asked.learning_rate_multiplier
    if multiplier is None:
        multiplier = defaults.learning_rate_multiplier
    rate = asked.learning_rate if asked.learning_rate is not None else defaults.learning_rate * multiplier
    return Hyperparameters(
        epochs=asked.epochs or defaults.epochs,
        batch_size=asked.batch_size or defaults.batch_size,
        learning_rate=rate,
        learning_rate_multiplier=multiplier,
        adapter_size=asked.adapter_size or defaults.adapter_size,
        beta=defaults.beta if asked.beta is None else asked.beta,
    )


def find_defaults(api: Api, base_model: str, method: TuningMethod, examples: int) -> Defaults:
    """The defaults of an API, a base model and a method for so many examples."""
    if api == "gemini":
        return gemini_defaults(examples)
    return vertex_defaults(find_base_model("vertex", base_model), method.value, examples)
