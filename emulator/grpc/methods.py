"""Paths to methods: ``/google.ai.generativelanguage.v1beta.ModelService/GetTunedModel``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from emulator.protocol.call import Api, Handler, relative_name
from emulator.protocol.router import parse_template
from emulator.schema.declare import Method, Schema, Value

SHARED = "google.longrunning.Operations."
"""The service that every API has under one name; its requests tell by a name whose operation they mean."""

_Declared: TypeAlias = tuple[Api, str, Schema, Method]


@dataclass(frozen=True, slots=True)
class Variable:
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

    def fits(self, value: str) -> bool:
        """Whether a path of the method leads to that name."""
        segments = value.split("/")
        return any(_fits(form, segments) for form in self.forms)


@dataclass(frozen=True, slots=True)
class Target:
    """One method in one version of one API.

    Attributes:
        name: Relative name. handler: None when nobody serves it.
        reads: HTTP has it as GET: it changes nothing.
        limit_bytes: Longest request message.
    """

    api: Api
    schema: Schema
    version: str
    method: Method
    name: str
    handler: Handler | None
    variables: tuple[Variable, ...]
    reads: bool
    limit_bytes: int

    @property
    def heads(self) -> frozenset[str]:
        """What the names in its requests may begin with, up to the first slash."""
        return frozenset(form[0] for variable in self.variables for form in variable.forms)


class MethodTable:
    """Every method of some APIs. Each is looked at when it is first called."""

    def __init__(self, apis: Iterable[Api]) -> None:
        self._declared: dict[str, list[_Declared]] = {}
        self._targets: dict[str, tuple[Target, ...]] = {}
        self._suffixes: list[str] = []
        for api in apis:
            self._suffixes.append(api.host_suffix)
            for version, schema in api.schemas.items():
                for method in schema.methods.values():
                    self._add((api, version, schema, method))

    def _add(self, declared: _Declared) -> None:
        service, _, name = declared[3].name.rpartition(".")
        known = self._declared.setdefault(f"/{service}/{name}", [])
        if all(one[0] is not declared[0] for one in known):  # a shared service is that of the API's first version
            known.append(declared)

    @property
    def paths(self) -> frozenset[str]:
        """Every path that leads somewhere."""
        return frozenset(self._declared)

    def limit(self, path: str) -> int:
        """Longest request message of a path, bytes; 0 where there is nothing."""
        return max((target.limit_bytes for target in self._make(path)), default=0)

    def find(self, path: str, host: str) -> Sequence[Target]:
        """The methods of that path that a host has; more than one only in the shared service."""
        found = self._make(path)
        if not host.endswith("googleapis.com"):
            return found
        suffix = next((one for one in self._suffixes if host.endswith(one)), None)
        return [target for target in found if suffix in (None, target.api.host_suffix)]

    def _make(self, path: str) -> tuple[Target, ...]:
        found = self._targets.get(path)
        if found is None:
            if path not in self._declared:
                return ()
            found = self._targets[path] = tuple(make_target(*one) for one in self._declared[path])
        return found


def make_target(api: Api, version: str, schema: Schema, method: Method) -> Target:
    """A method as gRPC finds it."""
    name = relative_name(schema, method)
    forms: dict[str, dict[tuple[str, ...], None]] = {}
    for rule in method.http:
        segments, spans, _ = parse_template(rule.template)
        for path, start, end in spans:
            form = segments[start : end if end > 0 else len(segments) + end]
            forms.setdefault(path, {})[tuple(form)] = None
    if not method.http:
        forms["name"] = {}  # gRPC alone has WaitOperation
    return Target(
        api,
        schema,
        version,
        method,
        name,
        api.handlers.get(name),
        tuple(Variable(tuple(path.split(".")), tuple(each)) for path, each in forms.items()),
        any(rule.verb == "GET" for rule in method.http),
        min(api.method_limits_bytes.get(name, api.body_limit_bytes), api.body_limit_bytes),
    )


def choose_target(targets: Sequence[Target], request: Value) -> Target:
    """The one of these methods whose names begin as the request's does; the first where none does."""
    if len(targets) > 1:
        head = str(request.get("name", "")).partition("/")[0]
        return next((target for target in targets if head in target.heads), targets[0])
    return targets[0]


def find_resource(target: Target, request: Value) -> str:
    """The name that a request is about, "" where it has none."""
    return next((name for variable in target.variables if (name := variable.read(request))), "")


def fill_variables(target: Target, request: Value) -> None:
    """Sets the names that HTTP always has, and gRPC leaves out where they are empty."""
    for variable in target.variables:
        *outer, last = variable.path
        value = request
        for name in outer:
            value = value.setdefault(name, {})
        value.setdefault(last, "")


def _fits(form: tuple[str, ...], segments: Sequence[str]) -> bool:
    if "**" in form:
        pattern = "/".join(".*" if part == "**" else "[^/]+" if part == "*" else re.escape(part) for part in form)
        return re.fullmatch(pattern, "/".join(segments)) is not None
    return len(form) == len(segments) and all(
        (part == "*" and segment != "") or part == segment for part, segment in zip(form, segments, strict=True)
    )
