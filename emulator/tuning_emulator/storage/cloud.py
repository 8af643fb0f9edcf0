"""Cloud Storage itself, with real credentials, through ``google-cloud-storage``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tuning_emulator.storage.objects import (
    BLOCK_BYTES,
    DEFAULT_TYPE,
    BucketNotFoundError,
    ObjectForbiddenError,
    ObjectInfo,
    ObjectNotFoundError,
    StorageUnavailableError,
    find_matching,
    parse_uri,
    split_lines,
)

_CHUNK_BYTES = 8 << 20


class CloudObjectStore:
    """Objects of Cloud Storage. Needs the extra ``gcs`` and Application Default Credentials.

    Args:
        client: A ``google.cloud.storage.Client``; made from the environment when not given.
        project: Project that is billed, when the credentials name none.

    Raises:
        StorageUnavailableError: the package is not installed, or there are no credentials.
    """

    def __init__(self, client: Any = None, project: str | None = None) -> None:
        self._client = client if client is not None else _connect(project)

    def stat(self, uri: str) -> ObjectInfo | None:
        """See ``ObjectStore``."""
        try:
            blob = self._blob(uri)
            with _translated(uri):
                blob.reload()
        except ObjectNotFoundError:
            return None
        return ObjectInfo(
            blob.bucket.name, blob.name, int(blob.size), int(blob.generation or 0), blob.content_type or ""
        )

    def lines(self, uri: str) -> Iterator[bytes]:
        """See ``ObjectStore``."""
        blob = self._blob(uri)
        try:
            with _translated(uri):
                blob.reload()
        except ObjectNotFoundError:
            raise self._missing(uri) from None
        return split_lines(self._blocks(blob, uri))

    def write(self, uri: str, data: bytes, content_type: str = DEFAULT_TYPE) -> None:
        """See ``ObjectStore``."""
        with _translated(uri):
            self._blob(uri).upload_from_string(data, content_type=content_type)

    def match(self, pattern: str) -> list[str]:
        """See ``ObjectStore``."""
        bucket, name = parse_uri(pattern)
        try:
            with _translated(pattern):
                found = [blob.name for blob in self._client.list_blobs(bucket, prefix=name.partition("*")[0])]
        except ObjectNotFoundError:
            return []
        return find_matching(pattern, found)

    def hint(self, uri: str) -> str:  # noqa: ARG002 there is nothing to say
        """See ``ObjectStore``."""
        return ""

    def _blob(self, uri: str) -> Any:
        bucket, name = parse_uri(uri)
        return self._client.bucket(bucket).blob(name)

    def _missing(self, uri: str) -> ObjectNotFoundError:
        bucket, _ = parse_uri(uri)
        try:
            with _translated(uri):
                self._client.get_bucket(bucket)
        except ObjectNotFoundError:
            return BucketNotFoundError(f"{uri}: bucket gs://{bucket} does not exist")
        return ObjectNotFoundError(f"{uri}: no such object")

    def _blocks(self, blob: Any, uri: str) -> Iterator[bytes]:
        with _translated(uri), blob.open("rb", chunk_size=_CHUNK_BYTES) as stream:
            while block := stream.read(BLOCK_BYTES):
                yield block


def _connect(project: str | None) -> Any:
    try:
        from google.auth.exceptions import GoogleAuthError
        from google.cloud import storage
    except ImportError as error:
        raise StorageUnavailableError(
            "reading from Cloud Storage needs google-cloud-storage; install tuning-emulator[gcs]"
        ) from error
    try:
        return storage.Client(project=project)
    except (GoogleAuthError, OSError) as error:
        raise StorageUnavailableError(f"no credentials for Cloud Storage: {error}") from error


@contextmanager
def _translated(uri: str) -> Iterator[None]:
    """The client's exceptions as ours."""
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except exceptions.NotFound as error:
        raise ObjectNotFoundError(f"{uri}: {error.message}") from error
    except (exceptions.Forbidden, exceptions.Unauthorized) as error:
        raise ObjectForbiddenError(f"{uri}: {error.message}") from error
    except (exceptions.GoogleAPIError, GoogleAuthError, OSError) as error:
        raise StorageUnavailableError(f"{uri}: {error}") from error
