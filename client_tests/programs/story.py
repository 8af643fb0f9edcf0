"""What every Python program here tells: one JSON line a step, on standard output.

Standard library alone: it runs in each client's own environment.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

URL = os.environ.get("EMULATOR_URL", "")
"""Empty under ``exec``, where a program goes to Google as it always does."""

HOST = URL.partition("://")[2]
PROJECT = os.environ["PROJECT"]
LOCATION = "us-central1"
KEY = f"projects/{PROJECT}"
"""An API key. The emulator takes any; one that names a project stands for that project's own account."""

PAIRS = [("1", "2"), ("3", "4"), ("seven", "eight"), ("twenty two", "twenty three"), ("ninety nine", "one hundred")]
QUESTION = "seven"
GEMINI_BASE = "models/gemini-1.5-flash-001-tuning"
VERTEX_BASE = "gemini-2.0-flash-001"
DATASET = "gs://client-data/train.jsonl"
OBJECTS = "gs://client-data/objects.jsonl"
"""The same pairs, with answers that are JSON."""
LINE = b'{"contents": [{"role": "user", "parts": [{"text": "1"}]}, {"role": "model", "parts": [{"text": "2"}]}]}\n'
LARGE = LINE * (9 * 1024 * 1024 // len(LINE))
"""Larger than what clients of Cloud Storage send in one request."""

EPOCHS, LONG_EPOCHS = 5, 50
"""Of the job that is waited for, and of the one that is cancelled."""
FRIEND = "friend@example.com"
POLL_S = 0.1
LIMIT_S = 120


def tell(step: str, value: Any = None) -> None:
    """One step, done, and what came of it."""
    print(json.dumps({"step": step, "value": value}), flush=True)


def tell_refusal(step: str, code: Any) -> None:
    """One step that the emulator refused, and the code."""
    print(json.dumps({"step": step, "refused": code}), flush=True)


def poll(look: Callable[[], tuple[str, bool]]) -> list[str]:
    """Looks until there is an end; the different states seen, in order.

    Args:
        look: The state now, and whether it is an end.
    """
    states: list[str] = []
    limit = time.monotonic() + LIMIT_S
    while time.monotonic() < limit:
        state, ended = look()
        if not states or states[-1] != state:
            states.append(state)
        if ended:
            return states
        time.sleep(POLL_S)
    raise TimeoutError(f"no end within {LIMIT_S} s: {states}")
