"""The nearest miss: which route a request that matched none comes closest to, and what differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from emulator.protocol.backstage import Exchange
from emulator.protocol.call import Api
from emulator.protocol.router import Route, Router, parse_template

_VERB, _LIKE_VERB, _VERSION, _GAP, _WILD, _OTHER_ACTION = 1.0, 0.5, 1.0, 1.0, 0.5, 1.0
_LIKE_VERBS = (frozenset(("PUT", "PATCH")), frozenset(("PUT", "POST")))
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A route that would have been almost right.

    Attributes:
        route: As ``format_route`` has it. method: Relative name. differences: What would have to change.
    """

    route: str
    method: str
    differences: tuple[str, ...]


class NearMisses:
    """Finds them among all methods of some APIs."""

    def __init__(self, apis: Sequence[Api]) -> None:
        self._apis = apis
        self._routes: list[Route] = []
        self._found: dict[tuple[str, str, str], NearMiss | None] = {}

    def find(self, exchange: Exchange) -> NearMiss | None:
        """For a request that matched nothing, over either transport; None for others and when nothing is alike."""
        if exchange.declared is not None or exchange.status not in (404, 501):
            return None
        key = (exchange.transport, exchange.verb, exchange.path)
        if key not in self._found:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            self._found[key] = self._search(exchange)
        return self._found[key]

    def _search(self, exchange: Exchange) -> NearMiss | None:
        if not self._routes:
            found = Router(self._apis).routes.values()
            self._routes = [route for routes in found for route in routes]
        if exchange.transport == "grpc":
            return find_nearest_method((route.method.name for route in self._routes), exchange.path)
        return find_nearest(self._routes, exchange.verb, exchange.path)


def format_route(route: Route) -> str:
    """``GET /v1beta/{name=tunedModels/*}``."""
    prefix = "" if route.rule.unversioned else f"/{route.version}"
    return f"{route.rule.verb} {prefix}{route.rule.template}"


def find_nearest(routes: Iterable[Route], verb: str, path: str) -> NearMiss | None:
    """The closest route, the first of equals; None when nothing at all is alike."""
    segments, action = _split(path)
    best: tuple[float, Route, list[str]] | None = None
    for route in routes:
        cost, differences = _compare(route, verb, segments, action)
        if best is None or cost < best[0]:
            best = (cost, route, differences)
    if best is None or best[0] >= best[1].rule.template.count("/") / 2 + 0.75:
        return None
    return NearMiss(format_route(best[1]), best[1].name, tuple(best[2]))


def find_nearest_method(names: Iterable[str], path: str) -> NearMiss | None:
    """The same over gRPC, where ``/package.Service/Method`` must be the full name of a method."""
    asked = path.strip("/").replace("/", ".")
    best = min(names, key=lambda name: _unlike(name, asked), default=None)
    if best is None or _unlike(best, asked) > 0.5:
        return None
    package, _, method = best.rpartition(".")
    service = asked.rpartition(".")[0]
    differences = [] if service == package else [f"service: {service!r}, would be {package!r}"]
    if asked.rpartition(".")[2] != method:
        differences.append(f"method: {asked.rpartition('.')[2]!r}, would be {method!r}")
    return NearMiss(f"gRPC /{package}/{method}", best, tuple(differences))


def _split(path: str) -> tuple[list[str], str]:
    head, colon, tail = path.rstrip("/").rpartition(":")
    if colon and "/" not in tail:
        return head.split("/")[1:], tail
    return path.rstrip("/").split("/")[1:], ""


@lru_cache(maxsize=4096)
def _parse(version: str, template: str) -> tuple[tuple[str, ...], str]:
    segments, _, action = parse_template(f"/{version}{template}" if version else template)
    return tuple(segments), action


def _compare(route: Route, verb: str, segments: list[str], action: str) -> tuple[float, list[str]]:
    wanted, wanted_action = _parse("" if route.rule.unversioned else route.version, route.rule.template)
    cost, differences = 0.0, []
    if verb != route.rule.verb:
        cost += _LIKE_VERB if {verb, route.rule.verb} in _LIKE_VERBS else _VERB
        differences.append(f"verb: {verb}, would be {route.rule.verb}")
    changed, texts = _compare_segments(wanted, segments)
    cost, differences = cost + changed, differences + texts
    if action != wanted_action:
        cost += _OTHER_ACTION if not (action and wanted_action) else 2 * _unlike(action, wanted_action)
        differences.append(f"action: {_quote(action)}, would be {_quote(wanted_action)}")
    return cost, differences


def _quote(action: str) -> str:
    return f":{action}" if action else "none"


def _compare_segments(wanted: tuple[str, ...], segments: list[str]) -> tuple[float, list[str]]:
    """The cheapest way to make the one of the other: changes, gaps and leftovers, as in an edit distance."""
    cost = 0.0
    if "**" in wanted:
        place = wanted.index("**")
        spare = len(segments) - len(wanted) + 1
        wanted = wanted[:place] + ("*",) * max(1, spare) + wanted[place + 1 :]
        cost = _WILD
    best: list[list[tuple[float, tuple[str, ...]]]] = [[(cost, ())]]
    for row in range(len(wanted) + 1):
        if row:
            best.append([])
        for column in range(len(segments) + 1):
            choices = []
            if row and column:
                changed, text = _change(wanted[row - 1], segments[column - 1], column)
                choices.append(_extend(best[row - 1][column - 1], changed, text))
            if row:
                choices.append(_extend(best[row - 1][column], _GAP, f"missing: {_name(wanted[row - 1])}"))
            if column:
                choices.append(_extend(best[row][column - 1], _GAP, f"too much: {segments[column - 1]!r}"))
            if choices:
                best[row].append(min(choices, key=lambda choice: choice[0]))
    found, texts = best[-1][-1]
    return found, list(texts)


def _extend(so_far: tuple[float, tuple[str, ...]], cost: float, text: str) -> tuple[float, tuple[str, ...]]:
    return so_far[0] + cost, (*so_far[1], text) if text else so_far[1]


def _change(ours: str, theirs: str, place: int) -> tuple[float, str]:
    if ours in (theirs, "*") and theirs:
        return 0.0, ""
    label = "version" if place == 1 else f"segment {place}"
    cost = _VERSION if place == 1 else 0.25 + 2 * _unlike(ours, theirs)
    return cost, f"{label}: {theirs!r}, would be {_name(ours)}"


def _name(segment: str) -> str:
    return "an id" if segment == "*" else repr(segment)


@lru_cache(maxsize=4096)
def _unlike(one: str, other: str) -> float:
    """0 for the same texts, 1 for those with nothing in common."""
    return 1 - SequenceMatcher(None, one.lower(), other.lower()).ratio()
