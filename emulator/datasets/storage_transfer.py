"""Uploads and downloads of the embedded storage: the three upload types and ranged reads, never whole in memory."""

from __future__ import annotations

import base64
import json
import mmap
import re
import zlib
from collections.abc import Iterator
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import BufferedIOBase
from pathlib import Path
from typing import Any, BinaryIO

from gcp_storage_emulator.exceptions import BadRequest, NotFound
from gcp_storage_emulator.handlers import objects as object_handlers
from gcp_storage_emulator.server import Request, Response

from emulator.datasets.storage_files import FileStorage, Received, measure

_BLOCK_BYTES = 1 << 20
_BYTES = "application/octet-stream"
_RANGE = re.compile(r"\s*bytes=(\d*)-(\d*)\s*")


class BrokenUploadError(Exception):
    """The client went away in the middle of its body."""


# ---------------------------------------------------------------- uploads


def insert_object(exchange: BaseHTTPRequestHandler, request: Request, response: Response, storage: FileStorage) -> None:
    """``POST /upload/…/o``: media, multipart, or the start of a resumable upload."""
    kind = _query(request, "uploadType")
    if kind == "media":
        _insert_media(exchange, request, response, storage)
    elif kind == "multipart":
        _insert_multipart(exchange, request, response, storage)
    elif kind == "resumable" and _query(request, "upload_id"):
        continue_upload(exchange, request, response, storage)
    elif kind == "resumable":
        data = request.data  # read the body before the lock
        if not _query(request, "name") and not (isinstance(data, dict) and data.get("name")):
            raise BadRequest("Required")
        with storage.lock:
            object_handlers.insert(request, response, storage)
    else:
        raise BadRequest(f"Invalid value {kind!r} for uploadType; must be one of media, multipart, resumable")


def _insert_media(exchange: BaseHTTPRequestHandler, request: Request, response: Response, storage: FileStorage) -> None:
    path = storage.upload_path()
    _save(exchange, path)
    content_type = exchange.headers.get("Content-Type") or _BYTES
    _answer(request, response, storage, measure(path), _query(request, "name"), content_type)


def _insert_multipart(
    exchange: BaseHTTPRequestHandler, request: Request, response: Response, storage: FileStorage
) -> None:
    whole, path = storage.upload_path(), storage.upload_path()
    try:
        _save(exchange, whole)
        properties, content_type = _split_multipart(whole, path, exchange.headers.get("Content-Type") or "")
    finally:
        whole.unlink(missing_ok=True)
    name = _query(request, "name") or properties.get("name") or ""
    content_type = properties.get("contentType") or content_type
    _answer(request, response, storage, measure(path), name, content_type, properties)


def _split_multipart(whole: Path, path: Path, header: str) -> tuple[dict[str, Any], str]:
    """Writes the second part's content to ``path``; returns the first part's JSON and the second part's type."""
    message = Message()
    message["Content-Type"] = header
    boundary = (message.get_boundary() or "").encode()
    if not boundary or not whole.stat().st_size:
        raise BadRequest("Multipart body without boundary or content")
    with whole.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as body:
        first, second = _part(body, boundary, 0), b"\r\n--" + boundary
        middle, end = body.find(second, first[1]), body.rfind(second)
        if not 0 <= middle < end:
            raise BadRequest("Multipart body must have two parts")
        properties = json.loads(body[first[1] : middle] or b"{}")
        headers, start = _part(body, boundary, middle)
        stream.seek(start)
        with path.open("wb") as target:
            if headers.get("Content-Transfer-Encoding", "").lower() == "base64":
                target.write(base64.b64decode(body[start:end]))
            else:
                _copy(stream, target, end - start)
    if not isinstance(properties, dict):
        raise BadRequest("The first part must be a JSON object")
    return properties, headers.get("Content-Type", _BYTES)


def _part(body: mmap.mmap, boundary: bytes, at: int) -> tuple[Message, int]:
    """Headers of the part whose delimiter is the next after ``at``, and where its content starts."""
    delimiter = body.find(b"--" + boundary, at)
    line_end = body.find(b"\r\n", delimiter)
    if delimiter < 0 or line_end < 0:
        raise BadRequest("Multipart body without its boundary")
    message = Message()
    at = line_end + 2
    while (line_end := body.find(b"\r\n", at)) > at:
        name, _, value = body[at:line_end].decode("latin-1").partition(":")
        message[name.strip()] = value.strip()
        at = line_end + 2
    if line_end < 0:
        raise BadRequest("Multipart body broken off in a part's headers")
    return message, at + 2


def continue_upload(
    exchange: BaseHTTPRequestHandler, request: Request, response: Response, storage: FileStorage
) -> None:
    """``PUT …?upload_id=``: a chunk, the whole, or the question how much has arrived."""
    upload_id = _query(request, "upload_id")
    with storage.lock:
        resource = storage.get_resumable_file_obj(upload_id)
    path = storage.partial_path(upload_id)
    total = _append(exchange, path)
    size = path.stat().st_size if path.exists() else 0
    if total is None or size < total:
        response.status = object_handlers.GoogleHTTPStatus.RESUME_INCOMPLETE
        if size:
            response["Range"] = f"bytes=0-{size - 1}"
        return
    path.touch()
    content_type = resource.get("contentType") or _BYTES
    _answer(request, response, storage, measure(path), resource["name"], content_type, resource, upload_id)


