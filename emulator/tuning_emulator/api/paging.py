"""Page sizes and page tokens of List methods (google.aip.dev/158).

A token is opaque and URL-safe; it carries a position and a hash of the query that it continues, and is refused for
any other query.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tuning_emulator.facts import google_errors

_HASH_BYTES = 8


def read_page_size(value: int, default: int, maximum: int) -> int:
    """The size of the page to answer with: ``default`` when absent or 0, never above ``maximum``.

    Raises:
        ApiError: INVALID_ARGUMENT, it is negative.
    """
    if value < 0:
        raise google_errors.PAGE_SIZE_NEGATIVE()
    return min(value or default, maximum)


def format_page_token(position: str, query: Mapping[str, Any]) -> str:
    """The token of the page that begins at ``position``.

    Args:
        query: What must not change between pages: parent, filter, order. The page size may.
    """
    return base64.urlsafe_b64encode(_hash(position, query) + position.encode()).decode().rstrip("=")


def parse_page_token(token: str, query: Mapping[str, Any]) -> str:
    """The position in a token, "" for no token.

    Raises:
        ApiError: INVALID_ARGUMENT, the token is not ours or continues another query.
    """
    if not token:
        return ""
    try:
        content = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        position = content[_HASH_BYTES:].decode()
    except (binascii.Error, ValueError):
        content, position = b"", ""
    if content[:_HASH_BYTES] != _hash(position, query):
        raise google_errors.PAGE_TOKEN_INVALID()
    return position


def _hash(position: str, query: Mapping[str, Any]) -> bytes:
    text = json.dumps([position, query], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=_HASH_BYTES).digest()
