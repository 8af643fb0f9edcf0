"""Prompts that name cached content: found, checked, and put before what the request says."""

from __future__ import annotations

from tuning_emulator.api.call import Caller
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.records import CachedContent
from tuning_emulator.facts import gemini_errors
from tuning_emulator.gemini.prompts import ContentRequest
from tuning_emulator.jobs.caching import Caches, complete, sets_kept
from tuning_emulator.schema.schema import Value
from tuning_emulator.store.store import Store


def owner_of(caller: Caller) -> str:
    """The project that a caller's cached contents are of: its number, "" for none."""
    return project_number(caller.project) if caller.project else ""


def find_cached(store: Store, caches: Caches, name: str, caller: Caller) -> CachedContent:
    """The cached content of a name that is the caller's project's.

    Raises:
        ApiError: there is none, it has expired, or it is somebody else's.
    """
    cached = store.get_cached_content("gemini", owner_of(caller), "", name.removeprefix("cachedContents/"))
    if cached is None or not caches.is_alive(cached):
        raise gemini_errors.CACHED_CONTENT()
    return cached


def complete_body(asked: ContentRequest, caller: Caller, store: Store, caches: Caches) -> tuple[Value, int]:
    """The body of a request with its cached content first, if it names any, and how many tokens that has.

    Raises:
        ApiError: it is not there, was made for another model, or says what the request says too.
    """
    name: str = asked.body.get("cached_content") or ""
    if not name:
        return asked.body, 0
    cached = find_cached(store, caches, name, caller)
    if sets_kept(asked.body):
        raise gemini_errors.CACHED_CONTENT_ALONE()
    if asked.is_tuned or cached.base_model != asked.base.id:
        raise gemini_errors.CACHED_CONTENT_OF_OTHER_MODEL(asked=asked.model, cached=f"models/{cached.base_model}")
    return complete(asked.body, caches.read(cached)), cached.tokens
