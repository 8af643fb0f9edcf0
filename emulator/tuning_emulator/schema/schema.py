"""Wire messages, enums and methods, one ``Schema`` per API and version, as ``schema.proto`` reads them.

JSON and protobuf codecs, discovery and descriptors all follow from these.

A message *value* is a plain dict keyed by proto field name (snake_case). In it int64 are ints, enums
are value names (unknown numbers stay ints), Timestamp and Duration are int nanoseconds, bytes are
bytes, FieldMask is a list of snake_case paths, Struct, Value and ListValue are plain JSON, Any is a
dict with ``@type``. A key that is absent is unset.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Flag, auto
from typing import Any, NamedTuple, TypeAlias

from msgspec import Struct

Value: TypeAlias = dict[str, Any]
"""A message value; see the module's docstring."""

SCALARS = frozenset({"string", "bool", "bytes", "int32", "int64", "uint32", "uint64", "fixed32", "float", "double"})
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
    """``google.api.field_behavior`` of a field, and what else is said of one.

    ``PRESENCE``: a scalar whose zero is told from unset. ``ZERO_SHOWN``: JSON has its zero, where it is set.
    """

    NONE = 0
    REQUIRED = auto()
    OPTIONAL = auto()
    OUTPUT_ONLY = auto()
    INPUT_ONLY = auto()
    IMMUTABLE = auto()
    IDENTIFIER = auto()
    DEPRECATED = auto()
    PRESENCE = auto()
    ZERO_SHOWN = auto()


def find_declared(name: str) -> str:
    """The declared message that a type URL means: operations of batches name a version that nobody serves (recorded).

    Source: github.com/langchain4j/langchain4j GoogleAiGeminiBatchChatModelTest.java, answers of 2025-12-03.
    """
    return name.replace(".v1main.", ".v1beta.")


REQUIRED = Behaviour.REQUIRED
OPTIONAL = Behaviour.OPTIONAL
OUTPUT_ONLY = Behaviour.OUTPUT_ONLY
DEPRECATED = Behaviour.DEPRECATED
PRESENCE = Behaviour.PRESENCE
ZERO_SHOWN = Behaviour.ZERO_SHOWN


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        type: A scalar's name, or the full name of a message or enum.
        key: Scalar type of the key when the field is a map; ``type`` is then the value's.
        oneof: Name of the oneof that the field is a member of, or "".
    """

    number: int
    name: str
    type: str
    behaviour: Behaviour = Behaviour.NONE
    repeated: bool = False
    key: str = ""
    oneof: str = ""

    @property
    def json_name(self) -> str:
        """The lowerCamelCase name that the services print."""
        head, *rest = self.name.split("_")
        return head + "".join(part[:1].upper() + part[1:] for part in rest)


class Message(NamedTuple):
    """A message by its full name; fields in the order of their numbers, in which the services print them."""

    name: str
    fields: tuple[Field, ...] = ()


class Enum(NamedTuple):
    """An enum: value name to number, in proto order."""

    name: str
    values: Mapping[str, int]


class HttpRule(NamedTuple):
    """A ``google.api.http`` binding.

    Attributes:
        verb: GET, POST, PATCH, PUT or DELETE.
        template: Path with variables, without the version: ``/{name=tunedModels/*}:generateContent``.
        body: ``""`` none, ``"*"`` the whole request, else the request field that the body is.
        unversioned: The path does not start with the API version (``/ui/{name=…}``).
    """

    verb: str
    template: str
    body: str = ""
    unversioned: bool = False


class Method(NamedTuple):
    """One RPC with its HTTP bindings.

    Attributes:
        name: Full name: ``google.ai.generativelanguage.v1beta.ModelService.CreateTunedModel``.
        request: Message name. response: Message name.
        streaming: The server streams responses. client_streaming: The client streams requests.
    """

    name: str
    request: str
    response: str
    http: tuple[HttpRule, ...] = ()
    streaming: bool = False
    client_streaming: bool = False


class File(NamedTuple):
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


class Schema(Struct, frozen=True):
    """The messages, enums and methods of one API version, all by full name.

    Attributes:
        files: What the rest is from, and the types that message values hold natively (google.protobuf).
    """

    package: str
    version: str
    messages: Mapping[str, Message]
    enums: Mapping[str, Enum]
    methods: Mapping[str, Method]
    files: tuple[File, ...]

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
