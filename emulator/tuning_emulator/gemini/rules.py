"""A rule is a row: what it looks for, and the service's words when it finds it.

Rules over fields are collected, one bulleted line each, as the service's validator does; the others speak alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from tuning_emulator.core.errors import ApiError, Code, ErrorText
from tuning_emulator.facts import gemini_errors
from tuning_emulator.schema.schema import Method

Subject = TypeVar("Subject")
Breaches: TypeAlias = Iterable[Mapping[str, object]]
"""One mapping for each breach: the placeholders of the rule's text."""

KEPT: Breaches = ()
"""No breach."""
BROKEN: Breaches = ({},)
"""One breach whose text has no placeholders."""


@dataclass(frozen=True, slots=True)
class Rule(Generic[Subject]):
    """One check.

    Attributes:
        text: What the service says, with source and grade.
        find: The breaches in a request.
    """

    text: ErrorText
    find: Callable[[Subject], Breaches]


def refuse_name(method: Method, field: str) -> ApiError:
    """The answer to a resource name of another form, which only gRPC can bring."""
    request = method.request.rpartition(".")[2]
    if field == "model":
        return gemini_errors.MODEL_NAME_FORMAT(request=request)
    return gemini_errors.NAME_FORMAT(request=request, field=field)


Breach: TypeAlias = tuple[ErrorText, Mapping[str, object]]


def find_breaches(rules: Sequence[Rule[Subject]], subject: Subject) -> list[Breach]:
    """All breaches of rules over fields, in the order of the rules."""
    return [(rule.text, values) for rule in rules for values in rule.find(subject)]


def refuse_breaches(found: Sequence[Breach]) -> None:
    """Answers breaches of rules over fields.

    Raises:
        ApiError: INVALID_ARGUMENT with the line of each, if there is any.
    """
    if found:
        message = "".join(text.format(**values) for text, values in found)
        raise ApiError(Code.INVALID_ARGUMENT, message, rule=found[0][0].name)


def check_fields(rules: Sequence[Rule[Subject]], subject: Subject) -> None:
    """Holds a request against rules over its fields. Raises as ``refuse_breaches``."""
    refuse_breaches(find_breaches(rules, subject))


def check_first(rules: Sequence[Rule[Subject]], subject: Subject) -> None:
    """Holds a request against rules that speak alone.

    Raises:
        ApiError: the first breach.
    """
    for rule in rules:
        for values in rule.find(subject):
            raise rule.text(**values)


def dig(message: Mapping[str, Any], *path: str) -> Any:
    """The value at a path of message fields, or None when any of them is unset."""
    value: Any = message
    for name in path:
        if value is None:
            return None
        value = value.get(name)
    return value
