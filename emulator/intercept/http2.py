"""An HTTP/2 connection that nothing here can serve: told so in its own words."""

from __future__ import annotations

import asyncio

_SETTINGS_FRAME = bytes.fromhex("000000 04 00 00000000")
_GOAWAY_FRAME = bytes.fromhex("000008 07 00 00000000 00000000 0000000d")
"""Source: RFC 9113 6.5, 6.8; error 0x0d is HTTP_1_1_REQUIRED."""


_READ_S = 1.0
"""How long the client has to read the answer: closing on unread bytes would take it from him."""


class Http2Refusal(asyncio.Protocol):
    """Answers any HTTP/2 connection with GOAWAY, HTTP_1_1_REQUIRED."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # TCP has it
        """Says so and closes."""
        transport.write(_SETTINGS_FRAME + _GOAWAY_FRAME)
        if transport.can_write_eof():
            transport.write_eof()
        asyncio.get_running_loop().call_later(_READ_S, transport.close)
