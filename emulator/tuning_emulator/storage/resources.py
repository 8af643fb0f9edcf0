"""Buckets and objects as the JSON API has them: what a client may set of them, and how they are printed.

Source: the discovery document of storage v1; cloud.google.com/storage/docs/json_api/v1/buckets and …/objects.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote

from tuning_emulator.facts import storage_errors
from tuning_emulator.protojson.scalars import parse_timestamp
from tuning_emulator.storage.records import (
    DEFAULT_CLASS,
    SOFT_DELETE_S,
    Bucket,
    Fields,
    State,
    StoredObject,
    retained_until_ns,
)

_Check = Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and parse_timestamp(value) > 0
    except ValueError:
        return False


BUCKET_FIELDS: Mapping[str, _Check] = {
    **dict.fromkeys(("location", "rpo", "storageClass"), _is_text),
    "defaultEventBasedHold": _is_flag,
    **dict.fromkeys(("acl", "cors", "defaultObjectAcl"), _is_list),
    **dict.fromkeys(
        "autoclass billing customPlacementConfig encryption hierarchicalNamespace iamConfiguration ipFilter labels "
        "lifecycle logging objectRetention retentionPolicy softDeletePolicy versioning website".split(),
        _is_object,
    ),
}
OBJECT_FIELDS: Mapping[str, _Check] = {
    **dict.fromkeys(
        "cacheControl contentDisposition contentEncoding contentLanguage contentType storageClass".split(), _is_text
    ),
    **dict.fromkeys(("eventBasedHold", "temporaryHold"), _is_flag),
    "acl": _is_list,
    "customTime": _is_time,
    **dict.fromkeys(("contexts", "metadata", "retention"), _is_object),
}
"""What a client may set, and what it may be. Everything else in a body is passed over, as the service does."""

_TEXT_MAPS = ("labels", "metadata")
_INERT = {
    **dict.fromkeys(("autoclass", "customPlacementConfig", "ipFilter", "rpo"), "storage has one place here"),
    **dict.fromkeys(("acl", "defaultObjectAcl"), "everybody may do everything here"),
    "billing": "nobody pays here",
    "contexts": "lists cannot be filtered by them here",
    "cors": "browsers are not answered by it here",
    "encryption": "nothing is encrypted here",
    "hierarchicalNamespace": "there are no folders here",
    "lifecycle": "no rule is carried out here",
    "logging": "no log is written to it here",
    "website": "no page is served by it here",
}
"""What is stored and printed, and has no effect."""

_MASK_DEPTH = 32
_MULTI_REGIONS = ("ASIA", "EU", "US")
_DUAL_REGIONS = ("ASIA1", "EUR4", "EUR5", "EUR7", "EUR8", "NAM4")


def read_fields(body: Mapping[str, Any], known: Mapping[str, _Check], notes: list[str]) -> dict[str, Any]:
    """What a body sets; ``None`` where it takes something away. Adds hints about what will have no effect.

    Raises:
        ApiError: a value is none that the field can have.
    """
    found: dict[str, Any] = {}
    for name, check in known.items():
        if name not in body:
            continue
        value = body[name]
        if name in _TEXT_MAPS and isinstance(value, dict):
            value = {key: _read_text(name, one) for key, one in value.items()}
        if value is not None and not check(value):
            raise storage_errors.ARGUMENT_INVALID(name=name, value=value)
        if value and name in _INERT:
            notes.append(f"{name} is kept and has no effect: {_INERT[name]}")
        found[name] = value
    _check_numbers(found)
    return found


def _read_text(name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        raise storage_errors.ARGUMENT_INVALID(name=name, value=value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_numbers(found: Mapping[str, Any]) -> None:
    for name, inner in (("softDeletePolicy", "retentionDurationSeconds"), ("retentionPolicy", "retentionPeriod")):
        value = (found.get(name) or {}).get(inner, 0)
        if not (isinstance(value, int) or (isinstance(value, str) and value.isdigit())) or not 0 <= int(value) < 2**31:
            raise storage_errors.ARGUMENT_INVALID(name=f"{name}.{inner}", value=value)
    until = (found.get("retention") or {}).get("retainUntilTime")
    if until is not None and not _is_time(until):
        raise storage_errors.ARGUMENT_INVALID(name="retention.retainUntilTime", value=until)
    for name, inner in (("versioning", "enabled"), ("iamConfiguration", "uniformBucketLevelAccess")):
        value = (found.get(name) or {}).get(inner)
        if value is not None and not isinstance(value, bool | dict):
            raise storage_errors.ARGUMENT_INVALID(name=f"{name}.{inner}", value=value)


def clean(fields: Fields) -> dict[str, Any]:
    """Without what is ``None``, at the top and in maps of texts."""
    kept = {name: value for name, value in fields.items() if value is not None}
    for name in _TEXT_MAPS:
        if name in kept:
            kept[name] = {key: one for key, one in kept[name].items() if one is not None}
    return kept


# --- printing


def present_bucket(bucket: Bucket, base_url: str, *, full: bool = False) -> dict[str, Any]:
    """The resource of a bucket. ``full``: with its access lists."""
    fields = bucket.fields
    location = str(fields.get("location") or "US").upper()
    place = "multi-region" if location in _MULTI_REGIONS else "dual-region" if location in _DUAL_REGIONS else "region"
    resource: dict[str, Any] = {
        "kind": "storage#bucket",
        "selfLink": f"{base_url}/storage/v1/b/{quote(bucket.name, safe='')}",
        "id": bucket.name,
        "name": bucket.name,
        "projectNumber": bucket.project_number,
        "metageneration": str(bucket.metageneration),
        "location": location,
        "storageClass": fields.get("storageClass") or DEFAULT_CLASS,
        "etag": bucket.etag,
        "timeCreated": format_time(bucket.created_ns),
        "updated": format_time(bucket.updated_ns),
        "softDeletePolicy": _present_soft_delete(bucket),
        "iamConfiguration": _present_iam(bucket),
        "locationType": place,
        **({} if place == "region" else {"rpo": fields.get("rpo") or "DEFAULT"}),
    }
    resource |= {name: fields[name] for name in BUCKET_FIELDS if name in fields and name not in resource}
    if "retentionPolicy" in resource:
        policy = resource["retentionPolicy"]
        resource["retentionPolicy"] = {**policy, "retentionPeriod": str(policy.get("retentionPeriod", 0))}
    lists = ("acl", "defaultObjectAcl")
    return resource | {name: fields.get(name, []) for name in lists} if full else _without(resource, lists)


def _present_soft_delete(bucket: Bucket) -> dict[str, Any]:
    policy = bucket.fields.get("softDeletePolicy") or {}
    seconds = str(policy.get("retentionDurationSeconds", SOFT_DELETE_S))
    since = policy.get("effectiveTime") or format_time(bucket.created_ns)
    return {"retentionDurationSeconds": seconds, **({"effectiveTime": since} if seconds != "0" else {})}


def _present_iam(bucket: Bucket) -> dict[str, Any]:
    configuration = bucket.fields.get("iamConfiguration") or {}
    access: Any = configuration.get("uniformBucketLevelAccess") or configuration.get("bucketPolicyOnly")
    uniform: dict[str, Any] = {"enabled": False}
    if isinstance(access, dict):
        uniform.update(access)
    prevention = configuration.get("publicAccessPrevention") or "inherited"
    return {
        "bucketPolicyOnly": uniform,
        "uniformBucketLevelAccess": uniform,
        "publicAccessPrevention": prevention,
    }


_quote_bucket = lru_cache(maxsize=64)(partial(quote, safe=""))
_FURTHER = {*OBJECT_FIELDS, "kmsKeyName", "customerEncryption"} - {"acl", "contentType", "storageClass"}
"""Fields of objects that are printed as they were set."""


def present_object(
    found: StoredObject, base_url: str, *, full: bool = False, bucket: Bucket | None = None
) -> dict[str, Any]:
    """The resource of a generation. ``full``: with its access list. ``bucket``: its own, for its retention."""
    path = f"/b/{_quote_bucket(found.bucket)}/o/{quote_name(found.name)}"
    created = format_time(found.created_ns)
    updated = format_time(found.updated_ns) if found.updated_ns != found.created_ns else created
    fields = found.fields
    resource: dict[str, Any] = {
        "kind": "storage#object",
        "id": f"{found.bucket}/{found.name}/{found.generation}",
        "selfLink": f"{base_url}/storage/v1{path}",
        "mediaLink": f"{base_url}/download/storage/v1{path}?generation={found.generation}&alt=media",
        "name": found.name,
        "bucket": found.bucket,
        "generation": str(found.generation),
        "metageneration": str(found.metageneration),
        "contentType": fields.get("contentType"),
        "storageClass": fields.get("storageClass") or DEFAULT_CLASS,
        "size": str(found.size_bytes),
        "md5Hash": found.md5 or None,
        "crc32c": found.crc32c,
        "componentCount": found.components or None,
        "etag": found.etag,
        "timeCreated": created,
        "updated": updated,
        "timeStorageClassUpdated": created,
        "timeFinalized": created,
    }
    for name in ("contentType", "md5Hash", "componentCount"):
        if resource[name] is None:
            del resource[name]
    if found.state is State.NONCURRENT:
        resource["timeDeleted"] = format_time(found.gone_ns)
    if found.state is State.SOFT_DELETED:
        resource |= {"softDeleteTime": format_time(found.gone_ns), "hardDeleteTime": format_time(found.until_ns)}
    if bucket is not None and (until_ns := retained_until_ns(bucket, found)):
        resource["retentionExpirationTime"] = format_time(until_ns)
    for name, value in fields.items():
        if name in _FURTHER and value is not None and value != {}:
            resource[name] = value
    if full:
        resource["acl"] = fields.get("acl", [])
    return resource


_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.~/-]*")


def quote_name(name: str) -> str:
    """An object's name as a segment of a path."""
    if _PLAIN_NAME.fullmatch(name):  # most are, and a list has thousands
        return name.replace("/", "%2F")
    return quote(name, safe="")


