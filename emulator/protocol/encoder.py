"""Message values as JSON: lowerCamel names in the order of field numbers, defaults left out.

The result is JSON-ready (dicts, lists, str, int, float, bool, None): int64 are strings, 32-bit floats are
``Float32``, so that ``printer`` gives them their digits. Source: protobuf.dev/programming-guides/json.
"""

from __future__ import annotations

from typing import Any

from emulator.protocol.plans import FieldPlan, MessagePlan, Plans
from emulator.schema.declare import Value


class Encoder:
    """Turns message values into JSON-ready values.

    ``enum_as_int`` prints enums as numbers (``$alt=json;enum-encoding=int``).
    """

    __slots__ = ("_enum_as_int", "_plans")

    def __init__(self, plans: Plans, enum_as_int: bool = False) -> None:
        self._plans = plans
        self._enum_as_int = enum_as_int

    def write_message(self, value: Value, plan: MessagePlan) -> dict[str, Any]:
        """The message as JSON; keys that it does not declare are not printed."""
        out: dict[str, Any] = {}
        for field in plan.fields:
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

    def _write(self, field: FieldPlan, item: Any) -> Any:
        kind = field.kind
        if kind == "message":
            return self.write_message(item, field.bundle())
        if field.convert is not None:
            return field.convert(item)
        if kind == "enum":
            return self._write_enum(field, item)
        return self.write_any(item) if kind == "any" else item

    def _write_enum(self, field: FieldPlan, item: str | int) -> str | int | None:
        if field.type == "google.protobuf.NullValue":
            return None
        if self._enum_as_int and isinstance(item, str) and field.enum is not None:
            return field.enum.values.get(item, item)
        return item

    def write_any(self, item: Value) -> dict[str, Any]:
        """``@type`` first; a declared message is written by its plan, anything else is JSON already."""
        url = item.get("@type", "")
        name = url.rpartition("/")[2]
        if name.startswith(("google.protobuf.", "google.rpc.")) or name not in self._plans:
            return item
        return {"@type": url, **self.write_message(item, self._plans.find(name))}


def _format_key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key)
