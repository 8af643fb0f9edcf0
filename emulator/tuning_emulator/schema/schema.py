"""The words in which wire messages, enums and methods are declared.

An API declares each message once, for all its versions; ``build_schemas`` resolves the declarations
into one ``Schema`` per version. JSON and protobuf codecs, discovery and OpenAPI all read these.

A message *value* is a plain dict keyed by proto field name (snake_case). In it int64 are ints, enums
are value names (unknown numbers stay ints), Timestamp and Duration are int nanoseconds, bytes are
bytes, FieldMask is a list of snake_case paths, Struct, Value and ListValue are plain JSON, Any is a
dict with ``@type``. A key that is absent is unset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Flag, auto
from typing import Any, NamedTuple, TypeAlias

Value: TypeAlias = dict[str, Any]
"""A message value; see the module's docstring."""

SCALARS = frozenset({"string", "bool", "bytes", "int32", "int64", "uint32", "uint64", "float", "double"})
WELL_KNOWN = frozenset(
    f"google.protobuf.{name}"
    for name in (
        "Any",
        "BoolValue",
        "Duration",
        "Empty",
        "FieldMask",
        "ListValue",
        "NullValue",
        "Struct",
        "Timestamp",
        "Value",
    )
)


class Behaviour(Flag):
    """``google.api.field_behavior`` of a field, plus ``PRESENCE``: a scalar whose zero is told from unset."""

    NONE = 0
    REQUIRED = auto()
    OPTIONAL = auto()
    OUTPUT_ONLY = auto()
    INPUT_ONLY = auto()
    IMMUTABLE = auto()
    IDENTIFIER = auto()
    DEPRECATED = auto()
    PRESENCE = auto()


