"""Messages in the data of a stream: each has five bytes before it, whether it is compressed and how long it is.

Source: github.com/grpc/grpc doc/PROTOCOL-HTTP2.md.
"""

from __future__ import annotations

import struct

_PREFIX = struct.Struct(">BI")


class Assembler:
    """Takes the messages out of a stream's data. Of a request it keeps the first: no method here takes more.

    Attributes:
        message: The first message, None before it is whole. compressed: As its prefix says.
        count: How many messages there were.
        oversize: A message is longer than the limit. refused: The connection has no room. Nothing more is kept then.
    """

    __slots__ = ("_data", "_limit_bytes", "compressed", "count", "message", "oversize", "refused")

    def __init__(self, limit_bytes: int) -> None:
        self._data = bytearray()
        self._limit_bytes = limit_bytes
        self.message: bytes | None = None
        self.compressed = False
        self.count = 0
        self.oversize = False
        self.refused = False

    @property
    def is_over(self) -> bool:
        """Whether the request can be answered before it is whole: it is too long."""
        return self.oversize or self.refused

    @property
    def size_bytes(self) -> int:
        """What is kept."""
        return len(self._data) + len(self.message or b"")

    @property
    def is_cut(self) -> bool:
        """Whether the data so far ends inside a message."""
        return bool(self._data)

    def feed(self, data: bytes) -> None:
        """More data."""
        if self.is_over:
            return
        self._data += data
        while len(self._data) >= _PREFIX.size:
            flag, size = _PREFIX.unpack_from(self._data)
            if size > self._limit_bytes:
                self.oversize = True
                self.clear()
                return
            end = _PREFIX.size + size
            if len(self._data) < end:
                return
            if self.count == 0:
                self.message, self.compressed = bytes(self._data[_PREFIX.size : end]), bool(flag & 1)
            self.count += 1
            del self._data[:end]

    def overflow(self) -> None:
        """There is no room for it."""
        self.refused = True
        self.clear()

    def clear(self) -> None:
        """Forgets what is kept."""
        self._data, self.message = bytearray(), None


def frame_message(message: bytes) -> bytes:
    """A message as it goes out, never compressed."""
    return _PREFIX.pack(0, len(message)) + message
