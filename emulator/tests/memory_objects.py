"""Cloud Storage in memory: the seam that jobs read and write through, without a server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence

from tuning_emulator.storage.objects import ObjectInfo, ObjectNotFoundError, find_matching, parse_uri


def write_pairs(pairs: Iterable[tuple[str, str]]) -> list[bytes]:
    """A dataset of Vertex AI: one prompt and its answer a line."""
    return [
        json.dumps(
            {"contents": [{"role": "user", "parts": [{"text": a}]}, {"role": "model", "parts": [{"text": b}]}]}
        ).encode()
        for a, b in pairs
    ]


class MemoryObjects:
    """Objects by URI.

    Args:
        lines: Lines of every object that is not written, or what makes them.
    """

    def __init__(self, lines: Sequence[bytes] | Callable[[str], Iterable[bytes]] | None = None) -> None:
        self.written: dict[str, bytes] = {}
        self._lines = lines

    def stat(self, uri: str) -> ObjectInfo | None:
        """See ``ObjectStore``."""
        data = self.written.get(uri)
        return None if data is None else ObjectInfo(*parse_uri(uri), len(data))

    def lines(self, uri: str) -> Iterator[bytes]:
        """See ``ObjectStore``."""
        if uri in self.written:
            return iter(self.written[uri].splitlines())
        if self._lines is None:
            raise ObjectNotFoundError(uri)
        return iter(self._lines(uri) if callable(self._lines) else self._lines)

    def match(self, pattern: str) -> list[str]:
        """See ``ObjectStore``."""
        bucket, _ = parse_uri(pattern)
        return find_matching(pattern, [parse_uri(uri)[1] for uri in self.written if parse_uri(uri)[0] == bucket])

    def hint(self, uri: str) -> str:
        """See ``ObjectStore``."""
        return ""

    def write(self, uri: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """See ``ObjectStore``."""
        self.written[uri] = data
