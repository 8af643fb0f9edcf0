"""Requests: the one message in a stream's data, and what its metadata says about it."""

from __future__ import annotations

from urllib.parse import parse_qsl

from emulator.facts import front_end
from emulator.facts import grpc as facts
from emulator.grpc.metadata import ENCODINGS, ENTRY_BYTES, parse_timeout
from emulator.grpc.stream import Stream
from emulator.protocol.credentials import refusal
from emulator.protocol.front import unzip

_MAX_METADATA_BYTES = int(str(facts.MAX_METADATA_BYTES.value))


def take_message(stream: Stream, limit_bytes: int) -> bytes:
    """The one message of a request, unpacked.

    Raises:
        ApiError: metadata or data are not those of one message, or it is too long.
    """
    _check_metadata(stream)
    request = stream.request
    if request.refused:
        raise refusal(facts.CONNECTION_FULL)
    if not request.oversize and (request.count != 1 or request.message is None or request.is_cut):
        if request.is_cut:
            raise refusal(facts.REQUEST_CUT)
        raise (
            refusal(facts.REQUEST_REPEATED, count=request.count) if request.count else refusal(facts.REQUEST_MISSING)
        )
    message = request.message or b""
    if request.compressed:
        encoding = stream.headers.get("grpc-encoding", "identity")
        if encoding == "identity":
            raise refusal(facts.COMPRESSION_UNNAMED)
        message = unzip(message, limit_bytes)
    if request.oversize or len(message) > limit_bytes:
        raise refusal(front_end.BODY_TOO_LARGE, limit_bytes=limit_bytes)
    return message


def _check_metadata(stream: Stream) -> None:
    headers = stream.headers
    size = sum(len(name) + len(value) + ENTRY_BYTES for name, value in headers.items())
    if size > _MAX_METADATA_BYTES:
        raise refusal(facts.METADATA_TOO_LARGE, size=size, limit=_MAX_METADATA_BYTES)
    timeout = headers.get("grpc-timeout")
    if timeout is not None and parse_timeout(timeout) is None:
        raise refusal(facts.TIMEOUT_INVALID, value=timeout)
    encoding = headers.get("grpc-encoding", "identity")
    if encoding not in ENCODINGS:
        raise refusal(facts.COMPRESSION_UNKNOWN, name=encoding)


def read_routing(stream: Stream) -> str:
    """The name that a client routes its request by, for a request that cannot be read."""
    return next((value for _, value in parse_qsl(stream.headers.get("x-goog-request-params", ""))), "")
