"""Metadata: what gRPC says in HTTP/2 headers and trailers.

Source: github.com/grpc/grpc doc/PROTOCOL-HTTP2.md.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import TypeAlias

from emulator.protocol.status import GrpcStatus

Header: TypeAlias = tuple[bytes, bytes]

CONTENT_TYPE = "application/grpc"
ENCODINGS = ("identity", "gzip")
"""What requests may be compressed with; answers never are."""

_HEAD: tuple[Header, ...] = (
    (b":status", b"200"),
    (b"content-type", CONTENT_TYPE.encode()),
    (b"grpc-accept-encoding", ",".join(ENCODINGS).encode()),
)
_TIMEOUT = re.compile(r"(\d{1,8})([HMSmun])")
_UNIT_S = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
ENTRY_BYTES = 32
"""What each header costs beside its name and value. Source: RFC 9113, 6.5.2."""

TRAILERS_LIMIT_BYTES = 8000
"""Clients built on gRPC's C core begin to refuse longer trailers at 8 KiB (github.com/grpc/grpc,
GRPC_ARG_MAX_METADATA_SIZE). Of an error that does not fit, first the details are left out, then the end of its text."""

_ELLIPSIS = "…"


def format_head(extra: Iterable[Header] = ()) -> list[Header]:
    """The headers that an answer begins with."""
    return [*_HEAD, *extra]


def parse_timeout(text: str) -> float | None:
    """``grpc-timeout`` in seconds; None where it is not one."""
    match = _TIMEOUT.fullmatch(text)
    return None if match is None else int(match[1]) * _UNIT_S[match[2]]


def measure_headers(headers: Iterable[Header]) -> int:
    """The size of a header list, as HTTP/2 counts it."""
    return sum(len(name) + len(value) + ENTRY_BYTES for name, value in headers)


def format_text(text: str) -> bytes:
    """A text as ``grpc-message`` has it: percent-encoded UTF-8."""
    if text.isascii() and text.isprintable() and "%" not in text:
        return text.encode()
    encoded = text.encode(errors="replace")
    return b"".join(bytes((one,)) if 0x20 <= one <= 0x7E and one != 0x25 else b"%%%02X" % one for one in encoded)


def format_trailers(status: GrpcStatus, limit_bytes: int = TRAILERS_LIMIT_BYTES) -> list[Header]:
    """The trailers that a call ends with, no longer than clients take."""
    trailers = [
        (b"grpc-status", str(status.code).encode()),
        (b"grpc-message", format_text(status.message)),
        *((name.encode(), base64.b64encode(value).rstrip(b"=")) for name, value in status.trailers),
    ]
    limit_bytes = min(limit_bytes, TRAILERS_LIMIT_BYTES)
    if measure_headers(trailers) <= limit_bytes:
        return trailers
    if status.trailers:
        return format_trailers(GrpcStatus(status.code, status.message, ()), limit_bytes)
    room = limit_bytes - measure_headers([trailers[0], (b"grpc-message", format_text(_ELLIPSIS))])
    return [trailers[0], (b"grpc-message", format_text(_cut_text(status.message, room) + _ELLIPSIS))]


def _cut_text(text: str, room_bytes: int) -> str:
    """As much of the beginning of a text as fits when it is percent-encoded."""
    for end, character in enumerate(text):
        room_bytes -= len(format_text(character))
        if room_bytes < 0:
            return text[:end]
    return text


OK_TRAILERS: tuple[Header, ...] = ((b"grpc-status", b"0"),)
"""How a call ends that went well."""
