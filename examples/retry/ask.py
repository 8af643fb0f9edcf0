"""Asks a model, and asks again when the service says that the trouble will pass."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from google import genai
from google.genai import errors

ATTEMPTS = 4
FIRST_PAUSE_S = 1.0
PASSING = frozenset((429, 500, 503, 504))


def ask(client: genai.Client, model: str, prompt: str, sleep: Callable[[float], object] = time.sleep) -> str:
    """The model's answer.

    Raises:
        google.genai.errors.APIError: the trouble does not pass, or has not after four attempts.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return client.models.generate_content(model=model, contents=prompt).text or ""
        except errors.APIError as error:
            if error.code not in PASSING or attempt == ATTEMPTS:
                raise
            sleep(find_retry_delay_s(error.details) or FIRST_PAUSE_S * 2 ** (attempt - 1))
    raise AssertionError("the loop returns or raises")


def find_retry_delay_s(body: Any) -> float:
    """How long the service asks us to wait (``google.rpc.RetryInfo``), 0 if it does not say."""
    for detail in body.get("error", {}).get("details", ()):
        if match := re.fullmatch(r"([\d.]+)s", str(detail.get("retryDelay", ""))):
            return float(match[1])
    return 0.0
