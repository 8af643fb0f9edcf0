"""Every way a client can begin is told apart, however few bytes come at once."""

from __future__ import annotations

import pytest

from emulator.intercept.beginnings import Speech, recognise

WHOLE = {
    b"GET /v1beta/tunedModels HTTP/1.1\r\n": Speech.HTTP,
    b"POST /v1beta/tunedModels HTTP/1.1\r\n": Speech.HTTP,
    b"PATCH /v1/x HTTP/1.1\r\n": Speech.HTTP,
    b"OPTIONS * HTTP/1.1\r\n": Speech.HTTP,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": Speech.HTTP2,
    b"CONNECT storage.googleapis.com:443 HTTP/1.1\r\n": Speech.CONNECT,
    b"GET http://metadata.google.internal/ HTTP/1.1\r\n": Speech.PROXY,
    b"GET HTTP://metadata.google.internal/ HTTP/1.1\r\n": Speech.PROXY,
    b"GET httpx HTTP/1.1\r\n": Speech.HTTP,
    b"\x16\x03\x01\x02\x00\x01": Speech.TLS,
    b"\x00\x01\x02": Speech.HTTP,
    b"\r\n\r\n": Speech.HTTP,
    b"A" * 64: Speech.HTTP,
}


@pytest.mark.parametrize("beginning", WHOLE)
def test_whole_beginnings(beginning: bytes) -> None:
    """What each client sends first says what it speaks."""
    assert recognise(beginning) is WHOLE[beginning]


@pytest.mark.parametrize("beginning", WHOLE)
def test_no_part_misleads(beginning: bytes) -> None:
    """A beginning that has only partly come is undecided or already right."""
    parts = {recognise(beginning[:length]) for length in range(1, len(beginning) + 1)}
    assert parts <= {None, WHOLE[beginning]}
