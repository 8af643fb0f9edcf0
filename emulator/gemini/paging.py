"""Pages of lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from emulator.core.records import TuningJob
from emulator.facts.limits import GEMINI_PAGE_MAX, Limit
from emulator.protocol.paging import format_page_token, parse_page_token, read_page_size
from emulator.schema.declare import Value
from emulator.store.store import Store


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for.

    Attributes:
        start: Position where the page begins: an index, or the uid after which it does.
        query: What the token is good for.
    """

    size: int
    start: int
    query: Mapping[str, Any]

    def format_token(self, position: int) -> str:
        """The token of the page that begins there."""
        return format_page_token(str(position), self.query)


def read_page(request: Value, default: Limit, **query: str) -> Page:
    """The page that a list request asks for.

    Raises:
        ApiError: INVALID_ARGUMENT, a negative size or a token of another query.
    """
    size = read_page_size(request.get("page_size", 0), default.value, GEMINI_PAGE_MAX.value)
    return Page(size, int(parse_page_token(request.get("page_token", ""), query) or 0), query)


def list_jobs(
    store: Store, page: Page, principal: str, is_wanted: Callable[[TuningJob], bool]
) -> tuple[list[TuningJob], str]:
    """The wanted tuned models of a page, oldest first, and the token of the next page ("" on the last)."""
    found: list[TuningJob] = []
    uid, wanted = page.start, page.size + 1
    while len(found) < wanted:
        batch = store.list_tuned_models_for(principal, uid, wanted)
        found += filter(is_wanted, batch)
        if len(batch) < wanted:
            break
        uid = batch[-1].uid
    more = len(found) >= wanted
    return found[: page.size], page.format_token(found[page.size - 1].uid) if more else ""
