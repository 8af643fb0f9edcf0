"""Faults by name: the troubles that people meet on their first days, each with its calls and the service's words."""

from __future__ import annotations

from msgspec import Struct

from tuning_emulator.core.as_of import Day
from tuning_emulator.core.errors import ErrorText, FactError
from tuning_emulator.facts import gemini_errors, vertex_errors

_CREATE = ("CreateTuningJob",)
_GENERATION = ("*[Gg]enerateContent", "ChatCompletions")


class NamedFault(Struct, frozen=True):
    """One trouble.

    Attributes:
        rows: What each API says, by its name; several that replaced one another in turn.
        methods: Globs over the methods that meet it, where the fault names none.
        meaning: When the services say so.
    """

    rows: dict[str, tuple[ErrorText, ...]]
    methods: tuple[str, ...]
    meaning: str

    def choose(self, api: str, day: Day) -> ErrorText:
        """What an API says on a day."""
        return day.choose(self.rows[api])


def _vertex(row: ErrorText, methods: tuple[str, ...], meaning: str) -> NamedFault:
    return NamedFault({"vertex": (row,)}, methods, meaning)


NAMED_FAULTS: dict[str, NamedFault] = {
    "service_agents_provisioned": _vertex(
        vertex_errors.SERVICE_AGENTS_PROVISIONED,
        _CREATE,
        "A project uses Cloud Storage with Vertex AI for the first time; a few minutes later it works.",
    ),
    "global_not_onboarded": _vertex(
        vertex_errors.GLOBAL_NOT_ONBOARDED, _CREATE, "The model cannot be tuned through `global` yet."
    ),
    "concurrent_jobs": _vertex(
        vertex_errors.VERTEX_CONCURRENT_JOBS, _CREATE, "The project's quota of tuning jobs is used up."
    ),
    "provisioned_throughput": _vertex(
        vertex_errors.VERTEX_PROVISIONED_THROUGHPUT,
        _GENERATION,
        "A project's Provisioned Throughput is used up, and it wants no overages.",
    ),
    "out_of_capacity": _vertex(
        vertex_errors.VERTEX_OUT_OF_CAPACITY, _GENERATION, "The service has no room for a prompt (seen in 2024)."
    ),
    "resource_exhausted": NamedFault(
        {"gemini": (gemini_errors.GEMINI_EXHAUSTED,), "vertex": (vertex_errors.VERTEX_EXHAUSTED,)},
        _GENERATION,
        "The quota of requests is used up; pay-as-you-go users of Vertex AI meet it at busy hours.",
    ),
    "overloaded": NamedFault(
        {
            "gemini": (gemini_errors.GEMINI_OVERLOADED, gemini_errors.GEMINI_HIGH_DEMAND),
            "vertex": (vertex_errors.VERTEX_UNAVAILABLE,),
        },
        _GENERATION,
        "The model, or the service, has more to do than it can.",
    ),
}
"""By name."""


def find_named_fault(name: str) -> NamedFault:
    """The trouble of that name.

    Raises:
        FactError: there is none; the text lists those that there are.
    """
    if name not in NAMED_FAULTS:
        raise FactError(f"name: {name!r} is no fault; give one of {', '.join(NAMED_FAULTS)}")
    return NAMED_FAULTS[name]
