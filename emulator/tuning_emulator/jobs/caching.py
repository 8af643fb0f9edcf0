"""Content that clients keep for later prompts of a model: what both APIs do with it.

What is kept of a ``GenerateContentRequest`` comes first in every prompt that names it; see ``CachedContent``. An
expired one is as good as gone, and forgotten some time later.
"""

from __future__ import annotations

import json
from typing import Any

from msgspec.structs import replace

from tuning_emulator.core.clock import SECOND_NS
from tuning_emulator.core.records import CachedContent
from tuning_emulator.facts.limits import CACHE_REMEMBERED_S, CACHE_TTL_S
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.schema.proto import load_schemas
from tuning_emulator.schema.schema import Value

NOT_BESIDE = ("system_instruction", "tools", "tool_config")
"""What a prompt with cached content has from there alone."""

KEPT = ("contents", *NOT_BESIDE)


def sets_kept(body: Value) -> bool:
    """Whether a request sets what only its cached content may say."""
    return any(body.get(name) not in (None, []) for name in NOT_BESIDE)


def complete(body: Value, kept: Value) -> Value:
    """A request for content with what is kept, its contents before the request's own."""
    contents = [*(kept.get("contents") or ()), *(body.get("contents") or ())]
    return {**body, **{name: kept[name] for name in NOT_BESIDE if name in kept}, "contents": contents}


def pick_kept(message: Value) -> Value:
    """What a ``CachedContent`` message keeps."""
    return {name: message[name] for name in KEPT if message.get(name) not in (None, [])}


def read_expiry(message: Value, now_ns: int) -> int | None:
    """When a ``CachedContent`` message wants to expire; None where it does not say."""
    if message.get("ttl") is not None:
        return now_ns + int(message["ttl"])
    return None if message.get("expire_time") is None else int(message["expire_time"])


def default_expiry(now_ns: int) -> int:
    """When a cached content expires whose client does not say."""
    return now_ns + CACHE_TTL_S.value * SECOND_NS


class Caches:
    """The cached contents of one API.

    Args:
        package: Of its messages.
    """

    def __init__(self, backend: Backend, package: str) -> None:
        self._store = backend.store
        self._clock = backend.clock
        self._schemas = load_schemas(package)
        self._codec = Codec(self._schemas.values())

    def add(self, cached: CachedContent, kept: Value) -> CachedContent:
        """Stores one; those that have been gone for long are forgotten."""
        self._store.forget_cached_contents(self._clock.now_ns() - CACHE_REMEMBERED_S.value * SECOND_NS)
        text: dict[str, Any] = self._codec.to_json(kept, self._request(cached.api_version))
        return self._store.insert_cached_content(replace(cached, kept=text))

    def is_alive(self, cached: CachedContent) -> bool:
        """Whether it is neither deleted nor expired."""
        return not cached.deleted and self._clock.now_ns() < cached.expires_ns

    def read(self, cached: CachedContent) -> Value:
        """What is kept, as fields of a request for content."""
        return self._codec.parse(json.dumps(cached.kept).encode(), self._request(cached.api_version))

    def _request(self, version: str) -> str:
        return self._schemas[version].full_name("GenerateContentRequest")

    def change_expiry(self, cached: CachedContent, expires_ns: int) -> CachedContent:
        """Lets it live longer or shorter."""
        updated_ns = self._clock.timestamp_ns()
        return self._store.replace_cached_content(replace(cached, expires_ns=expires_ns, updated_ns=updated_ns))

    def delete(self, cached: CachedContent) -> None:
        """Drops what is kept; that it was there is remembered for a while."""
        now_ns = self._clock.timestamp_ns()
        gone = replace(cached, kept={}, deleted=True, updated_ns=now_ns, expires_ns=min(cached.expires_ns, now_ns))
        self._store.replace_cached_content(gone)
