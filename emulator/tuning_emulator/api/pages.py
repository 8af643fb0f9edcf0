"""The HTML pages that Google's front end answers with before any API is involved."""

from __future__ import annotations

from html import escape

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


def format_trouble(status: int) -> bytes:
    """The page for 502 and its like, when no API is reached.

    The sentence: reported many times on www.google.com; on the APIs' hosts assumed.
    """
    sentence = (
        "The server encountered a temporary error and could not complete your request."
        "<p>Please try again in 30 seconds."
    )
    return format_page(status, TROUBLES.get(status, "Server Error"), sentence)


TROUBLES = {500: "Server Error", 502: "Server Error", 503: "Service Unavailable", 504: "Gateway Timeout"}
"""Titles of ``format_trouble``, by HTTP status."""
