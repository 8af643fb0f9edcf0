"""Where ``gs://`` objects are read from: a storage emulator over HTTP, or Cloud Storage itself.

Every store streams: memory stays the same whatever the size of the object.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote, urlencode, urlsplit

from tuning_emulator.core.errors import describe_failure

BLOCK_BYTES = 1 << 20
FILE_BUFFER_BYTES = 1 << 16
"""For ``open``: reading lines with Python's own buffer of 8 KiB takes twice as long."""
LINE_LIMIT_BYTES = 64 << 20
"""Longest line that is read; a longer one is no JSONL example, and reading it would not be constant memory."""

_URI = re.compile(r"gs://([^/]*)(?:/(.*))?", re.DOTALL)

DEFAULT_TYPE = "application/octet-stream"
"""Of an object of which nobody has said what it is."""


class StorageError(Exception):
    """An object cannot be read or written."""


class InvalidUriError(StorageError, ValueError):
    """Not ``gs://bucket/name``; the text shows the value and the form wanted."""


class ObjectNotFoundError(StorageError):
    """The bucket is there, the object is not."""


class BucketNotFoundError(ObjectNotFoundError):
    """Not even the bucket is there."""


class ObjectForbiddenError(StorageError):
    """The credentials do not allow it."""


class StorageUnavailableError(StorageError):
    """No usable answer: nothing listens, it timed out, broke off or failed."""


class LineTooLongError(StorageError):
    """A line is longer than ``LINE_LIMIT_BYTES``."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What is known of an object without reading it. ``generation`` changes whenever it is written."""

    bucket: str
    name: str
    size_bytes: int
    generation: int = 0
    content_type: str = ""


class ObjectStore(Protocol):
    """Cloud Storage as far as tuning needs it. All methods block; all raise ``StorageError``."""

    def stat(self, uri: str) -> ObjectInfo | None:
        """The object's properties, or None when it (or its bucket) does not exist."""

    def lines(self, uri: str) -> Iterator[bytes]:
        """The object's lines without line ends. A missing object raises here, before the first line is asked for.

        Raises:
            ObjectNotFoundError, BucketNotFoundError, ObjectForbiddenError, StorageUnavailableError.
        """

    def write(self, uri: str, data: bytes, content_type: str = DEFAULT_TYPE) -> None:
        """Creates or replaces the object."""

    def match(self, pattern: str) -> list[str]:
        """The URIs of the objects that one with wildcards means, sorted: see ``find_matching``."""

    def hint(self, uri: str) -> str:
        """What a developer should know of where an object comes from, or of why it is not there; "" nearly always."""


def parse_uri(uri: str) -> tuple[str, str]:
    """Bucket and object name of ``gs://bucket/name``.

    Raises:
        InvalidUriError: another scheme, no bucket or no object name.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        raise InvalidUriError(f"{uri!r} is not a Cloud Storage URI; expected gs://bucket/object")
    bucket, name = match[1], match[2]
    if not bucket:
        raise InvalidUriError(f"{uri!r} names no bucket; expected gs://bucket/object")
    if not name:
        raise InvalidUriError(f"{uri!r} names no object; expected gs://bucket/object")
    return bucket, name


def format_uri(bucket: str, name: str) -> str:
    """``gs://bucket/name``."""
    return f"gs://{bucket}/{name}"


def find_matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The URIs of those objects of a bucket that a URI with ``*`` (within a folder) or ``**`` means, sorted.

    Source: cloud.google.com/storage/docs/wildcards.
    """
    bucket, wanted = parse_uri(pattern)
    parts = {"**": ".*", "*": "[^/]*"}
    form = re.compile("".join(parts.get(part, re.escape(part)) for part in re.split(r"(\*+)", wanted)), re.DOTALL)
    return sorted(format_uri(bucket, name) for name in names if form.fullmatch(name))


def split_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines of a stream of blocks, without ``\\n`` or ``\\r\\n``; no empty line after a final line end.

    Raises:
        LineTooLongError: a line is longer than ``LINE_LIMIT_BYTES``.
    """
    rest = b""
    for block in blocks:
        lines = block.split(b"\n")
        returns = b"\r" in block or rest.endswith(b"\r")
        lines[0] = rest + lines[0]
        rest = lines.pop()
        yield from map(_strip_return, lines) if returns else lines
        if len(rest) > LINE_LIMIT_BYTES:
            raise _too_long()
    if rest:
        yield rest


