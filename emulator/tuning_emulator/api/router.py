"""Calls to methods: every HTTP rule and every gRPC path of every API in one table.

Rules of matching: google.api.http (github.com/googleapis/googleapis google/api/http.proto) and
grpc-httpjson-transcoding path_matcher.h. A literal wins over ``*``, and ``*`` over ``**``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from msgspec import Struct, field

from tuning_emulator.api.call import Api, Handler, relative_name
from tuning_emulator.schema.schema import HttpRule, Method, Schema, Value

GOOGLE: Final = ".googleapis.com"
"""What the names of Google's hosts end with."""

PathValues: TypeAlias = Sequence[tuple[str, str]]
"""Of the variables of a path: field path and text of each, in order."""

_PART = re.compile(r"\{([^=}]+)(?:=([^}]*))?\}|([^/{}]+)")
_ENCODED_SLASH = re.compile("%2f", re.IGNORECASE)


class TemplateError(ValueError):
    """A path template that cannot be compiled; the text names it."""


class Target(Struct, frozen=True, eq=False, dict=True):
    """One method in one version of one API, whatever transport it is called by.

    Attributes:
        name: Relative name. handler: None when nobody serves it.
        limit_bytes: Longest request: of the body over HTTP, of the message over gRPC.
    """

    api: Api
    schema: Schema
    version: str
    method: Method
    name: str
    handler: Handler | None
    limit_bytes: int

    @cached_property
    def reads(self) -> bool:
        """HTTP has it as GET: it changes nothing."""
        return any(rule.verb == "GET" for rule in self.method.http)

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """The fields of its request that HTTP has in the path."""
        forms: dict[str, dict[tuple[str, ...], None]] = {}
        for rule in self.method.http:
            segments, spans, _ = parse_template(rule.template)
            for path, start, end in spans:
                form = segments[start : end if end > 0 else len(segments) + end]
                forms.setdefault(path, {})[tuple(form)] = None
        if not self.method.http:
            forms["name"] = {}  # gRPC alone has WaitOperation
        return tuple(Variable(tuple(path.split(".")), tuple(each)) for path, each in forms.items())

    @cached_property
    def heads(self) -> frozenset[str]:
        """What the names in its requests may begin with, up to the first slash."""
        return frozenset(form[0] for variable in self.variables for form in variable.forms)


class Variable(Struct, frozen=True):
    """A field of a request that HTTP has in its path: the name of what is asked for.

    Attributes:
        path: Field names from the request to it. forms: What it may look like, in all paths of the method.
    """

    path: tuple[str, ...]
    forms: tuple[tuple[str, ...], ...]

    def read(self, request: Value) -> str:
        """Its value, "" where it is not set."""
        value: Any = request
        for name in self.path:
            value = value.get(name) if isinstance(value, dict) else None
        return str(value or "")

    def fill(self, request: Value) -> None:
        """Sets it where the request leaves it out, as HTTP always has it."""
        *outer, last = self.path
        for name in outer:
            request = request.setdefault(name, {})
        request.setdefault(last, "")

    def fits(self, value: str) -> bool:
        """Whether a path of the method leads to that name."""
        segments = value.split("/")
        return any(_fits(form, segments) for form in self.forms)


class Route(Struct, frozen=True):
    """One HTTP binding of a method.

    Attributes:
        variables: Field path, first segment and end of each path variable; an end of 0 or less counts from the
            path's end.
    """

    target: Target
    rule: HttpRule
    variables: tuple[tuple[str, int, int], ...]

    def bind(self, segments: Sequence[str]) -> PathValues:
        """The path's variables, percent-decoded; a longer one keeps an encoded slash encoded."""
        found = []
        for path, start, end in self.variables:
            parts = segments[start : end if end > 0 else len(segments) + end]
            text = "/".join(parts)
            if "%" in text:
                text = unquote(text if len(parts) == 1 else _ENCODED_SLASH.sub("%252F", text))
            found.append((path, text))
        return found

    @property
    def template(self) -> str:
        """The path's template with its version: ``/v1beta/{name=tunedModels/*}``."""
        return self.rule.template if self.rule.unversioned else f"/{self.target.version}{self.rule.template}"


