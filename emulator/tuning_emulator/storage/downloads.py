"""The bytes of objects over HTTP: ranges, gzip that is unpacked for those who do not take it, headers.

Sources: cloud.google.com/storage/docs/transcoding, docs/xml-api/get-object-download, docs/xml-api/reference-headers.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from email.utils import formatdate
from typing import BinaryIO

from tuning_emulator.core.clock import SECOND_NS
from tuning_emulator.facts import storage_errors
from tuning_emulator.storage.contents import BLOCK_BYTES, read_range
from tuning_emulator.storage.objects import DEFAULT_TYPE
from tuning_emulator.storage.records import DEFAULT_CLASS, StoredObject
from tuning_emulator.storage.request import Headers, Reply, StorageRequest

AT_ONCE_BYTES = 64 * 1024
"""As little as this is read at once: a thread would take longer."""

_RANGE = re.compile(r"\s*bytes\s*=\s*(.*?)\s*", re.IGNORECASE)
_SPAN = re.compile(r"(\d*)\s*-\s*(\d*)")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN_HEADERS = {
    "cacheControl": "Cache-Control",
    "contentDisposition": "Content-Disposition",
    "contentLanguage": "Content-Language",
}


def download(request: StorageRequest, found: StoredObject, stream: BinaryIO, *, etag: str) -> Reply:
    """An object's bytes, or a range of them; of HEAD the headers alone.

    Raises:
        ApiError: the range cannot be satisfied.
    """
    headers = describe(found, etag)
    encoding = found.fields.get("contentEncoding") or ""
    if encoding == "gzip" and not _takes_gzip(request, found):
        headers += [("Warning", "214 UploadServer gunzipped"), ("Vary", "Accept-Encoding")]
        return Reply(200, headers, content=unpack_gzip(stream))
    if encoding:
        headers.append(("Content-Encoding", encoding))
    headers.append(("Accept-Ranges", "bytes"))
    try:
        span = parse_range(request.headers.get("range", ""), found.size_bytes)
    except BaseException:
        stream.close()
        raise
    start, end = span or (0, found.size_bytes)
    headers.append(("Content-Length", str(end - start)))
    if span is not None:
        headers.append(("Content-Range", f"bytes {start}-{end - 1}/{found.size_bytes}"))
    status, content = 200 if span is None else 206, read_range(stream, start, end - start)
    if end - start <= AT_ONCE_BYTES:
        return Reply(status, headers, b"".join(content))
    return Reply(status, headers, content=content)


def parse_range(text: str, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last; None where there is no range, or none that can be understood.

    Raises:
        ApiError: 416, nothing of it is there, or it is more than one.
    """
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    if "," in match[1]:
        raise storage_errors.RANGE_UNSATISFIABLE()
    span = _SPAN.fullmatch(match[1])
    if span is None or not (span[1] or span[2]):
        return None
    if not span[1]:
        start, end = max(0, size - int(span[2])), size
    else:
        start, end = int(span[1]), min(size, int(span[2]) + 1) if span[2] else size
        if span[2] and int(span[2]) < start:
            return None  # RFC 9110 14.1.1: no valid range
    if start >= end:
        raise storage_errors.RANGE_UNSATISFIABLE()
    return start, end


def describe(found: StoredObject, etag: str) -> Headers:
    """What the headers of an answer say of an object."""
    fields = found.fields
    headers = [
        ("Content-Type", str(fields.get("contentType") or DEFAULT_TYPE)),
        ("ETag", etag),
        ("Last-Modified", formatdate(found.updated_ns // SECOND_NS, usegmt=True)),
        ("X-Goog-Generation", str(found.generation)),
        ("X-Goog-Metageneration", str(found.metageneration)),
        ("X-Goog-Hash", f"crc32c={found.crc32c}"),
        *([("X-Goog-Hash", f"md5={found.md5}")] if found.md5 else []),
        ("X-Goog-Stored-Content-Encoding", str(fields.get("contentEncoding") or "identity")),
        ("X-Goog-Stored-Content-Length", str(found.size_bytes)),
        ("X-Goog-Storage-Class", str(fields.get("storageClass") or DEFAULT_CLASS)),
    ]
    if found.components:
        headers.append(("X-Goog-Component-Count", str(found.components)))
    headers += [(header, str(fields[name])) for name, header in _PLAIN_HEADERS.items() if fields.get(name)]
    headers += [(f"X-Goog-Meta-{key}", str(value)) for key, value in (fields.get("metadata") or {}).items()]
    return [(_UNSAFE.sub("", name), _UNSAFE.sub("", value)) for name, value in headers]


def _takes_gzip(request: StorageRequest, found: StoredObject) -> bool:
    accepted = request.headers.get("accept-encoding", "")
    kept = "no-transform" in str(found.fields.get("cacheControl") or "")
    return kept or "gzip" in accepted.lower()


def unpack_gzip(stream: BinaryIO) -> Iterator[bytes]:
    """The content of a gzip file, a bounded block at a time; what is no gzip goes out as it is."""
    with stream:
        unpacker = zlib.decompressobj(31)
        fresh = True
        while block := stream.read(BLOCK_BYTES // 16):
            while block:
                try:
                    data = unpacker.decompress(block, BLOCK_BYTES)
                except zlib.error:
                    if not fresh:
                        raise
                    yield block
                    yield from iter(lambda: stream.read(BLOCK_BYTES), b"")
                    return
                fresh = False
                if data:
                    yield data
                block = unpacker.unconsumed_tail or unpacker.unused_data
                if unpacker.eof and block:
                    unpacker = zlib.decompressobj(31)
