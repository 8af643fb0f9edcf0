"""JSON to message values and back, for every message of the given schemas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tuning_emulator.protojson.compiled import CompiledField, CompiledMessage, CompiledSchemas
from tuning_emulator.protojson.decoder import Decoder
from tuning_emulator.protojson.printer import Style, format_json
from tuning_emulator.schema.schema import Schema, Value, find_declared

# --- message values as JSON


class Encoder:
    """Turns message values into JSON-ready values.

    ``enum_as_int`` prints enums as numbers (``$alt=json;enum-encoding=int``).
    """

    __slots__ = ("_enum_as_int", "_schemas")

    def __init__(self, schemas: CompiledSchemas, enum_as_int: bool = False) -> None:
        self._schemas = schemas
        self._enum_as_int = enum_as_int

    def write_message(self, value: Value, compiled: CompiledMessage) -> dict[str, Any]:
        """The message as JSON; keys that it does not declare are not printed."""
        out: dict[str, Any] = {}
        for field in compiled.fields:
            item = value.get(field.name)
            if item is None:
                if field.kind == "value" and field.name in value and not field.repeated:
                    out[field.json_name] = None
            elif field.plain:
                if field.zero is None or item != field.zero:
                    out[field.json_name] = item
            elif field.key:
                if item:
                    out[field.json_name] = {_format_key(key): self._write(field, one) for key, one in item.items()}
            elif field.repeated:
                if item:
                    out[field.json_name] = [self._write(field, one) for one in item]
            elif field.zero is None or item != field.zero:
                convert = field.convert
                out[field.json_name] = convert(item) if convert is not None else self._write(field, item)
        return out

    def _write(self, field: CompiledField, item: Any) -> Any:
        kind = field.kind
        if kind == "message":
            return self.write_message(item, field.message)
        if field.convert is not None:
            return field.convert(item)
        if kind == "enum":
            return self._write_enum(field, item)
        return self.write_any(item) if kind == "any" else item

    def _write_enum(self, field: CompiledField, item: str | int) -> str | int | None:
        if field.type == "google.protobuf.NullValue":
            return None
        if self._enum_as_int and isinstance(item, str) and field.enum is not None:
            return field.enum.values.get(item, item)
        return item

    def write_any(self, item: Value) -> dict[str, Any]:
        """``@type`` first; a declared message is written by its fields, anything else is JSON already."""
        url = item.get("@type", "")
        name = find_declared(url.rpartition("/")[2])
        if name.startswith(("google.protobuf.", "google.rpc.")) or name not in self._schemas:
            return item
        return {"@type": url, **self.write_message(item, self._schemas[name])}


def _format_key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key)


class Codec:
    """Reads and prints messages, by full name: ``google.ai.generativelanguage.v1beta.TunedModel``."""

    def __init__(self, schemas: Iterable[Schema]) -> None:
        self.schemas = CompiledSchemas(schemas)
        self._encoder = Encoder(self.schemas)
        self._int_encoder = Encoder(self.schemas, enum_as_int=True)

    def parse(self, body: bytes, message: str) -> Value:
        """A message from JSON text.

        Raises:
            ApiError: INVALID_ARGUMENT, a syntax error or every violation at once.
        """
        decoder = Decoder(self.schemas, message)
        value = decoder.read_body(body)
        decoder.violations.refuse()
        return value

    def to_json(self, value: Value, message: str, *, enum_as_int: bool = False) -> dict[str, Any]:
        """The message as a JSON-ready dict, in the order in which it prints."""
        encoder = self._int_encoder if enum_as_int else self._encoder
        return encoder.write_message(value, self.schemas[message])

    def format(self, value: Value, message: str, *, style: Style = "pretty", enum_as_int: bool = False) -> bytes:
        """The message as JSON text."""
        return format_json(self.to_json(value, message, enum_as_int=enum_as_int), style)
