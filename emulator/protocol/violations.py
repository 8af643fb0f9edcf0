"""What is wrong with a request's body, path and query, collected in the order in which the service reports it.

Source: recorded answers of generativelanguage.googleapis.com (gera2ld/ai.nvim#13, mnfst/llm-gateway#1858) and
protobuf v3.21 error_listener.h.
"""

from __future__ import annotations

from typing import TypeAlias

from emulator.core.errors import ApiError, Code, bad_request

Place: TypeAlias = "tuple[Place, str | int] | None"
"""Where in the request: the enclosing place and a field's name or an element's index. None is the root."""


def format_place(place: Place) -> str:
    """``tuned_model.tuning_task.training_data.examples.examples[3]``: proto names, whatever the client wrote."""
    parts: list[str] = []
    while place is not None:
        place, label = place
        parts.append(f"[{label}]" if isinstance(label, int) else f".{label}")
    return "".join(reversed(parts)).removeprefix(".")


class Violations:
    """Violations of one request, in order."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def add_name(self, place: Place, name: str, reason: str) -> None:
        """A name that cannot be bound there."""
        where = format_place(place)
        at = f" at '{where}'" if where else ""
        self.found.append((where, f'Invalid JSON payload received. Unknown name "{name}"{at}: {reason}'))

    def add_value(self, place: Place, type_name: str, value: str) -> None:
        """A value that its field cannot hold; ``value`` is the value as JSON, or the reason."""
        where = format_place(place)
        at = f" at '{where}'" if where else ""
        self.found.append((where, f"Invalid value{at} ({type_name}), {value}"))

    def refuse(self) -> None:
        """Raises the service's answer if there is any violation.

        Raises:
            ApiError: INVALID_ARGUMENT with one line and one ``fieldViolations`` entry for each.
        """
        if self.found:
            message = "\n".join(text for _, text in self.found)
            raise ApiError(Code.INVALID_ARGUMENT, message, (bad_request(self.found),), rule="transcoding")
