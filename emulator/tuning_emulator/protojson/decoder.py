"""JSON as a message value, with every violation in the service's order and words.

Follows protobuf v3.21 proto_writer.cc and protostream_objectwriter.cc, the parser behind Google's front end, in
what it takes (one value for a repeated field, lists in lists, null as unset, repeated keys) and in where it says an
error is: elements of a list of scalars are numbered by the errors among them, for instance.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from tuning_emulator.core.errors import ApiError, Code, bad_request
from tuning_emulator.facts import google_errors
from tuning_emulator.protojson.compiled import CompiledField, CompiledMessage, CompiledSchemas, Shape
from tuning_emulator.protojson.masks import MaskError, parse_mask
from tuning_emulator.protojson.reader import MAX_DEPTH, Pairs, read_json, read_lenient
from tuning_emulator.protojson.scalars import (
    PARSERS,
    InstantError,
    ScalarError,
    format_shown,
    parse_duration,
    parse_timestamp,
)
from tuning_emulator.schema.schema import Value

# --- what is wrong with a request's body, path and query, collected in the order in which the service reports it

Place: TypeAlias = "tuple[Place, str | int] | None"
"""Where in the request: the enclosing place and a field's name or an element's index. None is the root."""


def format_place(place: Place) -> str:
    """``tuned_model.tuning_task.training_data.examples.examples[3]``: proto names, whatever the client wrote."""
    parts: list[str] = []
    while place is not None:
        place, label = place
        parts.append(f"[{label}]" if isinstance(label, int) else f".{label}")
    return "".join(reversed(parts)).removeprefix(".")


class Violations(Struct):
    """Violations of one request, in order: the path of each, and what is said of it."""

    found: list[tuple[str, str]] = msgspec.field(default_factory=list)

    def add_name(self, place: Place, name: str, reason: str) -> None:
        """A name that cannot be bound there."""
        where = format_place(place)
        at = f" at '{where}'" if where else ""
        self.found.append((where, google_errors.NAME_UNKNOWN.format(name=name, at=at, reason=reason)))

    def add_value(self, place: Place, type_name: str, value: str) -> None:
        """A value that its field cannot hold; ``value`` is the value as JSON, or the reason."""
        where = format_place(place)
        at = f" at '{where}'" if where else ""
        self.found.append((where, google_errors.VALUE_INVALID.format(type=type_name, at=at, value=value)))

    def refuse(self) -> None:
        """Raises the service's answer if there is any violation.

        Raises:
            ApiError: INVALID_ARGUMENT with one line and one ``fieldViolations`` entry for each.
        """
        if self.found:
            message = "\n".join(text for _, text in self.found)
            raise ApiError(Code.INVALID_ARGUMENT, message, (bad_request(self.found),), rule="transcoding")


_UNSEEN: Shape = ((type(None),), None)


class TooDeepError(Exception):
    """Objects are nested deeper than the parser goes; only the reader can say where."""


def iterate(node: Any) -> Iterable[tuple[str, Any]]:
    """Keys and values of a JSON object, with repeated keys."""
    return node.items() if type(node) is dict else node


class _Frame(Struct):
    """The message being read: its value so far, its place, its depth, and the oneofs that are set."""

    out: Value
    place: Place
    depth: int
    taken: set[str] = msgspec.field(default_factory=set)


class Decoder(Struct):
    """Reads the JSON of one request.

    Attributes:
        root: Full name of the request message, which some error texts name.
    """

    schemas: CompiledSchemas
    root: str
    violations: Violations = msgspec.field(default_factory=Violations)

    def read_body(self, body: bytes, field: str = "") -> Value:
        """A request from JSON text: the whole message or, for rules such as ``body: "tuned_model"``, one field.

        Violations are collected, not raised.

        Raises:
            ApiError: the text is not JSON, even leniently.
        """
        tree = read_json(body)
        before = len(self.violations.found)
        compiled = self.schemas[self.root]
        try:
            if not field:
                return self._read_root(tree, compiled)
            value: Value = {}
            self._read_field(compiled.named[field], field, tree, _Frame(value, None, 0))
        except (TooDeepError, RecursionError):
            del self.violations.found[before:]
            read_lenient(body)  # refuses with the key at which it became too deep
            raise
        return value

    def _read_root(self, node: Any, compiled: CompiledMessage) -> Value:
        if type(node) is dict or type(node) is Pairs:
            return self.read_message(node, compiled, None, 1)
        self.violations.add_name(None, "", google_errors.ROOT_INVALID.text)
        return {}

    def read_text(self, field: CompiledField, text: str, place: Place, out: Value) -> None:
        """One value from the path or the query: parsed as a JSON string would be; repeated fields append."""
        frame = _Frame(out, place, 0)
        self._read_single(field, field.name, text, frame)

    def read_message(self, node: Any, compiled: CompiledMessage, place: Place, depth: int) -> Value:
        """An object as a message; the value has exactly the keys that are set."""
        if depth > MAX_DEPTH:
            raise TooDeepError
        out: Value = {}
        frame = None
        named = compiled.named
        for key, item in node.items() if type(node) is dict else node:
            field = named.get(key)
            if field is None:
                self.violations.add_name(place, key, google_errors.FIELD_UNKNOWN.text)
                measure(item, depth)
            elif type(item) is field.direct:
                out[field.name] = item
            else:
                frame = frame or _Frame(out, place, depth)
                self._read_field(field, key, item, frame)
        return out

    def _read_field(self, field: CompiledField, key: str, item: Any, frame: _Frame) -> None:
        kind = type(item)
        if item is None and field.kind != "value":
            if field.type == "google.protobuf.NullValue":
                frame.out[field.name] = "NULL_VALUE"
        elif kind is dict or kind is Pairs:
            self._read_object(field, key, item, frame)
        elif kind is list:
            self._read_list(field, key, item, frame)
        elif self._take_oneof(field, key, frame):
            self._read_single(field, key, item, frame)

    def _take_oneof(self, field: CompiledField, key: str, frame: _Frame) -> bool:
        if field.oneof and field.oneof in frame.taken:
            reason = google_errors.ONEOF_TAKEN.format(oneof=field.oneof, key=key)
            self.violations.add_value(frame.place, "oneof", reason)
            return False
        frame.taken.add(field.oneof)
        return True

    def _read_object(self, field: CompiledField, key: str, node: Any, frame: _Frame) -> None:
        if field.key:
            entries = frame.out.setdefault(field.name, {})
            self._read_map(field, node, entries, (frame.place, field.name), frame.depth + 1)
        elif field.kind in ("scalar", "enum"):
            self.violations.add_value(frame.place, field.name, google_errors.OBJECT_ON_SCALAR.text)
            measure(node, frame.depth)
        elif self._take_oneof(field, key, frame):
            value = self._read_shape(field, node, (frame.place, field.name), frame.depth + 1)
            if field.repeated:
                frame.out.setdefault(field.name, []).append(value)
            else:
                frame.out[field.name] = _merge(frame.out.get(field.name), value)
        else:
            measure(node, frame.depth)

    def _read_shape(self, field: CompiledField, node: Any, place: Place, depth: int) -> Any:
        """An object for a field of any message type."""
        kind = field.kind
        if kind == "message":
            return self.read_message(node, field.message, place, depth)
        if kind in ("struct", "value", "list"):
            return read_plain(node, depth - 1)
        if kind == "any":
            return self._read_any(node, place, depth)
        inner = self.read_message(node, self.schemas[field.type], place, depth)
        if kind in ("timestamp", "duration"):
            return inner.get("seconds", 0) * 1_000_000_000 + inner.get("nanos", 0)
        return inner.get("paths", []) if kind == "mask" else inner.get("value", False)

    def _read_any(self, node: Any, place: Place, depth: int) -> Value:
        pairs = list(iterate(node))
        url = next((item for key, item in pairs if key == "@type"), None)
        if not isinstance(url, str):
            if pairs:
                self.violations.add_value(place, "Any", google_errors.ANY_UNTYPED.format(message=self.root))
            measure(node, depth - 1)
            return {}
        rest = Pairs((key, item) for key, item in pairs if key != "@type")
        name = url.rpartition("/")[2]
        if name.startswith(("google.protobuf.", "google.rpc.")) or name not in self.schemas:
            return {"@type": url, **read_plain(rest, depth - 1)}
        return {"@type": url, **self.read_message(rest, self.schemas[name], place, depth)}

    def _read_map(self, field: CompiledField, node: Any, entries: dict[Any, Any], place: Place, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise TooDeepError
        seen: set[str] = set()
        count = 0
        for key, item in iterate(node):
            if key in seen:
                here = (place, count - 1) if count else place
                self.violations.add_name(here, key, google_errors.MAP_KEY_REPEATED.format(key=key))
                continue
            seen.add(key)
            here = (place, count)
            count += 1
            try:
                name = PARSERS[field.key](key)
            except ScalarError as error:
                self.violations.add_value((here, "key"), f"TYPE_{field.key.upper()}", str(error))
                continue
            frame = _Frame({}, here, depth)
            self._read_entry(field, key, item, frame)
            entries[name] = frame.out.get("value", field.zero_item)

    def _read_entry(self, field: CompiledField, key: str, item: Any, frame: _Frame) -> None:
        """The value of a map's entry, left in the frame under ``value``."""
        place = (frame.place, "value")
        kind = type(item)
        if field.kind == "value" or (field.kind == "list" and kind is list):
            frame.out["value"] = read_plain(item, frame.depth)
        elif item is None:
            return
        elif kind is list:
            self.violations.add_value(place, "Map", google_errors.LIST_IN_MAP.format(key=key))
            for one in item:
                self.violations.add_name(place, "", google_errors.LIST_UNNAMED.text)
                measure(one, frame.depth)
        elif kind is dict or kind is Pairs:
            if field.kind in ("scalar", "enum"):
                self.violations.add_value(frame.place, "value", google_errors.OBJECT_ON_SCALAR.text)
                measure(item, frame.depth)
            else:
                frame.out["value"] = self._read_shape(field, item, place, frame.depth + 1)
        else:
            value = self._parse_single(field, key, item, place)
            if value is not None:
                frame.out["value"] = value

    def _read_list(self, field: CompiledField, key: str, items: list[Any], frame: _Frame) -> None:
        if not field.repeated and field.kind in ("value", "list"):
            if self._take_oneof(field, key, frame):
                frame.out[field.name] = read_plain(items, frame.depth)
        elif field.key:
            self.violations.add_value(frame.place, "Map", google_errors.LIST_ON_MAP.format(key=key))
            measure(items, frame.depth)
        elif not field.repeated:
            self.violations.add_name(frame.place, key, google_errors.LIST_ON_SINGLE.text)
            measure(items, frame.depth)
        else:
            found = frame.out.setdefault(field.name, [])
            self._read_elements(field, items, found, (frame.place, field.name), frame.depth)

    def _read_elements(
        self, field: CompiledField, items: list[Any], found: list[Any], place: Place, depth: int
    ) -> None:
        """Elements of a repeated field. Places count what opened an element: objects, and scalars in error."""
        if field.kind == "value":
            found.extend(read_plain(items, depth))
            return
        count = 0
        compiled = field.message if field.kind == "message" else None
        shapes = compiled.shapes if compiled is not None else {}
        for item in items:
            kind = type(item)
            if kind is dict and compiled is not None:
                keys = tuple(item)
                shape = shapes.get(keys, _UNSEEN)
                if shape is not None and tuple(map(type, item.values())) == shape[0]:
                    found.append(dict(zip(shape[1], item.values(), strict=True)) if shape[1] else item)
                else:
                    if shape is _UNSEEN:
                        compiled.learn_shape(keys)
                    found.append(self.read_message(item, compiled, (place, count), depth + 1))
                count += 1
            elif item is None:
                continue
            elif kind is list:
                self._read_elements(field, item, found, place, depth)
            elif kind is dict or kind is Pairs:
                count += self._read_element(field, item, found, place, count, depth)
            else:
                value = self._parse_single(field, "", item, (place, count))
                count += value is None or field.kind not in ("scalar", "enum")
                if value is not None:
                    found.append(value)

    def _read_element(
        self, field: CompiledField, item: Any, found: list[Any], place: Place, count: int, depth: int
    ) -> int:
        if field.kind in ("scalar", "enum"):
            here = (place, count - 1) if count else place
            self.violations.add_value(here, field.name, google_errors.OBJECT_ON_SCALAR.text)
            measure(item, depth)
            return 0
        found.append(self._read_shape(field, item, (place, count), depth + 1))
        return 1

    def _read_single(self, field: CompiledField, key: str, item: Any, frame: _Frame) -> None:
        if field.kind == "value" and not field.repeated:
            frame.out[field.name] = item
            return
        place = (frame.place, field.name)
        if field.key:
            self.violations.add_value(place, field.entry, format_shown(item))
            return
        value = self._parse_single(field, key, item, place)
        if value is None:
            return
        if field.repeated:
            frame.out.setdefault(field.name, []).append(value)
        else:
            frame.out[field.name] = value

    def _parse_single(self, field: CompiledField, key: str, item: Any, place: Place) -> Any:
        """A string, number or boolean as a value of the field's type; None when it is refused."""
        try:
            return field.parse(item) if field.parse is not None else _parse_known(field, item)
        except (InstantError, MaskError) as error:
            self.violations.add_value(place, field.shown, google_errors.FIELD_INVALID.format(key=key, reason=error))
        except ScalarError as error:
            inner = (place, "value") if field.kind == "bool" else place
            self.violations.add_value(inner, "TYPE_BOOL" if field.kind == "bool" else field.shown, str(error))
        return None