def _without(resource: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name not in names}


def format_time(time_ns: int) -> str:
    """RFC 3339 in UTC, to the millisecond, as the service prints all times."""
    milliseconds = time_ns // 1_000_000
    return f"{_format_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


@lru_cache(maxsize=1024)
def _format_second(time_s: int) -> str:
    """Many objects of a list come from the same ones."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time_s))


# --- partial answers


def select_fields(value: Any, mask: str) -> Any:
    """What a ``fields`` parameter leaves of an answer: ``items(name,size),nextPageToken``, ``a/b``, ``*``.

    Raises:
        ApiError: its brackets do not match.
    """
    deep = mask.count("(") > _MASK_DEPTH
    tree, rest = ({}, mask) if deep else _parse_mask(mask)
    if rest:
        raise storage_errors.ARGUMENT_INVALID(name="fields", value=mask)
    return _project(value, tree)


def _parse_mask(text: str) -> tuple[dict[str, Any], str]:
    """The fields up to the end or to a closing bracket, by name, and what follows."""
    tree: dict[str, Any] = {}
    place, name = tree, ""
    while text:
        mark, text = text[0], text[1:]
        if mark not in ",()/":
            name += mark
            continue
        if mark == ")":
            text = mark + text
            break
        if mark == ",":
            place.setdefault(name.strip(), {})
            place = tree
        elif mark == "/":
            place = place.setdefault(name.strip(), {})
        else:
            inner, text = _parse_mask(text)
            if not text.startswith(")"):
                raise storage_errors.ARGUMENT_INVALID(name="fields", value=name)
            place.setdefault(name.strip(), {}).update(inner)
            text = text[1:]
            place = tree
        name = ""
    if name.strip():
        place.setdefault(name.strip(), {})
    return tree, text


def _project(value: Any, tree: dict[str, Any]) -> Any:
    if not tree or "*" in tree:
        return value
    if isinstance(value, list):
        return [_project(one, tree) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: _project(one, tree[name]) for name, one in value.items() if name in tree}
