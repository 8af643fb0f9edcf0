"""What a fault answers: the service's own words for a code, with the details that go with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuning_emulator.core.as_of import Day
from tuning_emulator.core.errors import ApiError, Code, Detail, ErrorText
from tuning_emulator.facts import google_errors, service_errors

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
    ("gemini", Code.RESOURCE_EXHAUSTED): (service_errors.GEMINI_EXHAUSTED,),
    ("gemini", Code.UNAVAILABLE): (service_errors.GEMINI_OVERLOADED, service_errors.GEMINI_HIGH_DEMAND),
    ("gemini", Code.INTERNAL): (service_errors.GEMINI_INTERNAL,),
    ("vertex", Code.RESOURCE_EXHAUSTED): (service_errors.VERTEX_EXHAUSTED,),
    ("vertex", Code.UNAVAILABLE): (service_errors.VERTEX_UNAVAILABLE,),
}
"""Texts of one API, those that replaced one another in turn."""

_SHARED = {
    Code[row.code]: row
    for row in (
        *service_errors.DEFAULTS,
        service_errors.DEADLINE_EXPIRED,
        service_errors.OPERATION_CANCELLED,
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
    found: list[Detail] = []
    if quota is not None:
        rule, text = _word_quota(api, quota, retry_delay_s or 0)
        found += _detail_quota(quota) if api == "gemini" else []
    else:
        row = day.choose(_TEXTS.get((api, code)) or (_SHARED[code],))
        rule, text = row.name, row.format()
    if message is not None:
        rule, text = "fault", message
    found += details
    if retry_delay_s is not None or (quota is not None and api == "gemini"):
        found.append(_retry_info(retry_delay_s or 0))
    return ApiError(code, text, tuple(found), rule=rule)


def _word_quota(api: str, quota: Quota, retry_delay_s: float) -> tuple[str, str]:
    if api == "vertex":
        row = service_errors.VERTEX_QUOTA
        return row.name, row.format(metric=quota.metric, model=quota.model)
    row = service_errors.GEMINI_QUOTA
    return row.name, row.format(metric=quota.metric, limit=quota.limit, model=quota.model, retry_s=f"{retry_delay_s:g}")


def _detail_quota(quota: Quota) -> list[Detail]:
    """``Help`` and ``QuotaFailure``. Recorded: github.com/ogkalu2/comic-translate/issues/403; their order changes."""
    words = service_errors.GEMINI_QUOTA_HELP.value
    assert isinstance(words, tuple)
    violation = {
        "quotaMetric": f"generativelanguage.googleapis.com/{quota.metric}",
        "quotaId": quota.id,
        "quotaDimensions": {"location": "global", "model": quota.model},
        "quotaValue": str(quota.limit),
    }
    return [
        {"@type": "type.googleapis.com/google.rpc.Help", "links": [{"description": words[0], "url": words[1]}]},
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},
    ]


def _retry_info(delay_s: float) -> Detail:
    """``google.rpc.RetryInfo``; the delay is cut to whole seconds, as recorded."""
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{int(delay_s)}s"}
