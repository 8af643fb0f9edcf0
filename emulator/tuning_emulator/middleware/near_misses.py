"""The nearest miss: which route a request that matched none comes closest to, and what differs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct

from tuning_emulator.api.exchange import Exchange
from tuning_emulator.api.router import Route, Router, parse_template
from tuning_emulator.middleware.hints import has_no_place

_VERB, _LIKE_VERB, _VERSION, _GAP, _EXTRA, _OTHER_ACTION = 1.0, 0.5, 1.0, 1.0, 1.25, 1.0
_LIKE_VERBS = (frozenset(("PUT", "PATCH")), frozenset(("PUT", "POST")))
_REMEMBERED = 256
_LONGEST = 24
"""Segments of a path that are compared at all."""
_LONGEST_TEXT = 100


class NearMiss(Struct, frozen=True):
    """A route that would have been almost right.

    Attributes:
        route: As ``format_route`` has it. method: Relative name. differences: What would have to change.
    """

    route: str
    method: str
    differences: tuple[str, ...]


class NearMisses:
    """Finds them among all methods. What it found is remembered: clients repeat their mistakes."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._indexed: list[_PathIndex] = []
        self._found: dict[tuple[str, str, str], NearMiss | None] = {}

    def find(self, exchange: Exchange) -> NearMiss | None:
        """For a request that matched nothing, over either transport; None for others and when nothing is alike."""
        if exchange.target is not None or exchange.api or exchange.status not in (404, 501) or has_no_place(exchange):
            return None
        key = (exchange.transport, exchange.verb, exchange.path)
        if key not in self._found:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            self._found[key] = self._search(exchange)
        return self._found[key]

    def _search(self, exchange: Exchange) -> NearMiss | None:
        if not self._indexed:
            self._indexed = [_index_paths(route) for route in self._router.routes]
        if exchange.transport == "grpc":
            return find_nearest_method({path[1:].replace("/", ".") for path in self._router.rpcs}, exchange.path)
        return _find_nearest(self._indexed, exchange.verb, exchange.path)


def format_route(route: Route) -> str:
    """``GET /v1beta/{name=tunedModels/*}``."""
    return f"{route.rule.verb} {route.template}"


class _PathIndex(Struct, frozen=True):
    """A route as paths are compared with it. ``patience``: what costs more is nowhere near."""

    route: Route
    segments: tuple[str, ...]
    action: str
    patience: float


def _index_paths(route: Route) -> _PathIndex:
    segments, _, action = parse_template(route.template)
    return _PathIndex(route, tuple(segments), action, len(segments) / 2 + 0.25)


def _find_nearest(indexed: Iterable[_PathIndex], verb: str, path: str) -> NearMiss | None:
    """The closest route, the first of equals; None when nothing at all is alike."""
    segments, action = _split(path)
    if len(segments) > _LONGEST:
        return None
    best, nearest = float("inf"), None
    posts = list(indexed)
    words = frozenset(segment for post in posts for segment in post.segments[1:])
    for post in posts:
        limit = min(best, post.patience)
        cost = _compare_verbs(verb, post.route.rule.verb)
        gaps = 0 if "**" in post.segments else abs(len(post.segments) - len(segments))
        if cost + _GAP * gaps < limit:
            cost += _compare_actions(action, post.action)
            cost += _measure(_fit(post.segments, segments), segments, words)[-1][-1] if cost < limit else 0.0
        else:
            continue
        if cost < limit:
            best, nearest = cost, post
    return None if nearest is None else _describe(nearest, verb, segments, action, words)


def _compare_verbs(one: str, other: str) -> float:
    return 0.0 if one == other else _LIKE_VERB if {one, other} in _LIKE_VERBS else _VERB


def _compare_actions(one: str, other: str) -> float:
    if one == other:
        return 0.0
    return 2 * _unlike(one, other) if one and other else _OTHER_ACTION


def _describe(post: _PathIndex, verb: str, segments: list[str], action: str, words: frozenset[str]) -> NearMiss:
    route = post.route
    differences = [] if verb == route.rule.verb else [f"verb: {verb}, would be {route.rule.verb}"]
    differences += _list_changes(_fit(post.segments, segments), segments, words)
    if action != post.action:
        differences.append(f"action: {_quote(action)}, would be {_quote(post.action)}")
    return NearMiss(format_route(route), route.target.name, tuple(differences))


