"""``cachedContents``: what clients keep for later prompts of a base model. How prompts use it is in ``caching``.

Shapes: as recorded in September 2026. Who may use one is not documented: here the project that created it.
"""

from __future__ import annotations

from msgspec import structs

from tuning_emulator.api.call import Call
from tuning_emulator.core.records import CachedContent
from tuning_emulator.core.rules import Breaches, Rule, find_violations
from tuning_emulator.facts import gemini_errors
from tuning_emulator.facts.limits import GEMINI_CACHES_PAGE_DEFAULT, GEMINI_MAX_CACHE_NAME_CHARACTERS
from tuning_emulator.gemini.base_models import find_served_model
from tuning_emulator.gemini.caching import find_cached, owner_of
from tuning_emulator.gemini.listing import read_page
from tuning_emulator.gemini.media import read_media
from tuning_emulator.gemini.prompts import (
    ABILITY_RULES,
    KEPT_RULES,
    ContentRequest,
    list_counted,
)
from tuning_emulator.gemini.rules import check_fields
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.caching import Caches, default_expiry, pick_kept, read_expiry
from tuning_emulator.jobs.trainer import TrainerUnavailableError
from tuning_emulator.schema.schema import Value
from tuning_emulator.store.store import NEWEST

ID_CHARACTERS = 40
"""Recorded: lower-case letters and digits."""

CHANGEABLE = ("expire_time", "ttl")
MAX_NAME = GEMINI_MAX_CACHE_NAME_CHARACTERS.value


def _find_long_name(sent: Value) -> Breaches:
    length = len(sent.get("display_name") or "")
    return length > MAX_NAME and {"limit": MAX_NAME, "length": length}


CREATE_RULES: tuple[Rule[Value], ...] = (
    Rule(gemini_errors.CACHED_CONTENT_MODEL_MISSING, lambda sent: not sent.get("model")),
    Rule(gemini_errors.CACHED_CONTENT_NAME_LENGTH, _find_long_name),
)