def read_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines of an open file, as ``split_lines`` gives them; ``FILE_BUFFER_BYTES`` make it fast.

    Raises:
        LineTooLongError: a line is longer than ``LINE_LIMIT_BYTES``.
    """
    for line in iter(partial(stream.readline, LINE_LIMIT_BYTES + 1), b""):
        if len(line) > LINE_LIMIT_BYTES:
            raise _too_long()
        yield line.removesuffix(b"\n").removesuffix(b"\r")


def _too_long() -> LineTooLongError:
    return LineTooLongError(f"a line is longer than {LINE_LIMIT_BYTES} bytes; expected one JSON object a line")


def _strip_return(line: bytes) -> bytes:
    return line[:-1] if line.endswith(b"\r") else line


class HttpObjectStore:
    """A storage emulator that speaks Cloud Storage's JSON API: the embedded one, fake-gcs-server and the like.

    Args:
        base_url: ``http://host:port``, as in ``STORAGE_EMULATOR_HOST``; the scheme may be missing.
        timeout_s: Longest wait for a connection or for the next bytes.
        token: What each request presents; "": nothing.

    Raises:
        InvalidUriError: ``base_url`` has no host, or another scheme than http and https.
    """

    def __init__(self, base_url: str, timeout_s: float = 30.0, token: str = "") -> None:
        parts = urlsplit(base_url if "://" in base_url else f"http://{base_url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidUriError(f"{base_url!r} is not the address of a storage emulator; expected http://host:port")
        self.base_url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._tls = parts.scheme == "https"
        self._address = (parts.hostname, parts.port or (443 if self._tls else 80))
        self._prefix = parts.path.rstrip("/")
        self._timeout_s = timeout_s
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def stat(self, uri: str) -> ObjectInfo | None:
        """See ``ObjectStore``."""
        bucket, name = parse_uri(uri)
        status, body = self._exchange("GET", _object_path(bucket, name))
        if status == 404:
            return None
        _refuse(status, body, uri)
        values = json.loads(body)
        return ObjectInfo(
            bucket, name, int(values["size"]), int(values.get("generation", 0)), values.get("contentType") or ""
        )

    def lines(self, uri: str) -> Iterator[bytes]:
        """See ``ObjectStore``."""
        bucket, name = parse_uri(uri)
        connection, response = self._send("GET", f"{_object_path(bucket, name)}?alt=media")
        if response.status != 200:
            body = response.read()
            connection.close()
            if response.status == 404:
                raise self._missing(bucket, uri)
            _refuse(response.status, body, uri)
        return split_lines(self._blocks(connection, response, uri))

    def write(self, uri: str, data: bytes, content_type: str = DEFAULT_TYPE) -> None:
        """See ``ObjectStore``."""
        bucket, name = parse_uri(uri)
        query = urlencode({"uploadType": "media", "name": name})
        path = f"/upload/storage/v1/b/{quote(bucket, safe='')}/o?{query}"
        status, body = self._exchange("POST", path, data, {"Content-Type": content_type})
        if status == 404:
            raise BucketNotFoundError(f"bucket gs://{bucket} does not exist")
        _refuse(status, body, uri)

    def match(self, pattern: str) -> list[str]:
        """See ``ObjectStore``."""
        bucket, name = parse_uri(pattern)
        names: list[str] = []
        query = {"prefix": name.partition("*")[0], "fields": "items(name),nextPageToken"}
        while True:
            status, body = self._exchange("GET", f"/storage/v1/b/{quote(bucket, safe='')}/o?{urlencode(query)}")
            if status == 404:
                return []
            _refuse(status, body, pattern)
            page = json.loads(body)
            names += [one["name"] for one in page.get("items", ())]
            if not page.get("nextPageToken"):
                return find_matching(pattern, names)
            query["pageToken"] = page["nextPageToken"]

    def hint(self, uri: str) -> str:  # noqa: ARG002 there is nothing to say
        """See ``ObjectStore``."""
        return ""

    def create_bucket(self, bucket: str, project: str = "") -> None:
        """Makes an empty bucket. Raises as ``write``."""
        body = json.dumps({"name": bucket}).encode()
        path = "/storage/v1/b" + (f"?{urlencode({'project': project})}" if project else "")
        status, answer = self._exchange("POST", path, body, {"Content-Type": "application/json"})
        _refuse(status, answer, f"gs://{bucket}")

    def _missing(self, bucket: str, uri: str) -> ObjectNotFoundError:
        status, _ = self._exchange("GET", f"/storage/v1/b/{quote(bucket, safe='')}")
        if status == 404:
            return BucketNotFoundError(f"{uri}: bucket gs://{bucket} does not exist")
        return ObjectNotFoundError(f"{uri}: no such object")

    def _blocks(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse, uri: str
    ) -> Iterator[bytes]:
        wanted = response.length
        received = 0
        try:
            while block := response.read(BLOCK_BYTES):
                received += len(block)
                yield block
        except (OSError, http.client.HTTPException) as error:
            raise StorageUnavailableError(
                f"{uri}: broke off after {received} bytes: {describe_failure(error)}"
            ) from error
        finally:
            connection.close()
        if wanted is not None and received != wanted:
            raise StorageUnavailableError(f"{uri}: broke off after {received} of {wanted} bytes")

    def _exchange(
        self, method: str, path: str, data: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        connection, response = self._send(method, path, data, headers)
        try:
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise StorageUnavailableError(f"storage at {self.base_url}: {describe_failure(error)}") from error
        finally:
            connection.close()

    def _send(
        self, method: str, path: str, data: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        connection = kind(*self._address, timeout=self._timeout_s)
        try:
            connection.request(method, self._prefix + path, data, {**self._headers, **(headers or {})})
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise StorageUnavailableError(f"storage at {self.base_url}: {describe_failure(error)}") from error


def _object_path(bucket: str, name: str) -> str:
    return f"/storage/v1/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}"


def _refuse(status: int, body: bytes, uri: str) -> None:
    if status < 300:
        return
    text = _error_text(body)
    if status in (401, 403):
        raise ObjectForbiddenError(f"{uri}: HTTP {status}: {text}")
    raise StorageUnavailableError(f"{uri}: HTTP {status}: {text}")


def _error_text(body: bytes) -> str:
    try:
        values: Any = json.loads(body)
        return str(values["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace") or "no text"
