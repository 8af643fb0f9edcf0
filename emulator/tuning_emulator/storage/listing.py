"""Pages of objects: prefixes, delimiters, offsets, globs, generations. A page costs what it shows, whatever is there.

Source: cloud.google.com/storage/docs/json_api/v1/objects/list.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from tuning_emulator.facts import storage_errors
from tuning_emulator.storage.records import State, StoredObject
from tuning_emulator.storage.store import Storage

PAGE_SIZE = 1000
"""Of a page at most, and where none is asked for."""

AFTER_ALL = "\U0010ffff"
"""Behind a prefix: later than every name that begins with it."""

_FETCHED = 256


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is listed.

    Attributes:
        start, end: Names from here on, and before here. after: Where the page before ended: the last name or prefix.
        trailing: Objects whose names end with the delimiter are shown beside their prefixes.
        state: ``NONCURRENT``: all generations that are not deleted.
    """

    prefix: str = ""
    delimiter: str = ""
    start: str = ""
    end: str = ""
    glob: str = ""
    trailing: bool = False
    state: State = State.LIVE
    limit: int = PAGE_SIZE
    after: tuple[str, int] = ("", 0)


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows. ``next``: where the next one begins, None: there is none."""

    objects: list[StoredObject]
    prefixes: list[str]
    next: tuple[str, int] | None


def list_page(storage: Storage, bucket: str, wanted: Wanted) -> Page:
    """One page. An object and its own prefix are shown on the same one, even where one entry is asked for.

    Raises:
        ApiError: the bucket is not there, or glob and delimiter do not go together.
    """
    storage.get_bucket(bucket)
    if wanted.glob and wanted.delimiter not in ("", "/"):
        raise storage_errors.GLOB_DELIMITER()
    pattern = compile_glob(wanted.glob) if wanted.glob else None
    objects: list[StoredObject] = []
    prefixes: list[str] = []
    last: tuple[str, int] = ("", 0)
    known = _find_prefix(wanted.after[0], wanted) if wanted.trailing else ""  # the page before ended with its object
    walk = _Walk(storage, bucket, wanted)
    for found in walk:
        prefix = _find_prefix(found.name, wanted)
        alone = not prefix or (wanted.trailing and found.name == prefix)
        new = prefix not in ("", known) and prefixes[-1:] != [prefix] and _fits(pattern, prefix)
        shown = alone and _fits(pattern, found.name)
        filled = len(objects) + len(prefixes)
        if filled and filled + new + shown > wanted.limit:
            return Page(objects, prefixes, last)
        if new:
            prefixes.append(prefix)
        if shown:
            objects.append(found)
        last = (found.name, found.generation) if alone else (prefix + AFTER_ALL, 0)
        if not alone:
            walk.skip_to(prefix + AFTER_ALL)
    return Page(objects, prefixes, None)


def _fits(pattern: re.Pattern[str] | None, name: str) -> bool:
    return pattern is None or pattern.fullmatch(name) is not None


def _find_prefix(name: str, wanted: Wanted) -> str:
    """The prefix that stands for a name; "" where it stands for itself."""
    if not wanted.delimiter:
        return ""
    place = name.find(wanted.delimiter, len(wanted.prefix))
    return "" if place < 0 else name[: place + len(wanted.delimiter)]


class _Walk:
    """The generations of a bucket in the order of their names, fetched as they are wanted."""

    def __init__(self, storage: Storage, bucket: str, wanted: Wanted) -> None:
        self._storage = storage
        self._bucket = bucket
        self._wanted = wanted
        self._from = max(wanted.start, wanted.prefix)
        self._after = wanted.after
        self._jumped = False

    def skip_to(self, name: str) -> None:
        """Goes on behind a name."""
        self._after = (name, 0)
        self._jumped = True

    def __iter__(self) -> Iterator[StoredObject]:
        size = min(_FETCHED, self._wanted.limit + 1)
        while found := self._fetch(size):
            self._jumped = False
            for one in found:
                if not one.name.startswith(self._wanted.prefix) or (
                    self._wanted.end and one.name.encode() >= self._wanted.end.encode()
                ):
                    return
                self._after = (one.name, one.generation)
                yield one
                if self._jumped:
                    break
            if not self._jumped and len(found) < size:
                return

    def _fetch(self, size: int) -> list[StoredObject]:
        state = self._wanted.state
        name, generation = self._after
        if state is State.LIVE:  # one generation of each name
            where = "WHERE bucket = ? AND state = 0 AND name >= ? AND name > ? ORDER BY name LIMIT ?"
            return self._storage.database.objects(where, self._bucket, self._from, name, size)
        where = "state != 2" if state is State.NONCURRENT else f"state = 2 AND until_ns > {self._storage.now_ns()}"
        where = f"WHERE bucket = ? AND {where} AND name >= ? AND (name, generation) > (?, ?)"
        order = "ORDER BY name, generation LIMIT ?"
        return self._storage.database.objects(f"{where} {order}", self._bucket, self._from, name, generation, size)


# --- tokens of pages


def format_token(place: tuple[str, int] | None) -> str | None:
    """Where a page begins, as clients hand it back."""
    return None if place is None else base64.urlsafe_b64encode(f"{place[1]}/{place[0]}".encode()).decode()


def parse_token(text: str) -> tuple[str, int]:
    """What ``format_token`` has made; "" is the beginning.

    Raises:
        ApiError: it has not.
    """
    if not text:
        return "", 0
    try:
        generation, slash, name = base64.b64decode(text, altchars=b"-_", validate=True).decode().partition("/")
        if not slash:
            raise ValueError(text)
        return name, int(generation)
    except (ValueError, binascii.Error) as error:
        raise storage_errors.ARGUMENT_INVALID(name="pageToken", value=text) from error


# --- globs


_MARKS = re.compile(r"(\*\*+)(/?)|(\*)|(\?)|\[([!^]?)([^]]+)\]|(\{)|(\})|(,)|\\(.)|(.)", re.DOTALL)


@lru_cache(maxsize=64)
def compile_glob(glob: str) -> re.Pattern[str]:
    """``matchGlob`` as a regular expression: ``*`` and ``?`` but for ``/``, ``**``, ``[a-z]``, ``{a,b}``, ``\\``.

    Raises:
        ApiError: brackets are not closed.
    """
    parts: list[str] = []
    depth = 0
    for found in _MARKS.finditer(glob):
        anything, slash, star, mark, negated, among, opening, closing, comma, escaped, other = found.groups()
        if anything:
            folders = slash and glob[: found.start()][-1:] in ("", "/")
            parts.append("(?:.*/)?" if folders else ".*" + (slash or ""))
        elif star or mark:
            parts.append("[^/]*" if star else "[^/]")
        elif among:
            inner = among.replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
            parts.append(f"[{'^' if negated else ''}{inner}]")
        elif opening or (closing and depth) or (comma and depth):
            depth += 1 if opening else -1 if closing else 0
            parts.append("(?:" if opening else ")" if closing else "|")
        else:
            parts.append(re.escape(escaped or other or closing or comma))
    try:
        if depth:
            raise re.error("a brace is open")
        return re.compile("".join(parts), re.DOTALL)
    except re.error as error:
        raise storage_errors.ARGUMENT_INVALID(name="matchGlob", value=glob) from error
