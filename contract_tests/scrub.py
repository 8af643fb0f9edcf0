"""Takes secrets and personal data out of an answer before anything of it is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

KEPT_HEADERS = frozenset(
    (
        "content-type",
        "vary",
        "server",
        "cache-control",
        "x-xss-protection",
        "x-frame-options",
        "x-content-type-options",
        "server-timing",
        "content-encoding",
        "content-disposition",
        "accept-ranges",
        "www-authenticate",
        "access-control-allow-origin",
        "access-control-expose-headers",
    )
)
"""Headers that are written down; all others (cookies, traces, proxies) are left out."""

NEUTRAL: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"AIza[0-9A-Za-z_-]{35}"), "<key>"),
    (re.compile(r"\bAQ\.[0-9A-Za-z_-]{20,}"), "<key>"),
    (re.compile(r"\bya29\.[0-9A-Za-z._-]+"), "<token>"),
    (re.compile(r"\beyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+"), "<token>"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL), "<private key>"),
    (
        re.compile(r"\b[0-9A-Za-z._%+-]+@(?!example\.com\b)[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*\.[A-Za-z]{2,}\b"),
        "redacted@example.com",
    ),
    (
        re.compile(
            r"\b(?!127\.0\.0\.1\b|192\.0\.2\.)(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b"
        ),
        "192.0.2.1",
    ),
)
"""What is private by its form, and what stands there instead."""

PROJECT_NUMBER = re.compile(r"(projects?[/=]|project_number:|project )\d{6,}")
NEUTRAL_NUMBER = r"\g<1>123456789012"
DEBUG_INFO = "type.googleapis.com/google.rpc.DebugInfo"


class LeakError(RuntimeError):
    """Something private is left after everything was taken out; nothing may be written."""


def scrub_text(text: str, secrets: Mapping[str, str]) -> str:
    """A text without what is private: the caller's own values by their placeholders, the rest by its form.

    Args:
        secrets: Placeholder → value, longest values first in effect.
    """
    for placeholder, value in sorted(secrets.items(), key=lambda pair: -len(pair[1])):
        if value:
            text = text.replace(value, placeholder)
    for pattern, neutral in NEUTRAL:
        text = pattern.sub(neutral, text)
    return PROJECT_NUMBER.sub(NEUTRAL_NUMBER, text)


def scrub_value(value: Any, secrets: Mapping[str, str]) -> Any:
    """A JSON value without what is private, its keys included, and without details for Google's own callers."""
    if isinstance(value, dict):
        return {scrub_text(name, secrets): scrub_value(item, secrets) for name, item in value.items()}
    if isinstance(value, list):
        kept = [item for item in value if not (isinstance(item, dict) and item.get("@type") == DEBUG_INFO)]
        return [scrub_value(item, secrets) for item in kept]
    return scrub_text(value, secrets) if isinstance(value, str) else value


def scrub_headers(headers: list[tuple[str, str]], secrets: Mapping[str, str]) -> list[list[str]]:
    """The headers that are written down."""
    return [[name, scrub_text(value, secrets)] for name, value in headers if name.lower() in KEPT_HEADERS]


def find_leaks(text: str, secrets: Mapping[str, str] | None = None) -> list[str]:
    """What is private in a text, by its kind; the values themselves are not repeated."""
    found = [placeholder for placeholder, value in (secrets or {}).items() if value and value in text]
    for pattern, neutral in NEUTRAL:
        if any(match.group() != neutral for match in pattern.finditer(text)):
            found.append(neutral)
    return found
