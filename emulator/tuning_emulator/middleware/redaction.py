"""What nobody keeps: keys, tokens and data sets. Everything that is remembered of a request passes here first."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from tuning_emulator.middleware.request_info import TEST_HEADER
from tuning_emulator.protojson.printer import format_string

LARGEST_BYTES: Final = 16 * 1024
"""Longer texts are kept in part."""

READ_BYTES: Final = 1024 * 1024
"""Longer requests are kept by size alone: what is not read cannot be redacted."""

KEPT_HEADERS: Final = (
    "user-agent",
    "x-goog-api-client",
    "content-type",
    "x-goog-user-project",
    "x-goog-fieldmask",
    "x-http-method-override",
    "x-server-timeout",
    TEST_HEADER,
)
"""No other header is kept: a list of what is harmless cannot forget a secret."""

KeptHeaders: TypeAlias = tuple[str | None, ...]
"""Values of ``KEPT_HEADERS``."""

HIDDEN: Final = "(redacted)"
_SECRET_NAME: Final = re.compile(r"key|token|secret|passw|auth|credential|signature|cookie", re.IGNORECASE)
_HARMLESS_NAMES: Final = frozenset(
    ("pagetoken", "nextpagetoken", "maxoutputtokens", "totaltokens", "tokencount", "totalbillabletokencount")
)
_DATA_NAMES: Final = frozenset(("trainingdata", "examples", "textinput"))
_QUOTED_VALUE: Final = re.compile(r"(\((?:TYPE_\w+|type\.googleapis\.com/[\w.]+)\)), .*")
_SHORTEST_SECRET: Final = 4
_SHORTEST_CREDENTIAL: Final = 16
"""Shorter keys and tokens are made up and may be words: `test`. No answer quotes a credential anyway."""


def keep_headers(headers: Mapping[str, str]) -> KeptHeaders:
    """The headers that tell something and cannot hurt, packed: requests are kept far more often than read."""
    return tuple(map(headers.get, KEPT_HEADERS))


def unpack_headers(kept: KeptHeaders) -> dict[str, str]:
    """The same by name."""
    return {name: value for name, value in zip(KEPT_HEADERS, kept, strict=True) if value is not None}


def redact_query(query: str) -> str:
    """A query string, without the values of parameters that hold keys or tokens."""
    if not query:
        return query
    return "&".join(_redact_parameter(part) for part in query.split("&"))


def _redact_parameter(part: str) -> str:
    name, equals, _ = part.partition("=")
    return f"{name}={HIDDEN}" if equals and _is_secret(name) else part


def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and _plain(name) not in _HARMLESS_NAMES


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def redact_value(value: Any, removed: list[str] | None = None) -> Any:
    """A JSON value, or a message, without data sets, keys and bytes; ``removed`` takes what was taken out."""
    if isinstance(value, dict):
        return {name: _redact_field(name, inner, removed) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact_value(inner, removed) for inner in value]
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    return value


def _redact_field(name: str, value: Any, removed: list[str] | None) -> Any:
    plain = _plain(name)
    if plain not in _DATA_NAMES and not (isinstance(value, str) and _is_secret(name)):
        return redact_value(value, removed)
    leaves = list(_list_leaves(value))
    if removed is not None:
        removed += leaves
    return f"(redacted: {_count_examples(value)} examples)" if plain in _DATA_NAMES else HIDDEN


def _list_leaves(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _list_leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _list_leaves(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _count_examples(value: Any) -> int:
    while isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))
    return len(value) if isinstance(value, list) else 1


def redact_body(body: bytes) -> tuple[str, list[str] | None]:
    """A JSON body as text, and what was taken out of it; a body that is too long or no JSON is not kept (None)."""
    if not body:
        return "", []
    if len(body) > READ_BYTES:
        return f"(not kept: {len(body)} bytes)", None
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return f"(not kept: {len(body)} bytes that are not JSON)", None
    removed: list[str] = []
    text = msgspec.json.encode(redact_value(value, removed)).decode()
    return text[:LARGEST_BYTES], removed


def redact_error(response: bytes, removed: list[str] | None, credentials: Iterable[str] = ()) -> bytes:
    """An error answer, which may quote what was sent, without what must not be kept.

    Args:
        removed: What was taken out of the request; None: the request was not read, so that every quotation goes.
    """
    secrets = {one for one in removed or () if len(one) >= _SHORTEST_SECRET}
    secrets |= {one for one in credentials if len(one) >= _SHORTEST_CREDENTIAL and one.encode() in response}
    if removed == [] and not secrets:
        return response
    try:
        value = json.loads(response)
    except ValueError:
        return b""
    forms = sorted({form for secret in secrets for form in _forms_of(secret)}, key=len, reverse=True)
    return json.dumps(_clean(value, forms, whole=removed is not None), ensure_ascii=False).encode()


def _forms_of(secret: str) -> tuple[str, ...]:
    """A text as an error may quote it: itself, or escaped in one way or another."""
    plain, ascii_only = json.dumps(secret, ensure_ascii=False)[1:-1], json.dumps(secret)[1:-1]
    return secret, plain, ascii_only, format_string(secret)[1:-1]


def _clean(value: Any, forms: list[str], whole: bool) -> Any:
    """An error's texts without the secrets and cut before what they quote; not ``whole``: after their first line."""
    if isinstance(value, dict):
        return {name: _clean(inner, forms, whole) for name, inner in value.items()}
    if isinstance(value, list):
        return [_clean(inner, forms, whole) for inner in value]
    if not isinstance(value, str):
        return value
    for form in forms:
        value = value.replace(form, HIDDEN)
    return _QUOTED_VALUE.sub(rf"\1, {HIDDEN}", value if whole else value.partition("\n")[0])


def find_credentials(headers: Mapping[str, str], query: str) -> list[str]:
    """Everything secret that a request carries outside its body."""
    found = [value for name, value in headers.items() if _is_secret(name) and name not in KEPT_HEADERS]
    found += [value.partition(" ")[2] for value in found if " " in value]
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        if equals and _is_secret(name):
            found.append(value)
    return found
