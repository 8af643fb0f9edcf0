"""Which requests to the emulator's one port are for Cloud Storage. Loaded with the server, so it stays small."""

from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from tuning_emulator.proxy.hosts import STORAGE_SUFFIX, Service, find_service

JSON_PATH = re.compile(
    r"/(?:(?P<kind>upload|resumable/upload|download)/)?storage/v1/(?P<rest>.*)|/(?P<bare>b(?:/.*)?)", re.DOTALL
)
"""The JSON API's. ``/b`` alone is how ``@google-cloud/storage`` asks where STORAGE_EMULATOR_HOST is set."""

BATCH_PATH = re.compile(r"/batch(/storage/v1)?/?")
_OTHERS = re.compile(r"v\d+\w*|emulator|discovery|token|storage|upload|download|batch|resumable")
"""First segments that belong to other APIs, or to the JSON API: no buckets here, whatever they could be elsewhere."""

_BUCKET = re.compile(r"[a-z0-9][-_.a-z0-9]{1,220}[a-z0-9]")
_HEADERS = re.compile(rb"x-goog-(?:if-|copy-|meta-|hash|resumable|gcs-|acl|project-id|storage-class)")
_QUERY = re.compile(rb"(?:^|&)(?:X-Goog-Signature|GoogleAccessId|list-type|uploads|uploadId|upload_id)(?:=|&|$)")


def is_json_path(path: str) -> bool:
    """Whether a path is one of the JSON API's, whatever the host."""
    return JSON_PATH.fullmatch(path) is not None or BATCH_PATH.fullmatch(path) is not None


def find_bucket_of_host(host: str) -> str:
    """The bucket in front of Cloud Storage's own host, "" where there is none."""
    return host.removesuffix(STORAGE_SUFFIX) if host.endswith(STORAGE_SUFFIX) else ""


def asks_storage(scope: MutableMapping[str, Any], has_bucket: Callable[[str], bool]) -> bool:
    """Whether a request to our own address is for Cloud Storage.

    The XML API has no prefix of its own: a path is taken for one of its when the bucket that it would name is there,
    or when the request says things that no other API is told.
    """
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path = raw.partition(b"?")[0].decode("latin-1")
    headers = scope["headers"]
    host = next((value for name, value in headers if name == b"host"), b"").decode("latin-1").lower()
    if is_json_path(path) or find_service(re.sub(r":\d+$", "", host)) is Service.STORAGE:
        return True
    bucket = unquote(path[1:].partition("/")[0])
    if not _BUCKET.fullmatch(bucket) or _OTHERS.fullmatch(bucket):
        return False
    return (
        scope["method"] == "PUT"
        or _QUERY.search(scope["query_string"]) is not None
        or any(_HEADERS.match(name) for name, _ in headers)
        or has_bucket(bucket)
    )
