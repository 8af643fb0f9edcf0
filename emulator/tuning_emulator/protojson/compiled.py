"""Messages compiled for reading and printing: their fields by any name, with what JSON needs of each."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias

from tuning_emulator.protojson.printer import Float32, format_camel, format_duration, format_timestamp
from tuning_emulator.protojson.scalars import PARSERS, Parser, enum_parser
from tuning_emulator.schema.proto import load_shared
from tuning_emulator.schema.schema import PRESENCE, SCALARS, ZERO_SHOWN, Enum, Field, Message, Schema

Kind: TypeAlias = Literal[
    "scalar", "enum", "message", "timestamp", "duration", "mask", "bool", "struct", "value", "list", "any"
]

_KINDS: Mapping[str, Kind] = {
    "google.protobuf.Timestamp": "timestamp",
    "google.protobuf.Duration": "duration",
    "google.protobuf.FieldMask": "mask",
    "google.protobuf.BoolValue": "bool",
    "google.protobuf.Struct": "struct",
    "google.protobuf.Value": "value",
    "google.protobuf.ListValue": "list",
    "google.protobuf.Any": "any",
    "google.protobuf.NullValue": "enum",
}
CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    "int64": str,
    "uint64": str,
    "float": Float32,
    "bytes": lambda data: base64.b64encode(data).decode("ascii"),
    "timestamp": format_timestamp,
    "duration": format_duration,
    "mask": lambda paths: ",".join(map(format_camel, paths)),
}
_PLAIN = frozenset(("string", "bool", "int32", "uint32", "fixed32", "double"))
_SHAPES = 64
_ZERO: Mapping[str, object] = {"string": "", "bool": False, "bytes": b""}


Shape: TypeAlias = tuple[tuple[type, ...], tuple[str, ...] | None]


class CompiledField:
    """One field, with everything that reading and printing it needs.

    Attributes:
        stored: Python type of the JSON values that are stored as they are, or None.
        direct: As ``stored``, None for members of a oneof.
        shown: Type in error texts: ``TYPE_INT32``, or a type URL.
        entry: Type URL of a map's entries.
        zero: The value that is left out of JSON, or None when even a zero is printed.
        convert: Turns one value into JSON; None where it is JSON already or needs the encoder.
        plain: Singular, and printed as the value is.
        zero_item: What an entry of a map has when its value is null.
    """

    message: CompiledMessage
    """The field's own message, compiled when it is first asked for: messages contain each other in circles."""

    def __init__(self, owner: str, field: Field, kind: Kind, enum: Enum | None, schemas: CompiledSchemas) -> None:
        self.number = field.number
        self.name = field.name
        self.json_name = field.json_name
        self.type = field.type
        self.kind = kind
        self.key = field.key
        self.repeated = field.repeated
        self.oneof = field.oneof
        self.enum = enum
        self._schemas = schemas
        self.convert = CONVERTERS.get(field.type if kind == "scalar" else kind)
        self.entry = f"type.googleapis.com/{owner}.{field.json_name[:1].upper()}{field.json_name[1:]}Entry"
        self.parse: Parser | None = None
        self.shown = f"TYPE_{field.type.upper()}" if kind == "scalar" else f"type.googleapis.com/{field.type}"
        self.zero_item: Any = {} if kind == "message" else None
        if kind == "scalar":
            self.parse = PARSERS[field.type]
            self.zero_item = _ZERO.get(field.type, 0)
        elif enum is not None:
            self.parse = enum_parser(enum.values)
            self.zero_item = next((name for name, number in enum.values.items() if number == 0), 0)
        plain = not (field.repeated or field.key or field.oneof or field.behaviour & (PRESENCE | ZERO_SHOWN))
        self.zero: Any = self.zero_item if plain and kind in ("scalar", "enum") else None
        self.plain = kind == "scalar" and field.type in _PLAIN and not (field.repeated or field.key)
        self.stored: type | None = None
        if kind == "scalar" and field.type in ("string", "bool") and not (field.repeated or field.key):
            self.stored = str if field.type == "string" else bool
        self.direct = None if field.oneof else self.stored

    def __getattr__(self, name: str) -> CompiledMessage:
        if name != "message":
            raise AttributeError(name)
        self.message = self._schemas[self.type]
        return self.message


class CompiledMessage:
    """A message: its fields in the order of their numbers, and by every name that JSON may use.

    Attributes:
        shapes: Keys of objects that were seen, with the types of their values and the proto names of the keys (None
            where they are the same), or None where an object of these keys cannot be stored as it is.
    """

    __slots__ = ("fields", "name", "named", "shapes", "shown")

    def __init__(self, name: str, fields: tuple[CompiledField, ...]) -> None:
        self.name = name
        self.shown = f"type.googleapis.com/{name}"
        self.fields = fields
        self.shapes: dict[tuple[str, ...], Shape | None] = {}
        self.named: dict[str, CompiledField] = {field.json_name: field for field in fields}
        self.named.update({field.name: field for field in fields})

    def learn_shape(self, keys: tuple[str, ...]) -> None:
        """Remembers whether objects of these keys can be stored as they are; up to a bound."""
        if len(self.shapes) >= _SHAPES:
            return
        fields = [field for key in keys if (field := self.named.get(key)) is not None]
        types = tuple(field.stored for field in fields if field.stored is not None)
        names = tuple(field.name for field in fields)
        oneofs = [field.oneof for field in fields if field.oneof]
        fits = len(types) == len(keys) == len(set(names)) and len(oneofs) == len(set(oneofs))
        self.shapes[keys] = (types, None if names == keys else names) if fits else None


class CompiledSchemas(dict[str, CompiledMessage]):
    """The messages of the given schemas, by full name; each is compiled when it is first asked for.

    Raises:
        KeyError: no schema declares the message.
    """

    def __init__(self, schemas: Iterable[Schema]) -> None:
        super().__init__()
        self.messages: dict[str, Message] = {}
        self.enums: dict[str, Enum] = {}
        for schema in (*load_shared(), *schemas):
            self.messages.update(schema.messages)
            self.enums.update(schema.enums)

    def __contains__(self, name: object) -> bool:
        return name in self.messages

    def __missing__(self, name: str) -> CompiledMessage:
        fields = tuple(self._compile(name, field) for field in self.messages[name].fields)
        compiled = self[name] = CompiledMessage(name, fields)
        return compiled

    def _compile(self, owner: str, field: Field) -> CompiledField:
        enum = self.enums.get(field.type)
        kind: Kind = "scalar" if field.type in SCALARS else _KINDS.get(field.type, "enum" if enum else "message")
        return CompiledField(owner, field, kind, enum, self)
