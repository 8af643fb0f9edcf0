"""The options of ``@pytest.mark.tuning_emulator``: read, checked, and done at an emulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from msgspec import UNSET, Struct, UnsetType

from tuning_emulator.core.job_control import format_pace, parse_pace
from tuning_emulator.testing.client import Control, ControlError

TrainerName: TypeAlias = Literal["scripted", "lora"]


class MarkerError(ValueError):
    """A marker's option is wrong; the text names it, its value and what would be right."""


class Options(Struct, frozen=True):
    """What a test's marker asks for; UNSET or None is left as it is, but for ``as_of``.

    Attributes:
        pace: When jobs go on: ``manual``, ``time:60``.
        scenario: What is there when the test begins: a packaged scenario's name, a YAML file, or one that is spelt out.
        faults: What is armed when it begins, each as ``Control.faults.add`` takes it.
        as_of: The day as of which the services are played; ``today``; None: everything that ever worked still does.
        base_models: Weights that play base models, of one (``{"gemini-2.5-flash": "smollm2"}``) or, as a name, of all.
        trainer: What trains; by name of weights it is ``lora``, which alone plays them.
    """

    pace: str | None = None
    scenario: str | Path | Mapping[str, Any] | None = None
    faults: Sequence[Mapping[str, Any]] | None = None
    as_of: str | date | UnsetType | None = UNSET
    base_models: str | Mapping[str, str] | None = None
    trainer: TrainerName | None = None

    def choose_trainer(self) -> TrainerName | None:
        """The trainer that it wants; None: any."""
        return self.trainer or ("lora" if self.base_models is not None else None)


class _Form(NamedTuple):
    """What an option takes."""

    takes: Callable[[Any], bool]
    wanted: str


def _is_mapping_of_texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(text, str) for pair in value.items() for text in pair)


def _is_day(value: Any) -> bool:
    if not isinstance(value, str):
        return isinstance(value, date) and not isinstance(value, datetime)
    try:
        return value == "today" or bool(date.fromisoformat(value))
    except ValueError:
        return False


_FORMS = {
    "pace": _Form(
        lambda value: isinstance(value, str), 'a pace: "training", "time:SECONDS", "polls:NUMBER" or "manual"'
    ),
    "scenario": _Form(
        lambda value: isinstance(value, str | Path | Mapping),
        "the name of a packaged scenario, a pathlib.Path of a YAML file, or a mapping",
    ),
    "faults": _Form(
        lambda value: isinstance(value, list | tuple) and all(isinstance(one, Mapping) for one in value),
        'a list of mappings, [{"method": "GetTunedModel", "code": "UNAVAILABLE", "times": 2}]',
    ),
    "as_of": _Form(
        _is_day,
        'a date ("2024-08-01" or a datetime.date), "today", or None: everything that ever worked still does',
    ),
    "base_models": _Form(
        lambda value: isinstance(value, str) or _is_mapping_of_texts(value),
        'the name of weights ("smollm2"), or weights by base model ({"gemini-2.5-flash": "smollm2"})',
    ),
    "trainer": _Form(lambda value: value in get_args(TrainerName), '"scripted" or "lora"'),
}


def read_options(markers: Sequence[tuple[tuple[Any, ...], Mapping[str, Any]]]) -> Options:
    """The options of a test.

    Args:
        markers: Arguments by place and by name of its markers, the farthest (of the module) first; the nearest wins.

    Raises:
        MarkerError: one is wrong.
    """
    found: dict[str, Any] = {}
    for args, kwargs in markers:
        if args:
            raise MarkerError(
                f"{_quote(args[0])}: options have names; write NAME={_quote(args[0])} with {_list_names()}"
            )
        found |= {name: _check(name, value) for name, value in kwargs.items()}
    options = Options(**found)
    if options.base_models is not None and options.trainer == "scripted":
        raise MarkerError('trainer="scripted": base_models are played by "lora" alone; leave one of both out')
    return options


def _check(name: str, value: Any) -> Any:
    form = _FORMS.get(name)
    if form is None:
        raise MarkerError(f"{name}={_quote(value)}: there is no such option; there are {_list_names()}")
    if value is not None and not form.takes(value):
        raise MarkerError(f"{name}={_quote(value)}: it takes {form.wanted}")
    if name == "pace" and value is not None:
        try:
            return format_pace(parse_pace(value))
        except ValueError as error:
            raise MarkerError(f"{name}={_quote(value)}: {error}") from error
    return value


def apply_options(control: Control, options: Options) -> None:
    """Does what they ask for; ``trainer`` alone is up to whoever starts the emulator.

    Raises:
        MarkerError: the emulator refuses one.
    """
    if options.base_models is not None:
        weights = {"*": options.base_models} if isinstance(options.base_models, str) else options.base_models
        _do("base_models", options.base_models, lambda: control.base_models.set(**weights))
    if options.scenario is not None:
        scenario = options.scenario
        _do("scenario", scenario, lambda: control.scenarios.load(scenario))
    if options.as_of is not UNSET:
        day = options.as_of
        _do("as_of", day, lambda: control.as_of.set(day))
    if options.pace is not None:
        pace = options.pace
        _do("pace", pace, lambda: control.pace.set(pace))
    for index, fault in enumerate(options.faults or ()):
        _do(f"faults[{index}]", fault, partial(control.faults.add, **fault))


def _do(name: str, value: Any, work: Callable[[], object]) -> None:
    try:
        work()
    except (ControlError, FileNotFoundError, IsADirectoryError, TypeError) as error:
        raise MarkerError(f"{name}={_quote(value)}: {error}") from error


def _quote(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _list_names() -> str:
    return ", ".join(_FORMS)
