"""Cached contents for tests: long enough to be cached, alive, expired and deleted."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tuning_emulator.core.records import Api, CachedContent
from tuning_emulator.store.store import Store

WORDS = 1100
LONG = "word " * WORDS
"""A text of so many tokens, as the scripted trainer counts."""
CONTENTS = [{"role": "user", "parts": [{"text": LONG}]}]


def keep(store: Store, api: Api, project: str, identifier: str, location: str = "", **changes: Any) -> CachedContent:
    """Content for gemini-2.5-flash that is cached until the year 2100, but for what is changed."""
    cached = CachedContent(
        uid=0,
        api=api,
        project=project,
        location=location,
        id=identifier,
        api_version="v1",
        model="gemini-2.5-flash",
        base_model="gemini-2.5-flash",
        display_name="words",
        kept={"contents": CONTENTS},
        tokens=WORDS,
        characters=len(LONG),
        created_ns=1_700_000_000_000_000_000,
        updated_ns=1_700_000_000_000_000_000,
        expires_ns=4_102_444_800_000_000_000,
    )
    return store.insert_cached_content(replace(cached, **changes))
