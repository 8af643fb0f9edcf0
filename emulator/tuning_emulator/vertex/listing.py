"""List methods: filter, page size and page token, newest first.

The order is not documented for tuning jobs; newest first is assumed. Page sizes are in ``facts.limits``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from tuning_emulator.api.call import Call
from tuning_emulator.api.listing import compile_filter, format_page_token, parse_page_token, read_page_size
from tuning_emulator.facts import google_errors
from tuning_emulator.facts.limits import VERTEX_PAGE_DEFAULT, VERTEX_PAGE_MAX
from tuning_emulator.protojson.compiled import CompiledSchemas
from tuning_emulator.schema.proto import load_schemas
from tuning_emulator.schema.schema import Value
from tuning_emulator.store.store import NEWEST, Only
from tuning_emulator.vertex.convert import PACKAGE

_PLANS = CompiledSchemas(load_schemas(PACKAGE).values())
_EQUALITY = re.compile(r'\s*(?P<path>[A-Za-z_][\w.-]*)\s*=\s*("(?P<quoted>[^"*\\]+)"|(?P<plain>[\w.-]+))\s*')
_SELECTIVE = ("state", "display_name", "label")
"""Fields with an index; of several the last one leaves the fewest."""


class Stored(Protocol):
    """A record with a uid that grows with creation order."""

    @property
    def uid(self) -> int: ...


R = TypeVar("R", bound=Stored)


def list_newest_first(
    call: Call,
    field: str,
    message: str,
    fetch: Callable[[int, int], list[R]],
    describe: Callable[[R], Value | None],
    count: Callable[[R], None] | None = None,
    special: Sequence[str] = (),
) -> Value:
    """One page of stored records.

    Args:
        field: Repeated field of the response. message: Name of its messages, which the filter speaks of.
        fetch: Records older than a uid, newest first, at most so many.
        describe: The message of a record, or None to leave it out.
        count: Told of each record that was looked at for this page, those that the filter leaves out among them.
        special: Texts that the filter may speak of and that are no fields of the message: ``describe`` adds them.
    """
    size, query = _read_page(call)
    keep = read_filter(call, message, special)
    before = int(parse_page_token(call.request.get("page_token", ""), query) or NEWEST)
    found: list[tuple[int, Value]] = []
    for record in _walk(fetch, before, size + 1):
        value = describe(record)
        if value is not None and keep(value):
            found.append((record.uid, value))
        if len(found) > size:
            break
        if count is not None:
            count(record)
    page: Value = {field: [value for _, value in found[:size]]}
    if len(found) > size:
        page["next_page_token"] = format_page_token(str(found[size - 1][0]), query)
    return page


def list_all(call: Call, values: list[Value], field: str, message: str = "") -> Value:
    """One page of a short list that is at hand; without ``message`` nothing is filtered."""
    size, query = _read_page(call)
    if message:
        keep = read_filter(call, message)
        values = [value for value in values if keep(value)]
    start = int(parse_page_token(call.request.get("page_token", ""), query) or 0)
    page: Value = {field: values[start : start + size]}
    if start + size < len(values):
        page["next_page_token"] = format_page_token(str(start + size), query)
    return page


def read_filter(call: Call, message: str, special: Sequence[str] = ()) -> Callable[[Value], bool]:
    """The filter of a request.

    A client that sends several means all of them: google-genai adds its own, its oldest versions inside one escaped
    parameter (``labels.tune-type:*&filter=…``).

    Raises:
        ApiError: INVALID_ARGUMENT, it cannot be read or speaks of fields that there are not.
    """
    full = call.schema.full_name(message)
    others = {name: partial(_compare_text, name) for name in special}
    predicates = [compile_filter(part, full, _PLANS, others) for part in _split_filter(call)]
    return lambda value: all(predicate(value) for predicate in predicates)


def _compare_text(name: str, compare: str, argument: str) -> Callable[[Value], bool]:
    if compare not in ("=", "!="):
        raise google_errors.FILTER_INVALID(reason=google_errors.FILTER_ORDER.format(path=name))
    return lambda value: (value.get(name) == argument) is (compare == "=")


def find_only(call: Call) -> Only | None:
    """What of the filter an index of tuning jobs knows, so that not all of them are looked at; the filter still is."""
    found: list[Only] = []
    for text in _split_filter(call):
        parts = text.split(" AND ")
        if any(part.count('"') % 2 for part in parts) or any(sign in text for sign in "()'"):
            continue  # this AND may not be the outermost
        for part in parts:
            match = _EQUALITY.fullmatch(part)
            if match is not None:
                found += _read_equality(match["path"], match["quoted"] or match["plain"] or "")
    return max(found, key=lambda only: _SELECTIVE.index(only.field), default=None)


def _read_equality(path: str, value: str) -> list[Only]:
    if path == "state":
        known = value.startswith("JOB_STATE_")  # it may be a number too
        return [Only("state", value.removeprefix("JOB_STATE_"))] if known else []
    if path in ("tuned_model_display_name", "tunedModelDisplayName"):
        return [Only("display_name", value)]
    return [Only("label", value, path.removeprefix("labels."))] if path.startswith("labels.") else []


def _split_filter(call: Call) -> list[str]:
    texts = [value for name, value in call.query if name == "filter" and value] or [call.request.get("filter", "")]
    return [part for text in texts for part in text.split("&filter=") if part]


def _read_page(call: Call) -> tuple[int, dict[str, Any]]:
    query = {name: value for name, value in call.request.items() if name not in ("page_size", "page_token")}
    query["method"] = call.method.name
    return read_page_size(call.request.get("page_size", 0), VERTEX_PAGE_DEFAULT.value, VERTEX_PAGE_MAX.value), query


def _walk(fetch: Callable[[int, int], list[R]], before: int, batch: int) -> Iterator[R]:
    while records := fetch(before, batch):
        yield from records
        before = records[-1].uid
