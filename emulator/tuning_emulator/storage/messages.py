"""Buckets and objects as ``google.storage.v2`` has them: the same resources as the JSON API's, under other names.

Source: google/storage/v2/storage.proto beside the discovery document of storage v1.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from tuning_emulator.core.errors import ApiError
from tuning_emulator.facts import storage_errors
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.protojson.masks import split_path
from tuning_emulator.protojson.printer import format_camel
from tuning_emulator.schema.proto import load_schemas
from tuning_emulator.schema.schema import Value
from tuning_emulator.storage.records import Bucket, StoredObject
from tuning_emulator.storage.resources import present_bucket, present_object

SCHEMAS = load_schemas("google.storage")
CONTROL_SCHEMAS = load_schemas("google.storage.control")
_PACKAGE = "google.storage.v2"

_RENAMED = {
    "age": "ageDays",
    "defaultKmsKeyName": "defaultKmsKey",
    "iamConfiguration": "iamConfig",
    "kmsKeyName": "kmsKey",
    "lockedTime": "lockTime",
    "retentionDurationSeconds": "retentionDuration",
    "retentionExpirationTime": "retentionExpireTime",
    "retentionPeriod": "retentionDuration",
    "timeCreated": "createTime",
    "timeDeleted": "deleteTime",
    "timeFinalized": "finalizeTime",
    "timeStorageClassUpdated": "updateStorageClassTime",
    "updated": "updateTime",
}
"""Names of the JSON API, and what the messages call the same."""

_BACK = {new: old for old, new in _RENAMED.items()} | {"retentionDuration": "retentionDurationSeconds"}
_DATES = ("createdBefore", "customTimeBefore", "noncurrentTimeBefore")
_MAPS = ("custom", "labels", "metadata")
"""What a client names itself."""

_BUCKET_ALONE = frozenset("bucketPolicyOnly etag id kind name projectNumber selfLink".split())
_OBJECT_ALONE = frozenset("bucket crc32c customerEncryption id kind md5Hash mediaLink selfLink".split())
"""What the JSON API prints and the messages have not, or not so."""


@cache
def _codec() -> Codec:
    return Codec(SCHEMAS.values())


def bucket_path(name: str) -> str:
    """``projects/_/buckets/NAME``."""
    return f"projects/_/buckets/{name}"


def parse_bucket_path(text: Any) -> str:
    """The bucket of such a name.

    Raises:
        ApiError: it is none.
    """
    parts = str(text or "").split("/")
    if len(parts) != 4 or (parts[0], parts[2]) != ("projects", "buckets") or not parts[1] or not parts[3]:
        raise storage_errors.ARGUMENT_INVALID(name="bucket", value=text)
    return parts[3]


def bucket_message(bucket: Bucket) -> Value:
    """A bucket."""
    resource = _without(present_bucket(bucket, "", full=True), _BUCKET_ALONE)
    resource["iamConfiguration"] = _without(resource["iamConfiguration"], _BUCKET_ALONE)
    if "objectRetention" in resource:
        resource["objectRetention"] = {"enabled": resource["objectRetention"].get("mode") == "Enabled"}
    return {
        **_read(resource, "Bucket"),
        "name": bucket_path(bucket.name),
        "bucket_id": bucket.name,
        "project": f"projects/{bucket.project_number}",
        "etag": bucket.etag,
    }


def object_message(found: StoredObject, bucket: Bucket | None = None) -> Value:
    """A generation."""
    resource = _without(present_object(found, "", full=True, bucket=bucket), _OBJECT_ALONE)
    return {
        **_read(resource, "Object"),
        "bucket": bucket_path(found.bucket),
        "checksums": format_checksums(found.md5, found.crc32c),
    }


def bucket_resource(message: Value) -> dict[str, Any]:
    """What a client sets of a bucket, as the JSON API has it."""
    resource = _print(message, "Bucket")
    retention = resource.get("retentionPolicy")
    if isinstance(retention, dict) and "retentionDurationSeconds" in retention:
        retention["retentionPeriod"] = retention.pop("retentionDurationSeconds")
    if "objectRetention" in resource:
        resource["objectRetention"] = {"mode": "Enabled"} if resource["objectRetention"].get("enabled") else {}
    return resource


def object_resource(message: Value) -> dict[str, Any]:
    """What a client sets of an object, and the checksums that it promises, as the JSON API has them."""
    return {**_print(message, "Object"), **read_checksums(message.get("checksums", {}))}


def name_field(path: str) -> str:
    """The JSON API's name of the field at which a path of a mask begins."""
    name = format_camel(split_path(path)[0])
    return _BACK.get(name, name)


def format_checksums(md5: str, crc32c: str) -> Value:
    """``ObjectChecksums`` of hashes in base64; "" is left out."""
    found: Value = {}
    if crc32c:
        found["crc32c"] = int.from_bytes(base64.b64decode(crc32c), "big")
    if md5:
        found["md5_hash"] = base64.b64decode(md5)
    return found


def read_checksums(message: Value) -> dict[str, str]:
    """The same back, by the names of the JSON API."""
    found = {}
    if "crc32c" in message:
        found["crc32c"] = base64.b64encode(int(message["crc32c"]).to_bytes(4, "big")).decode()
    if message.get("md5_hash"):
        found["md5Hash"] = base64.b64encode(message["md5_hash"]).decode()
    return found


def _read(resource: Mapping[str, Any], name: str) -> Value:
    """A message of what the JSON API prints; what is kept in a form that the message has not is left out."""
    renamed = {_RENAMED.get(key, key): _to_message(key, value) for key, value in resource.items()}
    message = f"{_PACKAGE}.{name}"
    try:
        return _codec().parse(json.dumps(renamed).encode(), message)
    except ApiError:
        value: Value = {}
        for key, one in renamed.items():
            with suppress(ApiError):
                value |= _codec().parse(json.dumps({key: one}).encode(), message)
        return value


def _print(message: Value, name: str) -> dict[str, Any]:
    printed = _codec().to_json(message, f"{_PACKAGE}.{name}")
    return {_BACK.get(key, key): _from_message(key, one) for key, one in printed.items()}


def _to_message(key: str, value: Any) -> Any:
    if key in _DATES and isinstance(value, str):
        numbers = [int(part) for part in value.split("-") if part.isdigit()]
        return dict(zip(("year", "month", "day"), numbers, strict=False))
    if key in ("retentionDurationSeconds", "retentionPeriod"):
        return f"{value}s"
    if isinstance(value, list):
        return [_to_message("", one) for one in value]
    if not isinstance(value, dict) or key in _MAPS:
        return value
    return {_RENAMED.get(name, name): _to_message(name, one) for name, one in value.items()}


def _from_message(key: str, value: Any) -> Any:
    if key in _DATES:
        return "{:04}-{:02}-{:02}".format(*(value.get(part, 0) for part in ("year", "month", "day")))
    if key == "retentionDuration":
        return str(value).partition(".")[0].removesuffix("s")
    if isinstance(value, list):
        return [_from_message("", one) for one in value]
    if not isinstance(value, dict) or key in _MAPS:
        return value
    return {_BACK.get(name, name): _from_message(name, one) for name, one in value.items()}


def _without(resource: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name not in names}
