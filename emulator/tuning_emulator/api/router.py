"""Paths to methods: every HTTP rule of every API in one table.

Rules of matching: google.api.http (github.com/googleapis/googleapis google/api/http.proto) and
grpc-httpjson-transcoding path_matcher.h. A literal wins over ``*``, and ``*`` over ``**``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from tuning_emulator.api.call import Api, Handler, relative_name
from tuning_emulator.schema.schema import HttpRule, Method, Schema

_PART = re.compile(r"\{([^=}]+)(?:=([^}]*))?\}|([^/{}]+)")
_ENCODED_SLASH = re.compile("%2f", re.IGNORECASE)


class TemplateError(ValueError):
    """A path template that cannot be compiled; the text names it."""


@dataclass(frozen=True, slots=True)
class Route:
    """One HTTP binding of one method in one version of one API.

    Attributes:
        name: Relative name of the method. handler: None when nobody serves it.
        variables: Field path, first segment and end of each path variable; an end of 0 or less counts from the
            path's end.
    """

    api: Api
    schema: Schema
    version: str
    method: Method
    name: str
    rule: HttpRule
    handler: Handler | None
    variables: tuple[tuple[str, int, int], ...]

    def bind(self, segments: Sequence[str]) -> list[tuple[str, str]]:
        """Values of the path variables: percent-decoded, but an encoded slash stays encoded in longer variables."""
        found = []
        for path, start, end in self.variables:
            parts = segments[start : end if end > 0 else len(segments) + end]
            text = "/".join(parts)
            if "%" in text:
                text = unquote(text) if len(parts) == 1 else _unquote_name(text)
            found.append((path, text))
        return found


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    star: _Node | None = None
    stars: _Node | None = None
    route: Route | None = None

    def match(self, segments: Sequence[str], position: int) -> Route | None:
        if position == len(segments):
            return self.route or (self.stars.route if self.stars else None)
        inner = self.literals.get(segments[position])
        found = inner.match(segments, position + 1) if inner is not None else None
        if found is None and self.star is not None and segments[position]:
            found = self.star.match(segments, position + 1)
        if found is None and self.stars is not None:
            found = self.stars.match_end(segments, position)
        return found

    def match_end(self, segments: Sequence[str], position: int) -> Route | None:
        """What follows ``**``, tried from its longest match to its shortest."""
        for end in range(len(segments), position - 1, -1):
            found = self.match(segments, end)
            if found is not None:
                return found
        return None


class Router:
    """All routes of some APIs."""

    def __init__(self, apis: Iterable[Api]) -> None:
        self._roots: dict[tuple[str, str], _Node] = {}
        self._actions: set[str] = set()
        for api in apis:
            for version, schema in api.schemas.items():
                for method in schema.methods.values():
                    for rule in method.http:
                        self._add(api, version, schema, method, rule)

    def _add(self, api: Api, version: str, schema: Schema, method: Method, rule: HttpRule) -> None:
        prefix = "" if rule.unversioned else f"/{version}"
        segments, variables, action = parse_template(prefix + rule.template)
        name = relative_name(schema, method)
        route = Route(api, schema, version, method, name, rule, api.handlers.get(name), variables)
        node = self._roots.setdefault((rule.verb, action), _Node())
        for segment in segments:
            node = _descend(node, segment)
        if node.route is None:
            node.route = route
        if action:
            self._actions.add(action)

    def find(self, verb: str, path: str) -> tuple[Route, list[str]] | None:
        """The route of a raw (percent-encoded) path, and the path's segments; None when nothing matches."""
        path = path.rstrip("/")
        action = ""
        head, colon, tail = path.rpartition(":")
        if colon and "/" not in tail and tail in self._actions:
            path, action = head, tail
        root = self._roots.get((verb, action))
        if root is None:
            return None
        segments = path.split("/")[1:]
        route = root.match(segments, 0)
        return None if route is None else (route, segments)

    @property
    def routes(self) -> Mapping[tuple[str, str], list[Route]]:
        """Every route, by verb and custom action."""
        return {key: list(_walk(root)) for key, root in self._roots.items()}


def _descend(node: _Node, segment: str) -> _Node:
    if segment == "*":
        node.star = node.star or _Node()
        return node.star
    if segment == "**":
        node.stars = node.stars or _Node()
        return node.stars
    return node.literals.setdefault(segment, _Node())


def _walk(node: _Node) -> Iterable[Route]:
    if node.route is not None:
        yield node.route
    for inner in (*node.literals.values(), node.star, node.stars):
        if inner is not None:
            yield from _walk(inner)


def parse_template(template: str) -> tuple[list[str], tuple[tuple[str, int, int], ...], str]:
    """Segments, variables and custom action of a template.

    Raises:
        TemplateError: there is more than one ``**``, or a part that is neither a literal nor a variable.
    """
    path, action = template, ""
    if ":" in template.rpartition("}")[2]:
        path, _, action = template.rpartition(":")
    segments: list[str] = []
    spans: list[tuple[str, int, int]] = []
    for match in _PART.finditer(path):
        name, pattern, literal = match.groups()
        start = len(segments)
        segments += (pattern or "*").split("/") if name else [literal]
        if name:
            spans.append((name, start, len(segments)))
    if segments.count("**") > 1 or _PART.sub("", path).strip("/"):
        raise TemplateError(f"cannot compile the path template {template}")
    if "**" in segments:
        wild = segments.index("**")
        spans = [(name, start, end - len(segments) if end > wild else end) for name, start, end in spans]
    return segments, tuple(spans), action


def _unquote_name(text: str) -> str:
    return unquote(_ENCODED_SLASH.sub("%252F", text))
