"""Schemas as ``google.protobuf.FileDescriptorProto``: what gRPC server reflection answers with.

They say what ``protoc`` says of the same files, without the options of google.api and without what other versions have:
a client needs nothing but these files to build messages and calls.
Source: https://github.com/protocolbuffers/protobuf src/google/protobuf/descriptor.proto.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from tuning_emulator.schema.protobuf import BYTES, VARINT, encode_sized, encode_varint
from tuning_emulator.schema.schema import DEPRECATED, PRESENCE, Enum, Field, File, Message, Method, Schema

_TYPES = {
    "double": 1, "float": 2, "int64": 3, "uint64": 4, "int32": 5, "fixed32": 7, "bool": 8, "string": 9, "bytes": 12,
    "uint32": 13,
}  # fmt: skip
_MESSAGE, _ENUM = 11, 14
_OPTIONAL, _REPEATED = 1, 3

T = TypeVar("T", Message, Enum, Method)


class Descriptors:
    """The files of some schemas, by their names and by what they declare.

    Attributes:
        services: Full names of the services that have a method here.
    """

    def __init__(self, schemas: Iterable[Schema]) -> None:
        self._files: dict[str, File] = {}
        self._symbols: dict[str, str] = {}
        self._messages: set[str] = set()
        self._enums: set[str] = set()
        self._built: dict[str, bytes] = {}
        services: dict[str, None] = {}
        for schema in schemas:
            services.update(dict.fromkeys(map(_scope, schema.methods)))
            for file in schema.files:
                self._add(file)
        self.services = tuple(services)

    def _add(self, file: File) -> None:
        self._files[file.name] = file
        self._messages.update(one.name for one in file.messages)
        self._enums.update(one.name for one in file.enums)
        self._symbols.update(dict.fromkeys(_list_symbols(file), file.name))

    def find_file_by_name(self, name: str) -> bytes:
        """The serialized descriptor of ``google/cloud/aiplatform/v1/tuning_job.proto``.

        Raises:
            KeyError: no schema has such a file.
        """
        if name not in self._built:
            self._built[name] = self._build(self._files[name])
        return self._built[name]

    def find_file_containing_symbol(self, symbol: str) -> bytes:
        """The serialized descriptor of the file that declares a message, an enum, a service or what is in them.

        Raises:
            KeyError: no file declares it.
        """
        return self.find_file_by_name(self.find_file_name(symbol))

    def find_file_name(self, symbol: str) -> str:
        """The name of that file. Raises KeyError likewise."""
        return self._symbols[symbol]

    def list_needed(self, name: str) -> list[str]:
        """A file and all that it imports, directly or not: each once, itself first.

        Raises:
            KeyError: no schema has such a file.
        """
        needed = {name: None}
        waiting = [name]
        for one in waiting:  # grows while it is walked
            imports = [other for other in self._files[one].imports if other not in needed]
            needed.update(dict.fromkeys(imports))
            waiting += imports
        return list(needed)

    def declares_message(self, name: str) -> bool:
        """Whether there is a message of that full name."""
        return name in self._messages

    def _build(self, file: File) -> bytes:
        messages, enums = _by_scope(file.messages), _by_scope(file.enums)
        services = _by_scope(file.methods)
        return b"".join(
            (
                _text(1, file.name),
                _text(2, file.package),
                *(_text(3, name) for name in file.imports),
                *(_data(4, self._write_message(one, messages, enums)) for one in messages.get(file.package, ())),
                *(_data(5, _write_enum(one)) for one in enums.get(file.package, ())),
                *(_data(6, _write_service(name, methods)) for name, methods in services.items()),
                _text(12, "proto3"),
            )
        )

    def _write_message(
        self, message: Message, messages: Mapping[str, Sequence[Message]], enums: Mapping[str, Sequence[Enum]]
    ) -> bytes:
        fields = message.fields
        oneofs = list(dict.fromkeys(one.oneof for one in fields if one.oneof))
        oneofs += [f"_{one.name}" for one in fields if one.behaviour & PRESENCE]  # as protoc has proto3's optional
        return b"".join(
            (
                _text(1, _last(message.name)),
                *(_data(2, self._write_field(one, message.name, oneofs)) for one in fields),
                *(_data(3, self._write_message(one, messages, enums)) for one in messages.get(message.name, ())),
                *(_data(3, self._write_entry(one)) for one in fields if one.key),
                *(_data(4, _write_enum(one)) for one in enums.get(message.name, ())),
                *(_data(8, _text(1, name)) for name in oneofs),
            )
        )

    def _write_field(self, field: Field, message: str, oneofs: Sequence[str]) -> bytes:
        optional = bool(field.behaviour & PRESENCE)
        kind, type_name = _TYPES.get(field.type, _ENUM if field.type in self._enums else _MESSAGE), field.type
        if field.key:
            kind, type_name = _MESSAGE, f"{message}.{_name_entry(field)}"
        oneof = f"_{field.name}" if optional else field.oneof
        return b"".join(
            (
                _text(1, field.name),
                _number(3, field.number),
                _number(4, _REPEATED if field.repeated or field.key else _OPTIONAL),
                _number(5, kind),
                _text(6, f".{type_name}") if kind in (_MESSAGE, _ENUM) else b"",
                _data(8, _number(3, 1)) if field.behaviour & DEPRECATED else b"",
                _number(9, oneofs.index(oneof)) if oneof else b"",
                _text(10, field.json_name),
                _flag(17, optional),
            )
        )

    def _write_entry(self, field: Field) -> bytes:
        """The message that an entry of a map is."""
        pair = (Field(1, "key", field.key), Field(2, "value", field.type))
        fields = b"".join(_data(2, self._write_field(one, "", ())) for one in pair)
        return _text(1, _name_entry(field)) + fields + _data(7, _number(7, 1))


def _list_symbols(file: File) -> Iterator[str]:
    """The full names of what a file declares; the values of an enum stand beside it."""
    for message in file.messages:
        yield message.name
        yield from (f"{message.name}.{name}" for field in message.fields for name in (field.name, field.oneof) if name)
    for enum in file.enums:
        yield enum.name
        yield from (f"{_scope(enum.name)}.{value}" for value in enum.values)
    for method in file.methods:
        yield from (method.name, _scope(method.name))


def _write_enum(enum: Enum) -> bytes:
    values = (_data(2, _text(1, name) + _number(2, number)) for name, number in enum.values.items())
    return _text(1, _last(enum.name)) + b"".join(values)


def _write_service(name: str, methods: Sequence[Method]) -> bytes:
    return _text(1, _last(name)) + b"".join(_data(2, _write_method(one)) for one in methods)


def _write_method(method: Method) -> bytes:
    names = _text(1, _last(method.name)) + _text(2, f".{method.request}") + _text(3, f".{method.response}")
    return names + _flag(5, method.client_streaming) + _flag(6, method.streaming)


def _name_entry(field: Field) -> str:
    return f"{field.json_name[:1].upper()}{field.json_name[1:]}Entry"


def _scope(name: str) -> str:
    return name.rpartition(".")[0]


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _by_scope(named: Iterable[T]) -> dict[str, list[T]]:
    """What stands in each package, message or service."""
    found: dict[str, list[T]] = {}
    for one in named:
        found.setdefault(_scope(one.name), []).append(one)
    return found


def _data(number: int, data: bytes) -> bytes:
    return encode_varint(number << 3 | BYTES) + encode_sized(data)


def _text(number: int, text: str) -> bytes:
    return _data(number, text.encode())


def _number(number: int, value: int) -> bytes:
    return encode_varint(number << 3 | VARINT) + encode_varint(value)


def _flag(number: int, value: bool) -> bytes:
    return _number(number, 1) if value else b""
