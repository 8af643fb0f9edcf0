"""A rule is a row: what is said when a request breaks it, how to see that, and which field is to blame.

Both APIs have tables of them. How several violations are printed together is each API's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from tuning_emulator.core.errors import ErrorText

Subject_contra = TypeVar("Subject_contra", contravariant=True)
Subject = TypeVar("Subject")
Breaches: TypeAlias = Iterable[Mapping[str, object]]
"""One mapping for each breach: the placeholders of the rule's text."""


def broken(condition: object, **values: object) -> Breaches:
    """One breach if the condition is true, with what its text's placeholders stand for."""
    return (values,) if condition else ()


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a request breaks.

    Attributes:
        field: Snake_case path from the request message; "" where the text says it, or none is to blame.
    """

    row: ErrorText
    values: Mapping[str, object]
    field: str = ""

    @property
    def text(self) -> str:
        """What is said of it."""
        return self.row.format(**self.values)


@dataclass(frozen=True, slots=True)
class Rule(Generic[Subject_contra]):
    """One check.

    Attributes:
        row: What the service says, with source and grade.
        check: The breaches in a request.
        field: See ``Violation``; a function where it depends on the request.
    """

    row: ErrorText
    check: Callable[[Subject_contra], Breaches]
    field: str | Callable[[Subject_contra], str] = ""

    def locate(self, subject: Subject_contra) -> str:
        """The field that is to blame in this request."""
        return self.field if isinstance(self.field, str) else self.field(subject)

    def find(self, subject: Subject_contra) -> Iterator[Violation]:
        """The violations in a request."""
        for values in self.check(subject):
            yield Violation(self.row, values, self.locate(subject))


def find_violations(rules: Iterable[Rule[Subject]], subject: Subject) -> list[Violation]:
    """All violations, in the order of the rules."""
    return [violation for rule in rules for violation in rule.find(subject)]


def check_first(rules: Iterable[Rule[Subject]], subject: Subject) -> None:
    """Holds a request against rules that speak alone.

    Raises:
        ApiError: the first violation.
    """
    for rule in rules:
        for violation in rule.find(subject):
            raise violation.row(**violation.values)
