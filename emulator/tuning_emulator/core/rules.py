"""A rule is a row: what is said when a request breaks it, how to see that, and which field is to blame.

Both APIs have tables of them. How several violations are printed together is each API's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeAlias, TypeVar

from msgspec import Struct

from tuning_emulator.core.errors import ErrorText

Subject_contra = TypeVar("Subject_contra", contravariant=True)
Subject = TypeVar("Subject")
Values: TypeAlias = Mapping[str, object]
"""What the placeholders of a rule's text stand for."""
Breaches: TypeAlias = bool | Values | Iterable[Values]
"""Whether a rule is broken; with values, if its text has any of its own; one for each time that it is."""


class Rule(Struct, Generic[Subject_contra], frozen=True):
    """One check.

    Attributes:
        row: What the service says, with source and grade.
        check: The breaches in a request.
        field: See ``Violation``; a function where it depends on the request.
    """

    row: ErrorText
    check: Callable[[Subject_contra], Breaches]
    field: str | Callable[[Subject_contra], str] = ""


class Violation(Struct, frozen=True):
    """A rule that a request breaks.

    Attributes:
        field: Snake_case path from the request message; "" where the text says it, or none is to blame.
    """

    row: ErrorText
    values: Values
    field: str = ""

    @property
    def text(self) -> str:
        """What is said of it."""
        return self.row.format(**self.values)


def find_violations(rules: Iterable[Rule[Subject]], subject: Subject, **shared: object) -> list[Violation]:
    """All violations, in the order of the rules. ``shared``: values for whichever text has a placeholder for them."""
    found = []
    for rule in rules:
        breaches = rule.check(subject)
        if isinstance(breaches, bool):
            breaches = ({},) if breaches else ()
        elif isinstance(breaches, Mapping):
            breaches = (breaches,)
        for values in breaches:
            known = {name: value for name, value in shared.items() if name in rule.row.placeholders}
            field = rule.field if isinstance(rule.field, str) else rule.field(subject)
            found.append(Violation(rule.row, {**known, **values}, field))
    return found
