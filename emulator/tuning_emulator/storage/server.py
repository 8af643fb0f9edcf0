"""The embedded Cloud Storage: ``gcp-storage-emulator`` on a port of its own, in threads of this process.

Buckets, listings, copies, access lists and batches are the library's; transfers, file names and error bodies are ours
(``storage_transfer``, ``storage_files``), because the library holds whole objects in memory and serves one
connection at a time.
"""

from __future__ import annotations

import base64
import json
import logging
import mmap
import re
import socket
import socketserver
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from http import HTTPStatus, server
from http.server import BaseHTTPRequestHandler
from io import BufferedIOBase
from pathlib import Path
from typing import Any, BinaryIO

from gcp_storage_emulator.exceptions import BadRequest, Conflict, NotFound
from gcp_storage_emulator.handlers import buckets as bucket_handlers
from gcp_storage_emulator.handlers import objects as object_handlers
from gcp_storage_emulator.server import HANDLERS, Request, Response

from tuning_emulator.proxy.hosts import format_url
from tuning_emulator.storage.files import FileStorage, Received, measure

# --- uploads and downloads of the embedded storage

_BLOCK_BYTES = 1 << 20
_BYTES = "application/octet-stream"
_RANGE = re.compile(r"\s*bytes=(\d*)-(\d*)\s*")


class BrokenUploadError(Exception):
    """The client went away in the middle of its body."""


# --- uploads


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


# --- downloads


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


_LOG = logging.getLogger(__name__)
_LIBRARY_LOGS = ("gcp_storage_emulator", "api.object", "api.bucket")
_POLL_S = 0.1
_IDLE_S = 60
_DRAIN_S, _DRAIN_BYTES, _DRAIN_BLOCKS = 1.0, 1 << 16, 1 << 10

_ROUTES: tuple[tuple[re.Pattern[str], dict[str, Callable[..., None]]], ...] = tuple(
    (re.compile(pattern), handlers) for pattern, handlers in HANDLERS
)


class StorageServer:
    """Cloud Storage on ``host:port``; usable as a context manager.

    Args:
        port: 0 takes a free one; see ``base_url``.
        directory: Where buckets are kept; None: a temporary directory, removed by ``stop``.
        buckets: Bucket name → directory whose files are loaded at start.

    Raises (``start``):
        OSError: the port is taken, or the directory cannot be written.
        DamagedStorageError: the directory holds something else.
        NotADirectoryError: a directory of ``buckets`` is none.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        directory: Path | None = None,
        buckets: Mapping[str, Path] | None = None,
    ) -> None:
        self._host, self._port = host, port
        self._directory = directory
        self._buckets = dict(buckets or {})
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listens, and answers from now on."""
        for name in _LIBRARY_LOGS:
            logging.getLogger(name).setLevel(logging.CRITICAL)  # a missing object is no error of ours
        if self._directory is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="tuning-emulator-storage-")
        try:
            storage = FileStorage(self._directory or Path(self._temporary.name if self._temporary else ""))
            self._fill(storage)
            self._server = _Server(self._host, self._port, storage)
        except BaseException:
            self._remove_temporary()
            raise
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), name="storage", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops listening; transfers under way are cut off. A second call does nothing."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = self._thread = None
        self._remove_temporary()

    @property
    def files(self) -> FileStorage:
        """What it serves.

        Raises:
            RuntimeError: it has not started.
        """
        if self._server is None:
            raise RuntimeError("the storage server has not started")
        return self._server.storage

    def clear(self, removed: Path, project: str | None = None) -> None:
        """Goes back to what it was at its first start, or forgets the buckets of one project (its number).

        Args:
            removed: See ``FileStorage.clear``.
        """
        self.files.clear(removed, project)
        if project is None:
            self._fill(self.files)

    def _fill(self, storage: FileStorage) -> None:
        for bucket, directory in self._buckets.items():
            storage.load(bucket, directory)

    @property
    def port(self) -> int:
        """The port in use."""
        if self._server is None:
            return self._port
        port: int = self._server.server_address[1]
        return port

    @property
    def base_url(self) -> str:
        """What ``STORAGE_EMULATOR_HOST`` is set to."""
        return format_url(self._host, self.port)

    def __enter__(self) -> StorageServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _remove_temporary(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None


class _Server(socketserver.ThreadingTCPServer):
    # Not http.server.HTTPServer: that one asks DNS for its own name before it listens.
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, storage: FileStorage) -> None:
        self.storage = storage
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's signature
        _LOG.debug("connection from %s ended early", client_address, exc_info=True)


