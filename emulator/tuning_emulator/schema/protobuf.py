"""Message values in the protobuf wire format and back, from the declarations alone.

Source: protobuf.dev/programming-guides/encoding. Repeated numbers are packed, fields come in the order of their
numbers, zero values without presence are left out, unknown fields are skipped.

Inside ``Any``, google.rpc error details are JSON (``fieldViolations``), as ``core.errors`` has them; every other
declared message is a message value; a message nobody declares keeps its bytes under ``value``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from tuning_emulator.schema.proto import load_shared
from tuning_emulator.schema.schema import PRESENCE, SCALARS, Field, Message, Schema, Value, find_declared

Writer: TypeAlias = Callable[[Any], bytes]
Reader: TypeAlias = Callable[[Any], Any]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_SECOND_NS = 1_000_000_000
_MASK64 = (1 << 64) - 1
_DEEPEST = 100


class WireError(ValueError):
    """Bytes that are not a message of that type, or a value that has no bytes; the text says which."""


class _CompiledField:
    """One field with its tag and its scalar codec (None for messages)."""

    __slots__ = ("field", "key", "name", "other", "packed", "presence", "read", "siblings", "tag", "wire", "write")

    def __init__(self, field: Field, as_json: bool, enums: dict[str, dict[str, int]]) -> None:
        self.field = field
        self.name = field.json_name if as_json else field.name
        numbers = enums.get(field.type)
        self.siblings: tuple[str, ...] = ()
        self.write: Writer | None = None
        self.read: Reader | None = None
        self.wire = BYTES
        if numbers is not None:
            self.wire, self.write, self.read = VARINT, _enum_writer(numbers), _enum_reader(numbers)
        elif field.type in SCALARS:
            self.wire, self.write, self.read = _SCALARS[field.type]
        if as_json and field.type == "int64":
            self.write, self.read = lambda item: encode_varint(int(item)), lambda raw: str(_signed(raw))
        self.packed = field.repeated and self.wire != BYTES
        wire = BYTES if field.repeated or field.key else self.wire
        self.tag = encode_varint(field.number << 3 | wire)
        self.presence = bool(field.behaviour & PRESENCE) or field.oneof != "" or self.write is None
        self.key = _CompiledField(Field(1, "key", field.key), False, {}) if field.key else None
        self.other = _CompiledField(Field(2, "value", field.type), as_json, enums) if field.key else None


class _CompiledMessage:
    __slots__ = ("fields", "name", "numbered")

    def __init__(self, declared: Message, enums: dict[str, dict[str, int]]) -> None:
        as_json = declared.name.startswith("google.rpc.") and declared.name != "google.rpc.Status"
        self.name = declared.name
        self.fields = tuple(_CompiledField(field, as_json, enums) for field in declared.fields)
        for plan in self.fields:
            if plan.field.oneof:
                others = (one for one in self.fields if one.field.oneof == plan.field.oneof and one is not plan)
                plan.siblings = tuple(one.name for one in others)
        self.numbered = {plan.field.number: plan for plan in self.fields}


class BinaryCodec:
    """Encodes and decodes every message of the given schemas, by full name."""

    def __init__(self, schemas: Iterable[Schema]) -> None:
        self._messages: dict[str, Message] = {}
        self._enums: dict[str, dict[str, int]] = {}
        for schema in (*load_shared(), *schemas):
            self._messages.update(schema.messages)
            self._enums.update({name: dict(one.values) for name, one in schema.enums.items()})
        self._plans: dict[str, _CompiledMessage] = {}

    def encode(self, value: Value, name: str) -> bytes:
        """The bytes of a message value.

        Raises:
            WireError: the value does not fit its declaration; the text names message and field.
            KeyError: no schema declares the message.
        """
        return self._encode(value, name)

    def decode(self, data: bytes, name: str) -> Value:
        """The message value in the bytes; keys are the fields that are set.

        Raises:
            WireError: the bytes are not a message of that type.
            KeyError: no schema declares the message.
        """
        value: Value = self._decode(memoryview(data), name, 0)
        return value

    def _plan(self, name: str) -> _CompiledMessage:
        plan = self._plans.get(name)
        if plan is None:
            plan = self._plans[name] = _CompiledMessage(self._messages[name], self._enums)
        return plan

    # --- value → bytes ------------------------------------------------------------------------------

    def _encode(self, value: Any, name: str) -> bytes:
        plan = self._plan(name)
        out = bytearray()
        for one in plan.fields:
            item = value.get(one.name)
            if item is None and not (one.field.type == "google.protobuf.Value" and one.name in value):
                continue
            try:
                self._encode_field(one, item, out)
            except (struct.error, TypeError, AttributeError, ValueError, OverflowError) as error:
                if isinstance(error, WireError):
                    raise
                raise WireError(f"{name}.{one.name}: {item!r} is not a {one.field.type}: {error}") from error
        return bytes(out)

    def _encode_field(self, one: _CompiledField, item: Any, out: bytearray) -> None:
        if one.key is not None and one.other is not None:
            for key, inner in item.items():
                entry = bytearray()
                self._encode_field(one.key, key, entry)
                self._encode_field(one.other, inner, entry)
                out += one.tag + encode_sized(bytes(entry))
        elif one.packed and one.write is not None:
            if item:
                out += one.tag + encode_sized(b"".join(map(one.write, item)))
        elif one.field.repeated:
            for inner in item:
                out += one.tag + (
                    encode_sized(self._encode_known(one, inner)) if one.write is None else one.write(inner)
                )
        elif one.write is None:
            out += one.tag + encode_sized(self._encode_known(one, item))
        elif one.presence or item:
            raw = one.write(item)
            if one.presence or raw != b"\0":
                out += one.tag + raw

    def _encode_known(self, one: _CompiledField, item: Any) -> bytes:
        name = one.field.type
        shape = _TO_SHAPE.get(name)
        if shape is not None:
            return self._encode(shape(item), name)
        if name == "google.protobuf.Any":
            return self._encode_any(item)
        return self._encode(item, name)

    def _encode_any(self, item: Value) -> bytes:
        if not item:
            return b""
        url = item.get("@type", "")
        name = find_declared(url.rpartition("/")[2])
        content = item.get("value")
        if name in _TO_SHAPE:
            data = self._encode(_TO_SHAPE[name](content), name)
        elif name in self._messages:
            data = self._encode(item, name)
        elif isinstance(content, bytes):
            data = content
        else:
            raise WireError(f"google.protobuf.Any: nobody declares {url!r}")
        return self._encode({"type_url": url, "value": data}, "google.protobuf.Any")

    # --- bytes → value ------------------------------------------------------------------------------

    def _decode(self, data: memoryview, name: str, depth: int) -> Any:
        if depth > _DEEPEST:
            raise WireError(f"{name}: nested deeper than {_DEEPEST} messages")
        plan = self._plan(name)
        value: Value = {}
        position = 0
        while position < len(data):
            tag, position = _read_varint(data, position)
            raw, position = _read_raw(data, position, tag & 7)
            one = plan.numbered.get(tag >> 3)
            if one is not None:
                try:
                    self._decode_field(one, tag & 7, raw, value, depth)
                except (struct.error, UnicodeDecodeError, TypeError) as error:
                    raise WireError(f"{name}.{one.field.name}: {error}") from error
        return value

    def _decode_field(self, one: _CompiledField, wire: int, raw: Any, value: Value, depth: int) -> None:
        if one.packed and wire == BYTES:
            value.setdefault(one.name, []).extend(_unpack(one, raw))
            return
        if wire != (BYTES if one.key is not None else one.wire):
            return  # another wire type is an unknown field
        if one.key is not None and one.other is not None:
            entry = self._decode_entry(one, raw, depth)
            value.setdefault(one.name, {}).update([entry])
            return
        item = one.read(raw) if one.read is not None else self._decode_known(one.field.type, raw, depth + 1)
        if one.field.repeated:
            value.setdefault(one.name, []).append(item)
            return
        for sibling in one.siblings:
            value.pop(sibling, None)
        old = value.get(one.name)
        if isinstance(old, dict) and isinstance(item, dict) and one.read is None:
            item = {**old, **item}
        value[one.name] = item

    def _decode_entry(self, one: _CompiledField, raw: memoryview, depth: int) -> tuple[Any, Any]:
        assert one.key is not None
        assert one.other is not None
        entry: Value = {}
        position = 0
        while position < len(raw):
            tag, position = _read_varint(raw, position)
            inner, position = _read_raw(raw, position, tag & 7)
            part = {1: one.key, 2: one.other}.get(tag >> 3)
            if part is not None:
                self._decode_field(part, tag & 7, inner, entry, depth)
        key = entry.get("key", _ZERO.get(one.key.field.type, 0))
        if one.other.read is not None:
            zero = _ZERO.get(one.other.field.type, one.other.read(0) if one.other.wire == VARINT else 0)
            return key, entry.get("value", zero)
        return key, entry["value"] if "value" in entry else self._decode_known(one.other.field.type, raw[:0], depth)

    def _decode_known(self, name: str, raw: memoryview, depth: int) -> Any:
        if name == "google.protobuf.Any":
            return self._decode_any(raw, depth)
        value = self._decode(raw, name, depth)
        shape = _FROM_SHAPE.get(name)
        return value if shape is None else shape(value)

    def _decode_any(self, raw: memoryview, depth: int) -> Value:
        held = self._decode(raw, "google.protobuf.Any", depth)
        url = held.get("type_url", "")
        if not url and "value" not in held:
            return {}
        name = find_declared(url.rpartition("/")[2])
        data = held.get("value", b"")
        if name in _FROM_SHAPE:
            return {"@type": url, "value": _FROM_SHAPE[name](self._decode(memoryview(data), name, depth + 1))}
        if name in self._messages:
            return {"@type": url, **self._decode(memoryview(data), name, depth + 1)}
        return {"@type": url, "value": data}


# --- scalars ----------------------------------------------------------------------------------------


def encode_varint(number: int) -> bytes:
    """A number, or the two's complement of a negative one, seven bits a byte."""
    number &= _MASK64
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode_sized(data: bytes) -> bytes:
    """Bytes behind their length."""
    return encode_varint(len(data)) + data


