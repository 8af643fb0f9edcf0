"""Every way a client can begin is told apart, however few bytes come at once."""

from __future__ import annotations

import pytest

from tuning_emulator.proxy.port import WireProtocol, recognise_protocol

WHOLE = {
    b"GET /v1beta/tunedModels HTTP/1.1\r\n": WireProtocol.HTTP,
    b"POST /v1beta/tunedModels HTTP/1.1\r\n": WireProtocol.HTTP,
    b"PATCH /v1/x HTTP/1.1\r\n": WireProtocol.HTTP,
    b"OPTIONS * HTTP/1.1\r\n": WireProtocol.HTTP,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": WireProtocol.HTTP2,
    b"CONNECT storage.googleapis.com:443 HTTP/1.1\r\n": WireProtocol.CONNECT,
    b"GET http://metadata.google.internal/ HTTP/1.1\r\n": WireProtocol.PROXY,
    b"GET HTTP://metadata.google.internal/ HTTP/1.1\r\n": WireProtocol.PROXY,
    b"GET httpx HTTP/1.1\r\n": WireProtocol.HTTP,
    b"\x16\x03\x01\x02\x00\x01": WireProtocol.TLS,
    b"\x00\x01\x02": WireProtocol.HTTP,
    b"\r\n\r\n": WireProtocol.HTTP,
    b"A" * 64: WireProtocol.HTTP,
}


@pytest.mark.parametrize("beginning", WHOLE)
def test_whole_beginnings(beginning: bytes) -> None:
    """What each client sends first says what it speaks."""
    assert recognise_protocol(beginning) is WHOLE[beginning]


@pytest.mark.parametrize("beginning", WHOLE)
def test_no_part_misleads(beginning: bytes) -> None:
    """A beginning that has only partly come is undecided or already right."""
    parts = {recognise_protocol(beginning[:length]) for length in range(1, len(beginning) + 1)}
    assert parts <= {None, WHOLE[beginning]}