def _append(exchange: BaseHTTPRequestHandler, path: Path) -> int | None:
    """Adds the request's bytes; returns the object's size when the client has told it."""
    header = exchange.headers.get("Content-Range") or ""
    if not header:
        return _save(exchange, path)
    parsed = object_handlers._parse_resumable_content_range(header)  # noqa: SLF001 - every client's dialect is in there
    if parsed is None:
        raise BadRequest(f"Invalid Content-Range: {header!r}")
    total: int | None = parsed["total"]
    if parsed["kind"] == "status":
        return total
    size = path.stat().st_size if path.exists() else 0
    if parsed["start"] > size:
        raise BadRequest(f"Invalid Content-Range start: expected {size}, got {parsed['start']}")
    end = _save(exchange, path, parsed["start"])
    return end if total is None and header.strip().endswith("-*/*") else total


def _answer(
    request: Request,
    response: Response,
    storage: FileStorage,
    received: Received,
    name: str,
    content_type: str,
    properties: dict[str, Any] | None = None,
    upload_id: str | None = None,
) -> None:
    bucket = request.params["bucket_name"]
    try:
        resource = storage.adopt(bucket, name, received, request.base_url, content_type, properties, upload_id)
    except BadRequest:
        received.path.unlink(missing_ok=True)
        raise
    response.json(resource)


def _save(exchange: BaseHTTPRequestHandler, path: Path, start: int = 0) -> int:
    """Writes the body to the file from ``start`` on; returns the file's size.

    Raises:
        BrokenUploadError: the body ended early; what arrived stays.
    """
    with path.open("r+b" if start else "wb") as target:
        target.seek(start)
        target.truncate()
        for block in _body(exchange):
            target.write(block)
        return target.tell()


def _body(exchange: BaseHTTPRequestHandler) -> Iterator[bytes]:
    blocks = _chunked(exchange) if _is_chunked(exchange) else _sized(exchange)
    encoding = (exchange.headers.get("Content-Encoding") or "").lower()
    if encoding not in ("gzip", "deflate"):
        yield from blocks
        return
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    for block in blocks:
        yield inflater.decompress(block)
    yield inflater.flush()


def _is_chunked(exchange: BaseHTTPRequestHandler) -> bool:
    return (exchange.headers.get("Transfer-Encoding") or "").lower() == "chunked"


def _sized(exchange: BaseHTTPRequestHandler) -> Iterator[bytes]:
    left = int(exchange.headers.get("Content-Length") or 0)
    while left:
        block = exchange.rfile.read(min(left, _BLOCK_BYTES))
        if not block:
            raise BrokenUploadError(f"{left} bytes missing")
        left -= len(block)
        yield block


def _chunked(exchange: BaseHTTPRequestHandler) -> Iterator[bytes]:
    while size := int(exchange.rfile.readline(64).split(b";")[0].strip() or b"0", 16):
        left = size
        while left:
            block = exchange.rfile.read(min(left, _BLOCK_BYTES))
            if not block:
                raise BrokenUploadError(f"{left} bytes of a chunk missing")
            left -= len(block)
            yield block
        exchange.rfile.readline(8)
    while exchange.rfile.readline(8192).strip():
        pass


# ---------------------------------------------------------------- downloads


def download_object(exchange: BaseHTTPRequestHandler, request: Request, storage: FileStorage) -> None:
    """``GET …?alt=media``: the object's bytes, or one range of them.

    Raises:
        NotFound: no such object.
    """
    bucket, name = request.params["bucket_name"], request.params["object_id"]
    with storage.lock:
        resource = storage.get_file_obj(bucket, name)
        stream = storage.object_path(bucket, name).open("rb")
    with stream:
        size = int(resource["size"])
        start, end = _parse_range(exchange.headers.get("Range"), size)
        whole = (start, end) == (0, size)
        if start >= size and not whole:
            _send_head(exchange, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, {"Content-Range": f"bytes */{size}"}, 0)
            return
        headers = {"Content-Type": resource.get("contentType") or _BYTES, "ETag": resource["etag"]}
        headers |= {f"x-goog-meta-{key}": str(value) for key, value in (resource.get("metadata") or {}).items()}
        headers["X-Goog-Generation"] = str(resource["generation"])
        if whole:
            headers["X-Goog-Hash"] = f"crc32c={resource['crc32c']},md5={resource['md5Hash']}"
            _send_head(exchange, HTTPStatus.OK, headers, size)
        else:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
            _send_head(exchange, HTTPStatus.PARTIAL_CONTENT, headers, end - start)
        stream.seek(start)
        _copy(stream, exchange.wfile, end - start)


def _parse_range(header: str | None, size: int) -> tuple[int, int]:
    """First byte and the one after the last; everything when there is no range that we understand."""
    match = _RANGE.fullmatch(header or "")
    if match is None or match[0].strip() == "bytes=-":
        return 0, size
    if not match[1]:
        return max(0, size - int(match[2])), size
    return int(match[1]), min(size, int(match[2]) + 1) if match[2] else size


def _send_head(exchange: BaseHTTPRequestHandler, status: HTTPStatus, headers: dict[str, str], length: int) -> None:
    exchange.send_response(status.value, status.phrase)
    for name, value in headers.items():
        exchange.send_header(name, value)
    exchange.send_header("Content-Length", str(length))
    exchange.send_header("Connection", "close")
    exchange.end_headers()


def _copy(source: BinaryIO, target: BinaryIO | BufferedIOBase, length: int) -> None:
    while length:
        block = source.read(min(length, _BLOCK_BYTES))
        if not block:
            raise NotFound("the object's file is shorter than its size")
        target.write(block)
        length -= len(block)


def _query(request: Request, name: str) -> str:
    values: list[str] = request.query.get(name) or [""]
    return values[0]
