"""Prompts that name cached content: found, checked, and put before what the request says."""

from __future__ import annotations

from tuning_emulator.api.call import Call
from tuning_emulator.core.records import CachedContent
from tuning_emulator.facts import vertex_errors
from tuning_emulator.jobs.caching import Caches, complete, sets_kept
from tuning_emulator.schema.schema import Value
from tuning_emulator.store.store import Store
from tuning_emulator.vertex.convert import parse_name


def find_cached(store: Store, name: str) -> CachedContent | None:
    """The record of ``projects/p/locations/l/cachedContents/1``, whether it is alive or not.

    Raises:
        ApiError: INVALID_ARGUMENT, not such a name.
    """
    place, (identifier,) = parse_name(name, "cachedContents")
    return store.get_cached_content("vertex", place.project, place.location, identifier)


def complete_request(call: Call, store: Store, caches: Caches, model: str, tuned: bool) -> tuple[Value, int]:
    """The request with its cached content first, and how many tokens that has.

    Args:
        model: Id of the base model that answers. tuned: Whether a tuned one does.

    Raises:
        ApiError: it is gone, was made for another model, or says what the request says too.
    """
    name: str = call.request["cached_content"]
    cached = find_cached(store, name)
    identifier = name.rpartition("/")[2]
    if cached is None:
        raise vertex_errors.CACHED_METADATA_NOT_FOUND(id=identifier)
    if cached.deleted:
        raise vertex_errors.CACHED_CONTENT_DELETED(id=identifier)
    if not caches.is_alive(cached):
        raise vertex_errors.CACHED_CONTENT_EXPIRED(id=identifier)
    if sets_kept(call.request):
        raise vertex_errors.CACHED_CONTENT_ALONE()
    if tuned or cached.base_model != model:
        asked = call.request.get("model", "").rpartition("/")[2] if tuned else model
        raise vertex_errors.CACHED_CONTENT_OF_OTHER_MODEL(asked=asked, cached=cached.base_model)
    return complete(call.request, caches.read(cached)), cached.tokens
