"""JSON text as Google's front end prints it.

Two-space indent, ``": "``, one element a line and a final newline; one line without either when pretty printing
is off; events of a stream in between. Source: protobuf v3.21 json_objectwriter.cc and json_escaping.cc.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any, Literal

from tuning_emulator.core.clock import SECOND_NS

Style = Literal["pretty", "event", "compact"]

JSON_TYPE = "application/json; charset=UTF-8"
EVENT_TYPE = "text/event-stream"
SCRIPT_TYPE = "text/javascript; charset=UTF-8"


class Float32(float):
    """A float whose wire type is ``float``: printed with the fewest digits that a 32-bit float needs."""

    __slots__ = ()


_ESCAPED = re.compile(
    "[<>\x7f-\x9f\u00ad\u0600-\u0603\u06dd\u070f\u17b4\u17b5\u200b-\u200f\u2028-\u202e\u2060-\u2064\u206a-\u206f"
    "\ufeff\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f\ud800-\udfff]"
)


def format_json(value: Any, style: Style = "pretty") -> bytes:
    """Bytes of a JSON-ready value (dicts, lists, str, bool, None, int, float, ``Float32``).

    ``pretty`` ends with a newline; ``event`` is one line with ``": "`` and ``,`` (a server-sent event);
    ``compact`` is one line with ``:`` and ``,`` (``prettyPrint=false``).
    """
    if style == "pretty":
        return (_format_value(value, "\n") + "\n").encode()
    return _format_line(value, ": " if style == "event" else ":").encode()


def format_event(value: Any) -> bytes:
    """One server-sent event: ``data: {…}`` and an empty line, with CR LF."""
    return b"data: " + format_json(value, "event") + b"\r\n\r\n"


def format_string(text: str) -> str:
    """A JSON string literal, with the escapes that the front end adds for the safety of HTML and JavaScript."""
    quoted: str = encode_basestring(text)
    if text.isascii():
        if "<" in text or ">" in text or "\x7f" in text:
            return _ESCAPED.sub(_escape, quoted)
        return quoted
    return _ESCAPED.sub(_escape, quoted)


_SINGLE = struct.Struct("<f")
_format_key = lru_cache(maxsize=4096)(format_string)


def format_double(number: float) -> str:
    """The shorter of 15 or 17 significant digits that reads back as the same double."""
    text = f"{number:.15g}"
    return text if float(text) == number else f"{number:.17g}"


def format_float(number: float) -> str:
    """6 to 9 significant digits, the fewest that read back as the same 32-bit float."""
    single = round_float(number)
    text = f"{single:.8g}"
    if round_float(float(text)) != single:
        return f"{single:.9g}"
    for shorter in (f"{single:.7g}", f"{single:.6g}"):
        if round_float(float(shorter)) != single:
            break
        text = shorter
    return text


def round_float(number: float) -> float:
    """The nearest 32-bit float; infinity beyond its range."""
    try:
        rounded: float = _SINGLE.unpack(_SINGLE.pack(number))[0]
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
    return rounded


def _format_value(value: Any, newline: str) -> str:
    return _WRITERS.get(type(value), _format_other)(value, newline)


def _format_dict(value: dict[str, Any], newline: str) -> str:
    if not value:
        return "{}"
    inner = newline + "  "
    parts = [
        f"{_format_key(key)}: {_WRITERS.get(type(item), _format_other)(item, inner)}" for key, item in value.items()
    ]
    return f"{{{inner}{(',' + inner).join(parts)}{newline}}}"


def _format_list(value: list[Any], newline: str) -> str:
    if not value:
        return "[]"
    inner = newline + "  "
    parts = [_WRITERS.get(type(item), _format_other)(item, inner) for item in value]
    return f"[{inner}{(',' + inner).join(parts)}{newline}]"


def _format_other(value: Any, _newline: str) -> str:
    return _format_scalar(value)


def _format_line(value: Any, colon: str) -> str:
    kind = type(value)
    if kind is dict:
        return "{" + ",".join([format_string(k) + colon + _format_line(v, colon) for k, v in value.items()]) + "}"
    if kind is list or kind is tuple:
        return "[" + ",".join([_format_line(item, colon) for item in value]) + "]"
    return _format_scalar(value)


def _format_scalar(value: Any) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        return "null"
    if isinstance(value, str):
        return format_string(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _format_number(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value: {value!r}")


def _format_number(value: float) -> str:
    if math.isnan(value):
        return '"NaN"'
    if value in (float("inf"), float("-inf")):
        return '"Infinity"' if value > 0 else '"-Infinity"'
    return format_float(value) if isinstance(value, Float32) else format_double(value)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xD800 <= code <= 0xDFFF:
        return "\N{REPLACEMENT CHARACTER}"
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


_WRITERS: dict[type, Callable[[Any, str], str]] = {
    str: lambda value, _: format_string(value),
    int: lambda value, _: str(value),
    Float32: lambda value, _: format_float(value) if math.isfinite(value) else _format_number(value),
    dict: _format_dict,
    list: _format_list,
    tuple: _format_list,
}
"""Writers of pretty JSON, by exact type."""


# --- timestamps and durations

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC is written as Z


def format_timestamp(time_ns: int) -> str:
    """RFC 3339 in UTC with 0, 3, 6 or 9 fraction digits."""
    seconds, nanos = divmod(time_ns, SECOND_NS)
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment.isoformat()}{_format_fraction(nanos)}Z"


def format_duration(duration_ns: int) -> str:
    """``26s``, ``0.500s``: 0, 3, 6 or 9 fraction digits."""
    seconds, nanos = divmod(abs(duration_ns), SECOND_NS)
    return f"{'-' if duration_ns < 0 else ''}{seconds}{_format_fraction(nanos)}s"


def _format_fraction(nanos: int) -> str:
    if nanos == 0:
        return ""
    if nanos % 1_000_000 == 0:
        return f".{nanos // 1_000_000:03d}"
    if nanos % 1_000 == 0:
        return f".{nanos // 1_000:06d}"
    return f".{nanos:09d}"


def format_camel(path: str) -> str:
    """``tuning_task.epoch_count`` → ``tuningTask.epochCount``, as masks are printed."""
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), path)
