"""How Vertex AI says no: single errors, and field violations that it collects and numbers."""

from __future__ import annotations

from emulator.core.errors import ApiError, Code, bad_request
from emulator.facts.fact import ErrorText


def refuse(row: ErrorText, /, **values: object) -> ApiError:
    """The error that a row stands for; its placeholders are filled from ``values``."""
    return ApiError(Code[row.code], row.format(**values), rule=row.name)


class Violations:
    """Field violations of one request, in the order in which they were found.

    Recorded: ``List of found errors:\\t1.Field: tuning_job.…; Message: ….\\t2.Field: …; Message: ….\\t``
    (github.com/GoogleCloudPlatform/generative-ai/issues/2081); the same pairs are in ``fieldViolations``.
    """

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self._rules: list[str] = []

    def add(self, path: str, row: ErrorText, /, **values: object) -> None:
        """A field that breaks a rule; ``path`` is its snake_case path from the request message."""
        self.found.append((path, row.format(**values)))
        self._rules.append(row.name)

    def refuse(self) -> None:
        """Raises the answer if anything was found.

        Raises:
            ApiError: INVALID_ARGUMENT with all of them.
        """
        if self.found:
            listed = "".join(f"\t{n}.Field: {field}; Message: {text}" for n, (field, text) in enumerate(self.found, 1))
            message = f"List of found errors:{listed}\t"
            rule = ",".join(self._rules)
            raise ApiError(Code.INVALID_ARGUMENT, message, (bad_request(self.found),), rule=rule)
