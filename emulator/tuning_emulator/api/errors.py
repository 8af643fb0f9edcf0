"""Errors as HTTP has them: Google's envelope in both of its formats, and the pages of its front end.

Source: google.aip.dev/193; cloud.google.com/apis/docs/system-parameters (``$.xgafv``); recorded bodies.
"""

from __future__ import annotations

from html import escape
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


# --- pages


_HEAD = """<!DOCTYPE html>
<html lang=en>
  <meta charset=utf-8>
  <meta name=viewport content="initial-scale=1, minimum-scale=1, width=device-width">
  <title>Error {status} ({phrase})!!1</title>
  <style>
    """
_STYLE = (
    "*{margin:0;padding:0}html,code{font:15px/22px arial,sans-serif}html{background:#fff;color:#222;padding:15px}"
    "body{margin:7% auto 0;max-width:390px;min-height:180px;padding:30px 0 15px}"
    "* > body{background:url(//www.google.com/images/errors/robot.png) 100% 5px no-repeat;padding-right:205px}"
    "p{margin:11px 0 22px;overflow:hidden}ins{color:#777;text-decoration:none}a img{border:0}"
    "@media screen and (max-width:772px){body{background:none;margin-top:0;max-width:none;padding-right:0}}"
    "#logo{background:url(//www.google.com/images/branding/googlelogo/1x/googlelogo_color_150x54dp.png) no-repeat;"
    "margin-left:-5px}@media only screen and (min-resolution:192dpi){#logo{"
    "background:url(//www.google.com/images/branding/googlelogo/2x/googlelogo_color_150x54dp.png) no-repeat "
    "0% 0%/100% 100%;-moz-border-image:"
    "url(//www.google.com/images/branding/googlelogo/2x/googlelogo_color_150x54dp.png) 0}}"
    "@media only screen and (-webkit-min-device-pixel-ratio:2){#logo{"
    "background:url(//www.google.com/images/branding/googlelogo/2x/googlelogo_color_150x54dp.png) no-repeat;"
    "-webkit-background-size:100% 100%}}#logo{display:inline-block;height:54px;width:150px}"
)
_TAIL = """
  </style>
  <a href=//www.google.com/><span id=logo aria-label=Google></span></a>
  <p><b>{status}.</b> <ins>That’s an error.</ins>
  <p>{sentence}  <ins>That’s all we know.</ins>
"""

HTML_TYPE = "text/html; charset=UTF-8"


def format_not_found(path: str) -> bytes:
    """The 404 page: 1560 bytes and the path.

    Recorded: FirebaseExtended/vertexai-sdk-test-data ``unary-failure-invalid-location-url-not-found.html``.
    """
    sentence = f"The requested URL <code>{escape(path, quote=False)}</code> was not found on this server."
    return format_page(404, "Not Found", sentence)


def format_page(status: int, phrase: str, sentence: str) -> bytes:
    """A page for an error of HTTP itself. Titles are recorded; the sentences of all but 404 are assumed."""
    head = _HEAD.format(status=status, phrase=phrase)
    return (head + _STYLE + _TAIL.format(status=status, sentence=sentence)).encode()


def format_trouble(status: int, path: str) -> bytes:
    """The page for 404, and for 502 and its like, when no API is reached.

    The sentence of all but 404: reported many times on www.google.com; on the APIs' hosts assumed.
    """
    if status == 404:
        return format_not_found(path)
    sentence = (
        "The server encountered a temporary error and could not complete your request."
        "<p>Please try again in 30 seconds."
    )
    return format_page(status, TROUBLES.get(status, "Server Error"), sentence)


TROUBLES = {500: "Server Error", 502: "Server Error", 503: "Service Unavailable", 504: "Gateway Timeout"}
"""Titles of ``format_trouble``, by HTTP status."""
