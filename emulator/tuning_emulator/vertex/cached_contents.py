"""Cached contents: what clients keep for later prompts of a base model. How prompts use it is in ``caching``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tuning_emulator.api.call import Call
from tuning_emulator.core.clock import SECOND_NS
from tuning_emulator.core.records import CachedContent
from tuning_emulator.facts import vertex_errors
from tuning_emulator.facts.limits import CACHE_MIN_TTL_S
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.caching import Caches, default_expiry, pick_kept, read_expiry
from tuning_emulator.schema.schema import Value
from tuning_emulator.vertex.caching import find_cached
from tuning_emulator.vertex.convert import parse_place, place_of, refuse_name
from tuning_emulator.vertex.generation import ENDPOINT, Generation, Speaker
from tuning_emulator.vertex.listing import list_newest_first
from tuning_emulator.vertex.media import read_media
from tuning_emulator.vertex.prompts import parse_system, parse_turns
from tuning_emulator.vertex.request_rules import find_tool_breaches
from tuning_emulator.vertex.schemas import read_checked_form

CHANGEABLE = ("expire_time", "ttl")
_TUNED = re.compile(r"projects/[^/]+/locations/[^/]+/models/[^/]+")


class CachedContents:
    """``GenAiCacheService``."""

    def __init__(self, backend: Backend, caches: Caches, generation: Generation) -> None:
        self._backend = backend
        self._store = backend.store
        self._caches = caches
        self._generation = generation

    async def create_cached_content(self, call: Call) -> Value:
        """Keeps system instruction, contents, tools and their configuration for an hour, or as long as is wanted."""
        place = parse_place(call.request["parent"])
        sent: Value = call.request.get("cached_content", {})
        name: str = sent.get("model", "")
        speaker = self._find_model(name)
        now_ns = self._backend.clock.timestamp_ns()
        expires_ns = self._read_expiry(sent, now_ns)
        kept = pick_kept(sent)
        tokens = await self._check(call, place.project, speaker, kept)
        if sent.get("encryption_spec"):
            call.notes.append("cached_content.encryption_spec has no effect: nothing is encrypted here")
        cached = CachedContent(
            uid=0,
            api="vertex",
            project=place.project,
            location=place.location,
            id=self._backend.ids.number(),
            api_version=call.version,
            model=name,
            base_model=speaker.model.id,
            display_name=sent.get("display_name", ""),
            kept={},
            tokens=tokens,
            characters=count_characters(kept),
            created_ns=now_ns,
            updated_ns=now_ns,
            expires_ns=default_expiry(now_ns) if expires_ns is None else expires_ns,
        )
        return format_cached_content(self._caches.add(cached, kept))

    def get_cached_content(self, call: Call) -> Value:
        """What is known of one; never what it keeps."""
        call.repeatable = False  # it expires
        return format_cached_content(self._require(call.request["name"]))

    def list_cached_contents(self, call: Call) -> Value:
        """Those of a place that have not expired."""
        call.repeatable = False
        place = parse_place(call.request["parent"])
        return list_newest_first(
            call,
            "cached_contents",
            "CachedContent",
            lambda before, limit: self._store.list_cached_contents_newest_first(
                "vertex", place.project, place.location, before, limit
            ),
            lambda cached: format_cached_content(cached) if self._caches.is_alive(cached) else None,
        )

    def update_cached_content(self, call: Call) -> Value:
        """Changes when one expires, nothing else."""
        sent: Value = call.request.get("cached_content", {})
        cached = self._require(sent.get("name", ""))
        mask = call.request.get("update_mask") or [name for name in call.given if name != "name"]
        if any(path not in CHANGEABLE for path in mask):
            raise vertex_errors.CACHED_CONTENT_MASK()
        expires_ns = self._read_expiry(sent, self._backend.clock.timestamp_ns())
        if expires_ns is None:
            return format_cached_content(cached)
        return format_cached_content(self._caches.change_expiry(cached, expires_ns))

    def delete_cached_content(self, call: Call) -> Value:
        """Removes one."""
        self._caches.delete(self._require(call.request["name"]))
        return {}

    # ------------------------------------------------------------ inside

    def _require(self, name: str) -> CachedContent:
        cached = find_cached(self._store, name)
        if cached is None or not self._caches.is_alive(cached):
            raise vertex_errors.CACHED_CONTENT_NOT_FOUND(id=name.rpartition("/")[2])
        return cached

    def _find_model(self, name: str) -> Speaker:
        """The base model that content is cached for; tuned ones have none."""
        if _TUNED.fullmatch(name) or ENDPOINT.fullmatch(name):
            raise vertex_errors.CACHED_CONTENT_TUNED(name=name)
        speaker = self._generation.find_published(name)
        if speaker is None:
            raise refuse_name(name, "projects/{project}/locations/{location}/publishers/google/models/{model}")
        if not speaker.model.min_cached_tokens:
            raise vertex_errors.CACHED_CONTENT_MODEL(name=name)
        return speaker

    def _read_expiry(self, sent: Value, now_ns: int) -> int | None:
        expires_ns = read_expiry(sent, now_ns)
        if expires_ns is not None and expires_ns < now_ns + CACHE_MIN_TTL_S.value * SECOND_NS:
            raise vertex_errors.CACHED_CONTENT_TTL(least=CACHE_MIN_TTL_S.value)
        return expires_ns

    async def _check(self, call: Call, project: str, speaker: Speaker, kept: Value) -> int:
        """How many tokens it has.

        Raises:
            ApiError: it is not what prompts of the model begin with, too short or too long.
        """
        read = await read_media(call, self._backend, kept.get("contents", []), speaker.model, speaker.target)
        turns = parse_turns(read.contents) if "contents" in kept else ()
        if turns and turns[-1].learned:
            raise vertex_errors.CACHED_CONTENT_ENDS_WITH_MODEL()
        for error in find_tool_breaches(kept, speaker.model):
            raise error
        read_checked_form(kept, speaker.model.id)
        counted = parse_turns(read.counted) if turns else ()
        count = (await self._generation.count(speaker, counted, parse_system(kept), read.tokens)).total
        minimum = speaker.model.min_cached_tokens
        if count < minimum:
            text = self._backend.calendar.find_day(project).choose(vertex_errors.CACHED_CONTENT_SMALL_TEXTS)
            raise text(count=count, minimum=minimum)
        if count > speaker.model.input_token_limit:
            raise vertex_errors.CACHED_CONTENT_LARGE(count=count, maximum=speaker.model.input_token_limit)
        return count


def count_characters(kept: Value) -> int:
    """Of all texts that are kept."""
    contents: Iterable[Value] = [kept.get("system_instruction") or {}, *(kept.get("contents") or ())]
    return sum(len(part.get("text") or "") for content in contents for part in content.get("parts") or ())


def format_cached_content(cached: CachedContent) -> Value:
    """The message. What is kept is input only, and never shown."""
    return {
        "name": f"{place_of(cached)}/cachedContents/{cached.id}",
        "model": cached.model,
        "display_name": cached.display_name,
        "create_time": cached.created_ns,
        "update_time": cached.updated_ns,
        "expire_time": cached.expires_ns,
        "usage_metadata": {
            "total_token_count": cached.tokens,
            "text_count": cached.characters,
            "image_count": count_images(cached.kept),
        },
    }


def count_images(kept: Mapping[str, Any]) -> int:
    """Of what is kept, as JSON."""
    parts = [part for content in kept.get("contents", ()) for part in content.get("parts", ())]
    files = [part.get("inlineData") or part.get("fileData") or {} for part in parts]
    return sum(str(file.get("mimeType", "")).startswith("image/") for file in files)