def _parse_known(field: CompiledField, item: Any) -> Any:
    """A well-known type from a string, number or boolean.

    Raises:
        InstantError, MaskError, ScalarError: the type cannot be that.
    """
    kind = field.kind
    if kind == "value":
        return item
    if kind == "bool":
        return PARSERS["bool"](item)
    texts = {
        "timestamp": (parse_timestamp, google_errors.TIMESTAMP_TYPE),
        "duration": (parse_duration, google_errors.DURATION_TYPE),
        "mask": (parse_mask, google_errors.MASK_TYPE),
    }
    if kind not in texts:
        raise ScalarError(format_shown(item))
    parse, wrong_type = texts[kind]
    if not isinstance(item, str):
        raise InstantError(wrong_type.format(value=format_shown(item)))
    return parse(item)


def read_plain(node: Any, depth: int) -> Any:
    """JSON for Struct, Value and ListValue: plain, numbers beyond 2^53 as doubles, the last of repeated keys.

    Raises:
        TooDeepError: objects are nested too deep.
    """
    kind = type(node)
    if kind is dict or kind is Pairs:
        if depth >= MAX_DEPTH:
            raise TooDeepError
        return {key: read_plain(item, depth + 1) for key, item in iterate(node)}
    if kind is list:
        return [read_plain(item, depth) for item in node]
    if kind is int and not -(1 << 53) <= node <= 1 << 53:
        return float(node)
    return node


def measure(node: Any, depth: int) -> None:
    """Walks what is not bound, only to see how deep it is.

    Raises:
        TooDeepError: objects are nested too deep.
    """
    kind = type(node)
    if kind is dict or kind is Pairs:
        if depth >= MAX_DEPTH:
            raise TooDeepError
        for _, item in iterate(node):
            measure(item, depth + 1)
    elif kind is list:
        for item in node:
            measure(item, depth)


def _merge(before: Any, after: Any) -> Any:
    """A message that comes twice is merged, as on the wire: lists append, messages merge, scalars are replaced."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    merged = dict(before)
    for name, item in after.items():
        old = merged.get(name)
        merged[name] = old + item if isinstance(old, list) and isinstance(item, list) else _merge(old, item)
    return merged
