"""Errors as REST prints them: Google's envelope, in both of its formats.

Source: google.aip.dev/193; cloud.google.com/apis/docs/system-parameters (``$.xgafv``); recorded bodies.
"""

from __future__ import annotations

from typing import Any

from tuning_emulator.core.errors import ApiError
from tuning_emulator.facts import google_errors
from tuning_emulator.protojson.printer import Style, format_json

_TRANSCODER_RULES = frozenset(("transcoding", "json"))


def to_envelope(error: ApiError, *, legacy: bool = False) -> dict[str, Any]:
    """``{"error": {"code", "message", "status", "details"}}``; ``legacy`` adds ``errors[]`` (format 1)."""
    status = error.code.http_status
    body: dict[str, Any] = {"code": status, "message": error.message}
    if legacy:
        body["errors"] = [_to_legacy(error)]
    body["status"] = error.code.name
    if error.details:
        body["details"] = list(error.details)
    return {"error": body}


def _to_legacy(error: ApiError) -> dict[str, Any]:
    if error.rule in _TRANSCODER_RULES:
        return {"message": error.message, "reason": "invalid"}
    status = error.code.http_status
    entry: dict[str, Any] = {
        "message": error.message,
        "domain": "global",
        "reason": google_errors.LEGACY_REASON[status].value,
    }
    if status == 401:
        entry |= {"location": "Authorization", "locationType": "header"}
    return entry


def format_error(error: ApiError, *, legacy: bool = False, style: Style = "pretty", in_array: bool = False) -> bytes:
    """The body of an error answer; ``in_array`` is the form of streams that are JSON arrays."""
    text = format_json(to_envelope(error, legacy=legacy), style)
    if in_array:
        return b"[" + text + (b"]\n" if style == "pretty" else b"]")
    return text


def challenge(error: ApiError, *, presented: bool) -> str:
    """``WWW-Authenticate`` of a 401, "" for all others; ``presented``: the request carried a token.

    Recorded on pubsub.googleapis.com (same front end).
    """
    if error.code.http_status != 401:
        return ""
    realm = 'Bearer realm="https://accounts.google.com/"'
    return f'{realm}, error="invalid_token"' if presented else realm