def _read_varint(data: memoryview, position: int) -> tuple[int, int]:
    number = shift = 0
    while shift < 70:
        if position >= len(data):
            raise WireError("the bytes end inside a number")
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & _MASK64, position
        shift += 7
    raise WireError("a number is longer than 10 bytes")


def _read_raw(data: memoryview, position: int, wire: int) -> tuple[Any, int]:
    """One field's payload: an int for varints, bytes for all else."""
    if wire == VARINT:
        return _read_varint(data, position)
    if wire == BYTES:
        size, position = _read_varint(data, position)
    elif wire in (FIXED64, FIXED32):
        size = 8 if wire == FIXED64 else 4
    else:
        raise WireError(f"wire type {wire} is not used by these messages")
    end = position + size
    if end > len(data):
        raise WireError("the bytes end inside a field")
    return data[position:end], end


def _unpack(one: _CompiledField, raw: memoryview) -> list[Any]:
    assert one.read is not None
    found: list[Any] = []
    position = 0
    while position < len(raw):
        item, position = _read_raw(raw, position, one.wire)
        found.append(one.read(item))
    return found


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


def _signed32(number: int) -> int:
    number &= 0xFFFFFFFF
    return number - (1 << 32) if number >= 1 << 31 else number


def _enum_writer(numbers: dict[str, int]) -> Writer:
    def write(item: Any) -> bytes:
        if isinstance(item, str) and item not in numbers:
            raise ValueError(f"must be one of {', '.join(numbers)}")
        return encode_varint(numbers[item] if isinstance(item, str) else item)

    return write


