"""Which requests to the emulator's one port are for Cloud Storage. Loaded with the server, so it stays small."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

from tuning_emulator.api.exchange import Exchange
from tuning_emulator.proxy.hosts import STORAGE_SUFFIX, Service, find_service

JSON_PATH = re.compile(
    r"/(?:(?P<kind>upload|resumable/upload|download)/)?storage/v1/(?P<rest>.*)|/(?P<bare>b(?:/.*)?)", re.DOTALL
)
"""The JSON API's. ``/b`` alone is how ``@google-cloud/storage`` asks where STORAGE_EMULATOR_HOST is set."""

BATCH_PATH = re.compile(r"/batch(/storage/v1)?/?")
_OTHERS = re.compile(r"v\d+\w*|emulator|discovery|token|storage|upload|download|batch|resumable")
"""First segments that belong to other APIs, or to the JSON API: no buckets here, whatever they could be elsewhere."""

BUCKET = re.compile(r"[a-z0-9][-_.a-z0-9]{1,220}[a-z0-9]")
"""What a bucket's name looks like; ``records.is_bucket_name`` knows the finer rules."""

_HEADERS = re.compile(r"x-goog-(?:if-|copy-|meta-|hash|resumable|gcs-|acl|project-id|storage-class)")
_QUERY = re.compile(r"(?:^|&)(?:X-Goog-Signature|GoogleAccessId|list-type|uploads|uploadId|upload_id)(?:=|&|$)")


def is_json_path(path: str) -> bool:
    """Whether a path is one of the JSON API's, whatever the host."""
    return JSON_PATH.fullmatch(path) is not None or BATCH_PATH.fullmatch(path) is not None


def find_bucket_of_host(host: str) -> str:
    """The bucket in front of Cloud Storage's own host, "" where there is none."""
    return host.removesuffix(STORAGE_SUFFIX) if host.endswith(STORAGE_SUFFIX) else ""


def asks_storage(exchange: Exchange, has_bucket: Callable[[str], bool]) -> bool:
    """Whether a request to our own address is for Cloud Storage.

    The XML API has no prefix of its own: a path is taken for one of its when the bucket that it would name is there,
    or when the request says things that no other API is told.
    """
    if is_json_path(exchange.path) or find_service(exchange.host) is Service.STORAGE:
        return True
    bucket = unquote(exchange.path[1:].partition("/")[0])
    if not BUCKET.fullmatch(bucket) or _OTHERS.fullmatch(bucket):
        return False
    return (
        exchange.verb == "PUT"
        or _QUERY.search(exchange.query) is not None
        or any(map(_HEADERS.match, exchange.headers))
        or has_bucket(bucket)
    )
