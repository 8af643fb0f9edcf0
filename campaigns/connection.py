"""A client that knows that its server may be killed at any moment."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from tests.storage.asking import BUCKET, Answer

TIMEOUT_S = 120
"""How long an answer may take: a bound against hanging, not a claim about speed."""


class CutError(Exception):
    """The server ended before it answered."""


class Connection:
    """One connection to a server in a process of its own.

    Args:
        bucket: What takes the place of the bucket's name in the targets of ``tests.storage``.
    """

    def __init__(self, url: str, bucket: str = BUCKET) -> None:
        self._line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
        self._bucket = bucket

    def __call__(self, verb: str, target: str, body: Any = b"", headers: dict[str, str] | None = None) -> Answer:
        """One request.

        Raises:
            CutError: the connection broke.
        """
        data, kind = body, {}
        if isinstance(body, dict):
            data, kind = json.dumps(body).encode(), {"content-type": "application/json"}
        try:
            self._line.request(verb, target.replace(BUCKET, self._bucket), data, kind | (headers or {}))
            answer = self._line.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise CutError(repr(error)) from error

    def close(self) -> None:
        """Closes the connection."""
        self._line.close()