REQUIRED = Behaviour.REQUIRED
OPTIONAL = Behaviour.OPTIONAL
OUTPUT_ONLY = Behaviour.OUTPUT_ONLY
INPUT_ONLY = Behaviour.INPUT_ONLY
IMMUTABLE = Behaviour.IMMUTABLE
IDENTIFIER = Behaviour.IDENTIFIER
DEPRECATED = Behaviour.DEPRECATED
PRESENCE = Behaviour.PRESENCE


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        type: A scalar's name, or the name of a message or enum: relative to the API's package
            (``TuningTask``, ``Permission.Role``) or full (``google.protobuf.Timestamp``).
        key: Scalar type of the key when the field is a map; ``type`` is then the value's.
        oneof: Name of the oneof that the field is a member of, or "".
        versions: API versions that have the field; empty means all.
    """

    number: int
    name: str
    type: str
    behaviour: Behaviour = Behaviour.NONE
    repeated: bool = False
    key: str = ""
    oneof: str = ""
    versions: frozenset[str] = frozenset()

    @property
    def json_name(self) -> str:
        """The lowerCamelCase name that the services print."""
        head, *rest = self.name.split("_")
        return head + "".join(part[:1].upper() + part[1:] for part in rest)


@dataclass(frozen=True, slots=True)
class Message:
    """A message: name relative to the package (or full), fields in the order of their numbers."""

    name: str
    fields: tuple[Field, ...] = ()
    versions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Enum:
    """An enum: value name to number, in proto order."""

    name: str
    values: Mapping[str, int]
    versions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class HttpRule:
    """A ``google.api.http`` binding.

    Attributes:
        verb: GET, POST, PATCH, PUT or DELETE.
        template: Path with variables, without the version: ``/{name=tunedModels/*}:generateContent``.
        body: ``""`` none, ``"*"`` the whole request, else the request field that the body is.
        versions: API versions that have this binding; empty means all that have the method.
        unversioned: The path does not start with the API version (``/ui/{name=…}``).
    """

    verb: str
    template: str
    body: str = ""
    versions: frozenset[str] = frozenset()
    unversioned: bool = False


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC with its HTTP bindings.

    Attributes:
        name: ``ModelService.CreateTunedModel`` (relative to the package) or a full name.
        request: Message name. response: Message name.
        streaming: The server streams responses.
    """

    name: str
    request: str
    response: str
    http: tuple[HttpRule, ...]
    streaming: bool = False
    versions: frozenset[str] = frozenset()


def only(*versions: str) -> frozenset[str]:
    """API versions, for the ``versions`` of a declaration."""
    return frozenset(versions)


def f(
    number: int,
    name: str,
    type: str,
    behaviour: Behaviour = Behaviour.NONE,
    *,
    oneof: str = "",
    versions: frozenset[str] = frozenset(),
) -> Field:
    """A singular field."""
    return Field(number, name, type, behaviour, oneof=oneof, versions=versions)


def repeated(
    number: int,
    name: str,
    type: str,
    behaviour: Behaviour = Behaviour.NONE,
    *,
    versions: frozenset[str] = frozenset(),
) -> Field:
    """A repeated field."""
    return Field(number, name, type, behaviour, repeated=True, versions=versions)


def mapped(
    number: int,
    name: str,
    key: str,
    type: str,
    behaviour: Behaviour = Behaviour.NONE,
    *,
    versions: frozenset[str] = frozenset(),
) -> Field:
    """A map field."""
    return Field(number, name, type, behaviour, key=key, versions=versions)


def message(name: str, *fields: Field, versions: frozenset[str] = frozenset()) -> Message:
    """A message with its fields, sorted by number: the order in which the services print them."""
    return Message(name, tuple(sorted(fields, key=lambda one: one.number)), versions)


def enum(name: str, *values: str, versions: frozenset[str] = frozenset(), **numbered: int) -> Enum:
    """An enum whose values are numbered from 0 in order; ``numbered`` gives numbers outright."""
    return Enum(name, {**{value: number for number, value in enumerate(values)}, **numbered}, versions)


@dataclass(frozen=True, slots=True)
class File:
    """A ``.proto`` file as one version of an API has it.

    Attributes:
        name: ``google/cloud/aiplatform/v1/tuning_job.proto``.
        imports: Names of the files that it refers to.
        methods: As the file has them: those of a service that many APIs share without the bindings of any.
    """

    name: str
    package: str
    imports: tuple[str, ...]
    messages: tuple[Message, ...]
    enums: tuple[Enum, ...]
    methods: tuple[Method, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """The messages, enums and methods of one API version, all by full name.

    Field types are full names too (scalars stay as they are).

    Attributes:
        files: What the rest is from, and the types that message values hold natively (google.protobuf).
    """

    package: str
    version: str
    messages: Mapping[str, Message]
    enums: Mapping[str, Enum]
    methods: Mapping[str, Method] = field(default_factory=dict)
    files: tuple[File, ...] = ()

    def full_name(self, name: str) -> str:
        """``TunedModel`` → ``google.ai.generativelanguage.v1beta.TunedModel``; full names and scalars stay."""
        if name in SCALARS or name.startswith("google."):
            return name
        return f"{self.package}.{self.version}.{name}"

    def message(self, name: str) -> Message:
        """The message of that (relative or full) name.

        Raises:
            KeyError: this version has no such message.
        """
        return self.messages[self.full_name(name)]


class DeclarationError(Exception):
    """A declaration contradicts itself: a duplicate name or number, or a type nobody declares."""


def build_schemas(
    package: str,
    versions: Iterable[str],
    messages: Iterable[Message],
    enums: Iterable[Enum],
    methods: Iterable[Method] = (),
) -> dict[str, Schema]:
    """Resolves declarations into one schema per version.

    Raises:
        DeclarationError: see there; names the message and the field.
    """
    declared = (tuple(messages), tuple(enums), tuple(methods))
    return {version: _build(package, version, *declared) for version in versions}


def _build(
    package: str, version: str, messages: tuple[Message, ...], enums: tuple[Enum, ...], methods: tuple[Method, ...]
) -> Schema:
    schema = Schema(package, version, {}, {}, {})
    found_enums: dict[str, Enum] = {}
    for one in enums:
        if _has(one.versions, version):
            _add(found_enums, replace(one, name=schema.full_name(one.name)))
    found: dict[str, Message] = {}
    for declared in messages:
        if _has(declared.versions, version):
            fields = tuple(_resolve_field(schema, x) for x in declared.fields if _has(x.versions, version))
            _add(found, Message(schema.full_name(declared.name), fields, declared.versions))
    built = Schema(package, version, found, found_enums, _resolve_methods(schema, version, methods))
    _check(built)
    return built


def _resolve_field(schema: Schema, declared: Field) -> Field:
    # Most fields are scalars and stay as they are; dataclasses.replace would take three times as long for the rest.
    full = schema.full_name(declared.type)
    if full == declared.type:
        return declared
    return Field(
        declared.number,
        declared.name,
        full,
        declared.behaviour,
        declared.repeated,
        declared.key,
        declared.oneof,
        declared.versions,
    )


def _resolve_methods(schema: Schema, version: str, methods: tuple[Method, ...]) -> dict[str, Method]:
    resolved: dict[str, Method] = {}
    for method in methods:
        if _has(method.versions, version):
            rules = tuple(rule for rule in method.http if _has(rule.versions, version))
            _add(
                resolved,
                Method(
                    schema.full_name(method.name),
                    schema.full_name(method.request),
                    schema.full_name(method.response),
                    rules,
                    method.streaming,
                    method.versions,
                ),
            )
    return resolved


def _has(versions: frozenset[str], version: str) -> bool:
    return not versions or version in versions


def _add(table: dict[str, Any], one: Message | Enum | Method) -> None:
    if one.name in table:
        raise DeclarationError(f"{one.name} is declared twice")
    table[one.name] = one


def _check(schema: Schema) -> None:
    known = SCALARS | WELL_KNOWN | schema.messages.keys() | schema.enums.keys()
    for declared in schema.messages.values():
        seen: set[int | str] = set()
        for one in declared.fields:
            if one.type not in known:
                raise DeclarationError(f"{declared.name}.{one.name}: nobody declares {one.type}")
            if one.number in seen or one.name in seen:
                raise DeclarationError(f"{declared.name}.{one.name}: number {one.number} or the name is used twice")
            seen |= {one.number, one.name}
    for method in schema.methods.values():
        for name in (method.request, method.response):
            if name not in known:
                raise DeclarationError(f"{method.name}: nobody declares {name}")
