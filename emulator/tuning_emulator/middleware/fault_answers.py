"""What a fault answers: the service's own words for a code, with the details that go with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuning_emulator.core.as_of import Day
from tuning_emulator.core.errors import ApiError, Code, ErrorText, retry_info
from tuning_emulator.facts import gemini_errors, google_errors, vertex_errors

_STATUSES = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    409: Code.ABORTED,
    429: Code.RESOURCE_EXHAUSTED,
    499: Code.CANCELLED,
    500: Code.INTERNAL,
    501: Code.UNIMPLEMENTED,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}
"""The code that is meant by an HTTP status that several codes share."""

_TEXTS: dict[tuple[str, Code], tuple[ErrorText, ...]] = {
    ("gemini", Code.RESOURCE_EXHAUSTED): (gemini_errors.GEMINI_EXHAUSTED,),
    ("gemini", Code.UNAVAILABLE): (gemini_errors.GEMINI_OVERLOADED, gemini_errors.GEMINI_HIGH_DEMAND),
    ("gemini", Code.INTERNAL): (gemini_errors.GEMINI_INTERNAL,),
    ("vertex", Code.RESOURCE_EXHAUSTED): (vertex_errors.VERTEX_EXHAUSTED,),
    ("vertex", Code.UNAVAILABLE): (vertex_errors.VERTEX_UNAVAILABLE,),
}
"""Texts of one API, those that replaced one another in turn."""

_SHARED = {
    row.code: row
    for row in (
        google_errors.DEFAULT_UNKNOWN,
        google_errors.DEFAULT_NOT_FOUND,
        google_errors.DEFAULT_ALREADY_EXISTS,
        google_errors.DEFAULT_PERMISSION_DENIED,
        google_errors.DEFAULT_FAILED_PRECONDITION,
        google_errors.DEFAULT_ABORTED,
        google_errors.DEFAULT_OUT_OF_RANGE,
        google_errors.DEFAULT_DATA_LOSS,
        google_errors.DEADLINE_EXPIRED,
        google_errors.OPERATION_CANCELLED,
        google_errors.INTERNAL,
        google_errors.INVALID_ARGUMENT,
        google_errors.NOT_IMPLEMENTED,
        google_errors.TOKEN_INVALID,
    )
}


@dataclass(frozen=True)
class Quota:
    """A quota that is used up. ``metric``: without the service in front. ``id``: of the limit; only Gemini shows it."""

    metric: str = "generate_content_free_tier_requests"
    limit: int = 20
    model: str = "gemini-2.5-flash"
    id: str = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"


def parse_code(text: str) -> Code:
    """A canonical code from its name or an HTTP status.

    Raises:
        ValueError: it is neither, or no error.
    """
    if text.isdigit():
        found = _STATUSES.get(int(text))
        if found is None:
            wanted = ", ".join(str(status) for status in _STATUSES)
            raise ValueError(f"code: no canonical code has the HTTP status {text}; give one of {wanted}, or a name")
        return found
    if text not in Code.__members__ or text == "OK":
        names = ", ".join(name for name in Code.__members__ if name != "OK")
        raise ValueError(f"code: {text!r} is no canonical code; give one of {names}, or an HTTP status")
    return Code[text]


def make_error(
    api: str,
    code: Code,
    day: Day,
    message: str | None,
    details: tuple[dict[str, Any], ...],
    quota: Quota | None,
    retry_delay_s: float | None,
) -> ApiError:
    """The error of a fault. Its rule is the fact whose words it uses, ``fault`` where the words are given.

    Args:
        day: Words changed over the years.
        details: To be added after those that belong to the quota.
    """
    delay_s = retry_delay_s or 0
    if quota is None:
        error = day.choose(_TEXTS.get((api, code)) or (_SHARED[code],))()
    elif api == "vertex":
        error = vertex_errors.VERTEX_QUOTA(metric=quota.metric, model=quota.model)
    else:
        names = {"metric": quota.metric, "limit": quota.limit, "model": quota.model, "id": quota.id}
        error = gemini_errors.GEMINI_QUOTA(**names, retry_s=f"{delay_s:g}")
    if retry_delay_s is not None or (quota is not None and api == "gemini"):
        details = (*details, retry_info(delay_s))
    text, rule = (error.message, error.rule) if message is None else (message, "fault")
    return ApiError(code, text, (*error.details, *details), rule=rule)