class _Node(Struct):
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
    """All methods of some APIs, by HTTP path and by gRPC path."""

    def __init__(self, apis: Iterable[Api]) -> None:
        self.apis = tuple(apis)
        self._roots: dict[tuple[str, str], _Node] = {}
        self._actions: set[str] = set()
        self._rpcs: dict[str, list[Target]] = {}
        self._of_hosts: dict[tuple[str, ...], Router] = {}
        for api in self.apis:
            for version, schema in api.schemas.items():
                for method in schema.methods.values():
                    name = relative_name(schema, method)
                    limit = min(api.method_limits_bytes.get(name, api.body_limit_bytes), api.body_limit_bytes)
                    self._add(Target(api, schema, version, method, name, api.handlers.get(name), limit))

    def _add(self, target: Target) -> None:
        service, _, name = target.method.name.rpartition(".")
        known = self._rpcs.setdefault(f"/{service}/{name}", [])
        if all(one.api is not target.api for one in known):  # a shared service is that of the API's first version
            known.append(target)
        for rule in target.method.http:
            prefix = "" if rule.unversioned else f"/{target.version}"
            segments, variables, action = parse_template(prefix + rule.template)
            node = self._roots.setdefault((rule.verb, action), _Node())
            for segment in segments:
                node = _descend(node, segment)
            if node.route is None:
                node.route = Route(target, rule, variables)
            if action:
                self._actions.add(action)

    def find(self, verb: str, path: str, host: str = "") -> tuple[Route, PathValues] | None:
        """The route of a raw (percent-encoded) path on a host, and the path's variables; None when nothing matches.

        A host of Google's own has the methods of its API alone, any other host has all.
        """
        if host.endswith(GOOGLE):
            return self._of_google(host).find(verb, path)
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
        return None if route is None else (route, route.bind(segments))

    def find_rpc(self, path: str, host: str = "") -> Sequence[Target]:
        """The methods of ``/package.Service/Method``; more than one only in a service that APIs share."""
        if host.endswith(GOOGLE):
            return self._of_google(host).find_rpc(path)
        return self._rpcs.get(path, ())

    def has_host(self, host: str) -> bool:
        """Whether there is such a host: Google has no others than it has."""
        return not host.endswith(GOOGLE) or bool(self._of_google(host).apis)

    def _of_google(self, host: str) -> Router:
        apis = [api for api in self.apis if not api.admin]
        own = next((api for api in apis if host.endswith(api.host_suffix)), None)
        if own is not None:
            apis = [own] if own.has_host is None or own.has_host(host) else []
        suffixes = tuple(api.host_suffix for api in apis)
        if suffixes not in self._of_hosts:
            self._of_hosts[suffixes] = Router(apis)
        return self._of_hosts[suffixes]

    @property
    def routes(self) -> Iterator[Route]:
        """Every route."""
        for root in self._roots.values():
            yield from _walk(root)

    @property
    def rpcs(self) -> Mapping[str, Sequence[Target]]:
        """Every gRPC path, and the methods that it leads to."""
        return self._rpcs


def read_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """A request's headers as ASGI has them, as text; of several with one name the last."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}


def read_host(headers: Mapping[str, str]) -> str:
    """The host that a request came to: in lower case, without port."""
    return headers.get("host", "").lower().rpartition("]")[2].partition(":")[0]


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


def _fits(form: tuple[str, ...], segments: Sequence[str]) -> bool:
    if "**" in form:
        pattern = "/".join(".*" if part == "**" else "[^/]+" if part == "*" else re.escape(part) for part in form)
        return re.fullmatch(pattern, "/".join(segments)) is not None
    return len(form) == len(segments) and all(
        (part == "*" and segment != "") or part == segment for part, segment in zip(form, segments, strict=True)
    )
