"""How the Gemini API says which rules over fields are broken: a bulleted line each, as the service's validator does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from tuning_emulator.core.errors import ApiError, Code, ErrorText
from tuning_emulator.core.rules import Breaches, Rule, Subject, Violation, find_violations
from tuning_emulator.facts import gemini_errors
from tuning_emulator.schema.schema import Method, Value


def refuse_name(method: Method, field: str) -> ApiError:
    """The answer to a resource name of another form, which only gRPC can bring."""
    request = method.request.rpartition(".")[2]
    if field == "model":
        return gemini_errors.MODEL_NAME_FORMAT(request=request)
    return gemini_errors.NAME_FORMAT(request=request, field=field)


def refuse_violations(found: Sequence[Violation]) -> None:
    """Answers violations of rules over fields.

    Raises:
        ApiError: INVALID_ARGUMENT with the line of each, if there is any; a text that is no such line stands alone.
    """
    found = [one for one in found if not one.text.startswith("* ")][:1] or found
    if found:
        raise ApiError(Code.INVALID_ARGUMENT, "".join(one.text for one in found), rule=found[0].row.name)


def check_fields(rules: Iterable[Rule[Subject]], subject: Subject, **shared: object) -> None:
    """Holds a request against rules over its fields; see ``find_violations``. Raises as ``refuse_violations``."""
    refuse_violations(find_violations(rules, subject, **shared))


def dig(message: Mapping[str, Any], *path: str) -> Any:
    """The value at a path of message fields, or None when any of them is unset."""
    value: Any = message
    for name in path:
        if value is None:
            return None
        value = value.get(name)
    return value


# --- rules over how answers are drawn, which tuned models and requests for content share


class Drawn(Protocol):
    """What says how answers are drawn."""

    @property
    def config(self) -> Value:
        """The message with ``temperature``, ``top_p`` and ``top_k``, as far as they are set."""
        ...

    @property
    def max_temperature(self) -> float:
        """The base model's."""
        ...


def drawing_rules(temperature: ErrorText, top_p: ErrorText, top_k: ErrorText) -> tuple[Rule[Drawn], ...]:
    """The rules over the three, in these words."""

    def check_temperature(drawn: Drawn) -> Breaches:
        value, maximum = drawn.config.get("temperature"), drawn.max_temperature
        return value is not None and not 0 <= value <= maximum and {"maximum": maximum}

    def check_top_p(drawn: Drawn) -> bool:
        value = drawn.config.get("top_p")
        return value is not None and not 0 <= value <= 1

    def check_top_k(drawn: Drawn) -> bool:
        return (drawn.config.get("top_k") or 0) < 0

    return Rule(temperature, check_temperature), Rule(top_p, check_top_p), Rule(top_k, check_top_k)