def _enum_reader(numbers: dict[str, int]) -> Reader:
    names: dict[int, str] = {}
    for name, number in numbers.items():
        names.setdefault(number, name)
    return lambda raw: names.get(_signed32(raw), _signed32(raw))


_DOUBLE, _FLOAT, _FIXED32 = struct.Struct("<d"), struct.Struct("<f"), struct.Struct("<I")
_SCALARS: dict[str, tuple[int, Writer, Reader]] = {
    "string": (BYTES, lambda item: encode_sized(item.encode()), lambda raw: bytes(raw).decode()),
    "bytes": (BYTES, encode_sized, bytes),
    "bool": (VARINT, lambda item: b"\1" if item else b"\0", bool),
    "int32": (VARINT, encode_varint, _signed32),
    "int64": (VARINT, encode_varint, _signed),
    "uint32": (VARINT, encode_varint, lambda raw: raw & 0xFFFFFFFF),
    "uint64": (VARINT, encode_varint, lambda raw: raw),
    "fixed32": (FIXED32, _FIXED32.pack, lambda raw: _FIXED32.unpack(raw)[0]),
    "double": (FIXED64, _DOUBLE.pack, lambda raw: _DOUBLE.unpack(raw)[0]),
    "float": (FIXED32, _FLOAT.pack, lambda raw: _FLOAT.unpack(raw)[0]),
}
_ZERO: dict[str, Any] = {"string": "", "bytes": b"", "bool": False, "double": 0.0, "float": 0.0}