class _Request(Request):  # type: ignore[misc] # the library is untyped
    """A request with two leniencies of Cloud Storage: https behind a proxy, and JSON without its content type."""

    def __init__(self, handler: server.BaseHTTPRequestHandler, method: str) -> None:
        super().__init__(handler, method)
        self._match = None  # no route yet
        if handler.headers.get("X-Forwarded-Proto") == "https":
            self._base_url: str = self._base_url.replace("http://", "https://", 1)
            self._full_url = self._base_url + self._path

    @property
    def data(self) -> Any:
        """The body, parsed if it is JSON."""
        data = super().data
        if isinstance(data, bytes) and self.method in ("POST", "PATCH"):
            return json.loads(data)
        return data


class _Handler(server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # so that "Expect: 100-continue" is answered
    timeout = _IDLE_S
    server: _Server

    def _handle(self) -> None:
        method = self.headers.get("X-HTTP-Method-Override") or self.command
        request, response = _Request(self, method), Response(self)
        try:
            if self._route(request, response):
                return
        except (NotFound, BadRequest, Conflict, ValueError) as error:
            status = {NotFound: HTTPStatus.NOT_FOUND, Conflict: HTTPStatus.CONFLICT}.get(
                type(error), HTTPStatus.BAD_REQUEST
            )
            _write_error(response, status, str(error))
        except (BrokenUploadError, ConnectionError, TimeoutError):
            return
        except Exception:
            _LOG.exception("storage: %s %s", method, self.path)
            _write_error(response, HTTPStatus.INTERNAL_SERVER_ERROR, "We encountered an internal error. Try again.")
        if response.status == HTTPStatus.NOT_FOUND:
            _write_error(response, HTTPStatus.NOT_FOUND, self._missing(request))
        response["Connection"] = "close"
        response.close()
        self._drain()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - http.server's names

    def _drain(self) -> None:
        """Reads what is left of a refused body: closing on unread bytes would take our answer from the client."""
        try:
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_DRAIN_S)
            for _ in range(_DRAIN_BLOCKS):
                if not self.rfile.read1(_DRAIN_BYTES):
                    break
        except OSError:
            pass

    def _route(self, request: _Request, response: Response) -> bool:
        """Runs the handler of the path; True when it has answered by itself."""
        for pattern, handlers in _ROUTES:
            match = pattern.fullmatch(request.path)
            if match is not None:
                request.set_match(match)
                return self._run(_pick(request, handlers), request, response)
        raise NotFound("Not Found")

    def _run(self, handler: Callable[..., None], request: _Request, response: Response) -> bool:
        storage = self.server.storage
        if handler is _DOWNLOAD:
            download_object(self, request, storage)
            return True
        if handler is _INSERT:
            insert_object(self, request, response, storage)
        elif handler is object_handlers.upload_partial:
            continue_upload(self, request, response, storage)
        elif handler is bucket_handlers.ls:
            items = storage.list_buckets(_project_of(request))
            response.json({"kind": "storage#buckets", "items": items})
        else:
            _ = request.data  # read the body before the lock: a slow client holds up nobody
            with storage.creating_for(_project_of(request)):
                handler(request, response, storage)
        return False

    def _missing(self, request: _Request) -> str:
        params = request.params or {}
        bucket, name = params.get("bucket_name"), params.get("object_id")
        if bucket is None:
            return "Not Found"
        if name is None or self.server.storage.get_bucket(bucket) is None:
            return "The specified bucket does not exist."
        return f"No such object: {bucket}/{name}"

    def log_message(self, format: str, *args: Any) -> None:
        _LOG.debug(format, *args)


_DOWNLOAD: Callable[..., None] = object_handlers.download
_INSERT: Callable[..., None] = object_handlers.insert


def _project_of(request: _Request) -> str:
    """The project that a bucket is created for, or whose buckets are listed."""
    values: list[str] = request.query.get("project") or [""]
    return values[0]


def _pick(request: _Request, handlers: dict[str, Callable[..., None]]) -> Callable[..., None]:
    handler = handlers.get(request.method)
    if handler is object_handlers.get and request.query.get("alt") == ["media"]:
        return _DOWNLOAD
    if handler is None and request.method == "POST" and request.query.get("uploadType"):
        return _INSERT  # clients that leave out /upload
    if handler is None:
        raise BadRequest(f"Method {request.method} is not supported on {request.path}")
    return handler


def _write_error(response: Response, status: HTTPStatus, message: str) -> None:
    reason = {404: "notFound", 409: "conflict", 500: "internalError"}.get(status.value, "invalid")
    errors = [{"message": message, "domain": "global", "reason": reason}]
    response.status = status
    response.json({"error": {"code": status.value, "message": message, "errors": errors}})
