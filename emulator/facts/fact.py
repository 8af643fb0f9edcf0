"""A row of what the real services say: the text or figure, where it comes from, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter
from typing import Literal, TypeAlias, get_args

Grade: TypeAlias = Literal["recorded", "documented", "assumed"]
"""``recorded``: seen from the real service. ``documented``: the service's own pages, protos or clients say so.
``assumed``: a guess in the style of the service, to be replaced when somebody records the real thing."""

GRADES: tuple[Grade, ...] = get_args(Grade)


class FactError(ValueError):
    """A row or its use contradicts itself; the text names the row and the field."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure or a text of the real service.

    Attributes:
        name: Identifier of the row, unique in its table.
        value: What the service says or does.
        source: Public address or short public reference.
        since: First day on which it held, ISO date, or "" when unknown.
        until: First day on which it no longer held, ISO date, or "" when it holds today.
    """

    name: str
    value: str | int | float | bool | tuple[str, ...]
    source: str
    grade: Grade
    since: str = ""
    until: str = ""

    def __post_init__(self) -> None:
        check_row(self.name, self.source, self.grade)


@dataclass(frozen=True, slots=True)
class ErrorText:
    """An error that the real service answers with.

    Attributes:
        name: Identifier of the row, unique in its table.
        code: Name of the ``google.rpc.Code``: ``INVALID_ARGUMENT``.
        text: The message, with ``{placeholders}`` in Python's format syntax.
        source: Public address or short public reference.
        since: First day on which it was said, ISO date, or "" when unknown.
        until: First day on which it was no longer said, ISO date, or "" when it is said today.
    """

    name: str
    code: str
    text: str
    source: str
    grade: Grade
    since: str = ""
    until: str = ""

    def __post_init__(self) -> None:
        check_row(self.name, self.source, self.grade)

    @property
    def placeholders(self) -> frozenset[str]:
        """The names that ``format`` wants."""
        return frozenset(name for _, name, _, _ in Formatter().parse(self.text) if name)

    def format(self, **values: object) -> str:
        """The message with its placeholders filled in.

        Raises:
            FactError: a placeholder is missing, or a value has no placeholder.
        """
        wanted = self.placeholders
        if wanted != values.keys():
            raise FactError(f"{self.name}: wants {sorted(wanted)}, got {sorted(values)}")
        return self.text.format(**values)


def check_row(name: str, source: str, grade: str) -> None:
    """Refuses a row without name or source, or with a grade that is none.

    Raises:
        FactError: see above.
    """
    if not name or not source:
        raise FactError(f"{name or 'a row without name'}: name and source must be given")
    if grade not in GRADES:
        raise FactError(f"{name}: grade is {grade!r}; must be one of {', '.join(GRADES)}")