# --- types that values hold natively ----------------------------------------------------------------


def _split_seconds(time_ns: int) -> Value:
    seconds, nanos = divmod(time_ns, _SECOND_NS)
    return {"seconds": seconds, "nanos": nanos}


def _split_duration(duration: int | str) -> Value:
    """Whole seconds and nanoseconds of the same sign; error details have a duration as text, ``58s``."""
    if isinstance(duration, str):
        whole, _, fraction = duration.removesuffix("s").partition(".")
        sign = -1 if whole.startswith("-") else 1
        duration = int(whole) * _SECOND_NS + sign * int(fraction.ljust(9, "0")[:9] or 0)
    seconds, nanos = divmod(abs(duration), _SECOND_NS)
    return {"seconds": -seconds, "nanos": -nanos} if duration < 0 else {"seconds": seconds, "nanos": nanos}


def _join_seconds(value: Value) -> int:
    return int(value.get("seconds", 0)) * _SECOND_NS + int(value.get("nanos", 0))


def _to_value(item: Any) -> Value:
    if item is None:
        return {"null_value": "NULL_VALUE"}
    for kind, name in ((bool, "bool_value"), (str, "string_value"), (dict, "struct_value"), (list, "list_value")):
        if isinstance(item, kind):
            return {name: item}
    return {"number_value": float(item)}


def _from_value(value: Value) -> Any:
    if "null_value" in value:
        return None
    found = next(iter(value.values()), None)
    if isinstance(found, float) and found.is_integer() and abs(found) <= 1 << 53:
        return int(found)
    return found


_TO_SHAPE: dict[str, Callable[[Any], Value]] = {
    "google.protobuf.Timestamp": _split_seconds,
    "google.protobuf.Duration": _split_duration,
    "google.protobuf.FieldMask": lambda paths: {"paths": paths},
    "google.protobuf.BoolValue": lambda flag: {"value": flag},
    "google.protobuf.Struct": lambda fields: {"fields": fields},
    "google.protobuf.ListValue": lambda values: {"values": values},
    "google.protobuf.Value": _to_value,
}
_FROM_SHAPE: dict[str, Callable[[Value], Any]] = {
    "google.protobuf.Timestamp": _join_seconds,
    "google.protobuf.Duration": _join_seconds,
    "google.protobuf.FieldMask": lambda value: value.get("paths", []),
    "google.protobuf.BoolValue": lambda value: value.get("value", False),
    "google.protobuf.Struct": lambda value: value.get("fields", {}),
    "google.protobuf.ListValue": lambda value: value.get("values", []),
    "google.protobuf.Value": _from_value,
}
