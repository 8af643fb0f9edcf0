"""The embedded Cloud Storage: ``gcp-storage-emulator`` on a port of its own, in threads of this process.

Buckets, listings, copies, access lists and batches are the library's; transfers, file names and error bodies are ours
(``storage_transfer``, ``storage_files``), because the library holds whole objects in memory and serves one
connection at a time.
"""

from __future__ import annotations

import json
import logging
import re
import socket
import socketserver
import tempfile
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus, server
from pathlib import Path
from typing import Any

from gcp_storage_emulator.exceptions import BadRequest, Conflict, NotFound
from gcp_storage_emulator.handlers import buckets as bucket_handlers
from gcp_storage_emulator.handlers import objects as object_handlers
from gcp_storage_emulator.server import HANDLERS, Request, Response

from emulator.core.ports import format_url
from emulator.datasets.storage_files import FileStorage
from emulator.datasets.storage_transfer import BrokenUploadError, continue_upload, download_object, insert_object

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
