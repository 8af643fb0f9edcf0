"""Objects in the emulator's Cloud Storage, without Google's library."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tuning_emulator.storage.objects import HttpObjectStore, format_uri


class Buckets:
    """Buckets of an embedded storage. They are made on first upload."""

    def __init__(self, storage_url: str) -> None:
        self._objects = HttpObjectStore(storage_url)

    def upload(self, bucket: str, name: str, data: bytes | str) -> str:
        """Stores an object; its ``gs://`` address."""
        uri = format_uri(bucket, name)
        self._objects.write(uri, data.encode() if isinstance(data, str) else data)
        return uri

    def upload_lines(self, bucket: str, name: str, lines: Iterable[Mapping[str, Any]]) -> str:
        """Stores values as JSON lines, which is what datasets are; their ``gs://`` address."""
        return self.upload(bucket, name, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))

    def upload_pairs(self, bucket: str, name: str, pairs: Iterable[tuple[str, str]]) -> str:
        """Stores prompts with their answers as a dataset of supervised tuning; its ``gs://`` address."""
        return self.upload_lines(bucket, name, map(_format_pair, pairs))

    def read(self, uri: str) -> list[bytes]:
        """The lines of an object.

        Raises:
            StorageError: it is not there.
        """
        return list(self._objects.lines(uri))


def _format_pair(pair: tuple[str, str]) -> dict[str, Any]:
    prompt, answer = pair
    turns = (("user", prompt), ("model", answer))
    return {"contents": [{"role": role, "parts": [{"text": text}]} for role, text in turns]}