class CachedContents:
    """``CacheService``."""

    def __init__(self, backend: Backend, caches: Caches) -> None:
        self._backend = backend
        self._store = backend.store
        self._caches = caches

    async def create_cached_content(self, call: Call) -> Value:
        """Keeps system instruction, contents, tools and their configuration for an hour, or as long as is wanted."""
        sent: Value = call.request.get("cached_content", {})
        check_fields(CREATE_RULES, sent)
        now_ns = self._backend.clock.timestamp_ns()
        expires_ns = _read_expiry(sent, now_ns, "CreateCachedContentRequest")
        kept = pick_kept(sent)
        asked = self._find_model(call, str(sent["model"]), kept)
        tokens = await self._check(call, asked)
        cached = CachedContent(
            uid=0,
            api="gemini",
            project=owner_of(call.caller),
            location="",
            id=self._backend.ids.base36(ID_CHARACTERS),
            api_version=call.version,
            model=asked.model,
            base_model=asked.base.id,
            display_name=sent.get("display_name") or "",
            kept={},
            tokens=tokens,
            characters=0,
            created_ns=now_ns,
            updated_ns=now_ns,
            expires_ns=default_expiry(now_ns) if expires_ns is None else expires_ns,
        )
        return format_cached_content(self._caches.add(cached, kept))

    def get_cached_content(self, call: Call) -> Value:
        """What is known of one; never what it keeps."""
        call.repeatable = False  # it expires
        return format_cached_content(find_cached(self._store, self._caches, call.request["name"], call.caller))

    def list_cached_contents(self, call: Call) -> Value:
        """Those of the caller's project that have not expired, newest first (assumed)."""
        call.repeatable = False
        page = read_page(call.request, GEMINI_CACHES_PAGE_DEFAULT, list="cachedContents")
        owner, before = owner_of(call.caller), page.start or NEWEST
        found: list[CachedContent] = []
        while len(found) <= page.size:
            batch = self._store.list_cached_contents_newest_first("gemini", owner, "", before, page.size + 1)
            found += filter(self._caches.is_alive, batch)
            if len(batch) <= page.size:
                break
            before = batch[-1].uid
        more = len(found) > page.size
        return {
            "cached_contents": [format_cached_content(one) for one in found[: page.size]],
            "next_page_token": page.format_token(found[page.size - 1].uid) if more else "",
        }

    def update_cached_content(self, call: Call) -> Value:
        """Changes when one expires, nothing else."""
        sent: Value = call.request["cached_content"]
        cached = find_cached(self._store, self._caches, sent.get("name", ""), call.caller)
        for path in call.request.get("update_mask") or [name for name in call.given if name != "name"]:
            if path not in CHANGEABLE:
                raise gemini_errors.CACHED_CONTENT_MASK(path=path)
        expires_ns = _read_expiry(sent, self._backend.clock.timestamp_ns(), "UpdateCachedContentRequest")
        changed = cached if expires_ns is None else self._caches.change_expiry(cached, expires_ns)
        return format_cached_content(changed)

    def delete_cached_content(self, call: Call) -> Value:
        """Removes one."""
        self._caches.delete(find_cached(self._store, self._caches, call.request["name"], call.caller))
        return {}

    # ------------------------------------------------------------ inside

    def _find_model(self, call: Call, name: str, kept: Value) -> ContentRequest:
        """What is to be kept, as a request of the base model that it is kept for.

        Raises:
            ApiError: there is no such model, or none that content is cached for.
        """
        day = self._backend.find_day(call.caller)
        identifier = name.removeprefix("models/")
        if "/" in identifier:
            raise gemini_errors.MODEL_NAME_FORMAT(request="CreateCachedContentRequest.cached_content")
        base = find_served_model(identifier, day)
        if base is None or "createCachedContent" not in base.methods:
            text = day.choose(gemini_errors.MODEL_NOT_SUPPORTED_TEXTS)
            words = {"method": "createCachedContent", "rpc": "CreateCachedContent"}
            chosen = {name: word for name, word in words.items() if name in text.placeholders}
            raise text(model=identifier, version=call.version, **chosen)
        request = "CreateCachedContentRequest.cached_content"
        return ContentRequest(kept, request, f"models/{base.id}", base, day=day)

    async def _check(self, call: Call, asked: ContentRequest) -> int:
        """How many tokens it has.

        Raises:
            ApiError: it is not what prompts of the model begin with, too short or too long.
        """
        check_fields(KEPT_RULES, asked, request=asked.request)
        if asked.contents and asked.contents[-1].get("role") == "model":
            raise gemini_errors.CACHED_CONTENT_ENDS_WITH_MODEL()
        for violation in find_violations(ABILITY_RULES, asked, model=asked.model):
            raise violation.row(**violation.values)
        read = await read_media(call, self._backend, asked)
        counted = structs.replace(asked, body={**asked.body, "contents": read.counted})
        try:
            target = self._backend.answering.target_base(asked.base.id, call.caller.project)
            count = sum(await self._backend.answering.count_tokens(target, list_counted(counted)))
        except TrainerUnavailableError as error:
            raise gemini_errors.UNAVAILABLE(reason=error) from error
        count += sum(read.tokens.values())
        minimum, maximum = asked.base.min_cached_tokens, asked.base.input_token_limit
        if count < minimum:
            raise gemini_errors.CACHED_CONTENT_SMALL(count=count, minimum=minimum)
        if count > maximum:
            raise gemini_errors.CACHED_CONTENT_LARGE(count=count, maximum=maximum)
        return count


def _read_expiry(sent: Value, now_ns: int, request: str) -> int | None:
    expires_ns = read_expiry(sent, now_ns)
    if expires_ns is not None and expires_ns <= now_ns:
        raise gemini_errors.CACHED_CONTENT_EXPIRY(request=request)
    return expires_ns


def format_cached_content(cached: CachedContent) -> Value:
    """The message. What is kept is input only, and never shown; an empty display name is (recorded)."""
    return {
        "name": f"cachedContents/{cached.id}",
        "model": cached.model,
        "create_time": cached.created_ns,
        "update_time": cached.updated_ns,
        "expire_time": cached.expires_ns,
        "display_name": cached.display_name,
        "usage_metadata": {"total_token_count": cached.tokens},
    }