def find_nearest_method(names: Iterable[str], path: str) -> NearMiss | None:
    """The same over gRPC, where ``/package.Service/Method`` must be the full name of a method."""
    from difflib import get_close_matches  # of no use to requests that match

    service, _, method = path.strip("/").replace("/", ".")[:_LONGEST_TEXT].rpartition(".")
    split = [name.rpartition(".") for name in sorted(names)]
    close = get_close_matches(method, {last for _, _, last in split}, 1)
    if not close:
        return None
    package = max((first for first, _, last in split if last == close[0]), key=lambda first: -_unlike(first, service))
    differences = [] if service == package else [f"service: {service!r}, would be {package!r}"]
    if method != close[0]:
        differences.append(f"method: {method!r}, would be {close[0]!r}")
    return NearMiss(f"gRPC /{package}/{close[0]}", f"{package}.{close[0]}", tuple(differences))


def _split(path: str) -> tuple[list[str], str]:
    head, colon, tail = path.rstrip("/").rpartition(":")
    if colon and "/" not in tail:
        return head.split("/")[1:], tail
    return path.rstrip("/").split("/")[1:], ""


def _quote(action: str) -> str:
    return f":{action}" if action else "none"


def _fit(wanted: tuple[str, ...], segments: list[str]) -> tuple[str, ...]:
    """A template with as many ``*`` in place of ``**`` as the path has segments for it."""
    if "**" not in wanted:
        return wanted
    place = wanted.index("**")
    return wanted[:place] + ("*",) * max(1, len(segments) - len(wanted) + 1) + wanted[place + 1 :]


def _measure(wanted: tuple[str, ...], segments: list[str], words: frozenset[str]) -> list[list[float]]:
    """Edit distances from every beginning of the template to every beginning of the path."""
    table = [[_EXTRA * column for column in range(len(segments) + 1)]]
    for row, ours in enumerate(wanted):
        line = [_GAP * (row + 1)]
        for column, theirs in enumerate(segments):
            changed = table[row][column] + _change(ours, theirs, column, words)
            line.append(min(changed, table[row][column + 1] + _GAP, line[column] + _EXTRA))
        table.append(line)
    return table


def _change(ours: str, theirs: str, place: int, words: frozenset[str]) -> float:
    """What it costs to have another segment. One that some route has is no id, nor another word mistyped."""
    if _fits(ours, theirs, words):
        return 0.0
    if place == 0:
        return _VERSION
    unlike = _unlike(ours, theirs)
    return _GAP + _EXTRA if theirs in words and unlike > 0.5 else 0.25 + 2 * unlike


def _fits(ours: str, theirs: str, words: frozenset[str]) -> bool:
    return theirs != "" and (ours == theirs or (ours == "*" and theirs not in words))


def _list_changes(wanted: tuple[str, ...], segments: list[str], words: frozenset[str]) -> list[str]:
    """The changes along the cheapest way, in the path's order."""
    table = _measure(wanted, segments, words)
    row, column, texts = len(wanted), len(segments), []
    while row or column:
        here = table[row][column]
        ours, theirs = wanted[row - 1] if row else "", segments[column - 1] if column else ""
        if row and column and here == table[row - 1][column - 1] + _change(ours, theirs, column - 1, words):
            if not _fits(ours, theirs, words):
                label = "version" if column == 1 else f"segment {column}"
                texts.append(f"{label}: {theirs!r}, would be {_name(ours)}")
            row, column = row - 1, column - 1
        elif row and here == table[row - 1][column] + _GAP:
            texts.append(f"missing: {_name(ours)}")
            row -= 1
        else:
            texts.append(f"too much: {theirs!r}")
            column -= 1
    return texts[::-1]


def _name(segment: str) -> str:
    return "an id" if segment == "*" else repr(segment)


@lru_cache(maxsize=4096)
def _unlike(one: str, other: str) -> float:
    """0 for the same texts, 1 for those with nothing in common. Only their beginnings are looked at."""
    from difflib import SequenceMatcher  # as above

    return 1 - SequenceMatcher(None, one[:_LONGEST_TEXT].lower(), other[:_LONGEST_TEXT].lower()).ratio()
