"""What Cloud Storage keeps: buckets, generations of objects, uploads under way; and the conditions of requests."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, TypeAlias

from tuning_emulator.core.clock import SECOND_NS, format_ns
from tuning_emulator.facts import storage_errors
from tuning_emulator.protojson.scalars import parse_timestamp
from tuning_emulator.storage.hosting import BUCKET

Fields: TypeAlias = Mapping[str, Any]
"""What a client has set of a resource, as its JSON has it."""

SOFT_DELETE_S = 604_800
"""How long deleted objects can be restored unless the bucket says otherwise.

Source: cloud.google.com/storage/docs/soft-delete."""

DEFAULT_CLASS = "STANDARD"
"""Storage class of what has none of its own. Source: cloud.google.com/storage/docs/storage-classes."""

_COMPONENT = re.compile(r"[a-z0-9]([-_a-z0-9]{0,61}[a-z0-9])?")
_IP = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_NAME_BYTES = 1024


class State(IntEnum):
    """Of a generation: the live one, one that was replaced in a bucket with versioning, one that can be restored."""

    LIVE = 0
    NONCURRENT = 1
    SOFT_DELETED = 2


NOBODY = "123456789012"
"""Number of the project of buckets that were made for nobody in particular, as they show it."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket.

    Attributes:
        project: Number of its project; "": it was made for nobody in particular.
        fields: What was set of its resource; access lists and IAM policy among them.
    """

    name: str
    project: str
    created_ns: int
    updated_ns: int
    metageneration: int = 1
    fields: Fields = field(default_factory=dict)

    @property
    def project_number(self) -> str:
        """The number that is shown."""
        return self.project or NOBODY

    @property
    def versioned(self) -> bool:
        """Whether replaced generations stay."""
        return bool((self.fields.get("versioning") or {}).get("enabled"))

    @property
    def uniform(self) -> bool:
        """Whether it has no access lists."""
        configuration = self.fields.get("iamConfiguration") or {}
        return bool((configuration.get("uniformBucketLevelAccess") or {}).get("enabled"))

    @property
    def soft_delete_s(self) -> int:
        """How long a deleted object can be restored."""
        policy = self.fields.get("softDeletePolicy") or {}
        return int(policy.get("retentionDurationSeconds", SOFT_DELETE_S))

    @property
    def etag(self) -> str:
        """As the service makes it: a message with one number."""
        return _encode_etag(self.metageneration)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One generation of an object.

    Attributes:
        content: Id of the file with its bytes, which others may share. md5, crc32c: Base64; a composite has no md5.
        components: Of how many uploads it is composed; 0: of itself.
        gone_ns: When it stopped being the live one. until_ns: When it goes for good, where it is soft-deleted.
        fields: What was set of its resource.
    """

    bucket: str
    name: str
    generation: int
    size_bytes: int
    content: str
    md5: str
    crc32c: str
    created_ns: int
    updated_ns: int
    metageneration: int = 1
    components: int = 0
    state: State = State.LIVE
    gone_ns: int = 0
    until_ns: int = 0
    fields: Fields = field(default_factory=dict)

    @property
    def etag(self) -> str:
        """As the JSON API prints it: a message of generation and metageneration."""
        return _encode_etag(self.generation, self.metageneration)

    @property
    def xml_etag(self) -> str:
        """As the XML API prints it: the MD5 in hexadecimal, of a composite the JSON API's."""
        return base64.b64decode(self.md5).hex() if self.md5 else f"-{self.etag}"


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes in a file that no object has yet. Hashes in base64; md5 is "" where parts are composed."""

    id: str
    size_bytes: int
    md5: str
    crc32c: str


@dataclass(frozen=True, slots=True)
class Session:
    """A resumable upload.

    Attributes:
        content: Id of the file in which it gathers. received_bytes: How much of it counts.
        total_bytes: As announced, None: not yet. sent: Checksums that it must have, ``md5`` and ``crc32c``.
        generation: Of the object that it became, 0 before.
        cancelled: By the client. parts: A multipart upload of the XML API, whose bytes are in parts.
    """

    id: str
    bucket: str
    name: str
    content: str
    created_ns: int
    fields: Fields
    conditions: Conditions
    sent: Mapping[str, str] = field(default_factory=dict)
    received_bytes: int = 0
    total_bytes: int | None = None
    generation: int = 0
    cancelled: bool = False
    parts: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a multipart upload of the XML API."""

    number: int
    content: Content
    created_ns: int


# --- conditions


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must hold for a request to be carried out. None and () ask for nothing.

    Attributes:
        match, none_match: Entity tags, without quotes; ``*`` is any.
    """

    generation: int | None = None
    not_generation: int | None = None
    metageneration: int | None = None
    not_metageneration: int | None = None
    match: Sequence[str] = ()
    none_match: Sequence[str] = ()

    def check(self, current: StoredObject | Bucket | None, *, reading: bool = False) -> None:
        """Compares with what is there now; None: no live object.

        Raises:
            ApiError: 412; for a read whose negative condition does not hold 304.
        """
        generation = current.generation if isinstance(current, StoredObject) else 0
        metageneration = current.metageneration if current else None
        tags = _list_tags(current)
        positive = (
            self.generation in (None, generation)
            and self.metageneration in (None, metageneration)
            and (not self.match or bool(tags & {*self.match}))
        )
        if not positive:
            raise storage_errors.PRECONDITION_FAILED()
        negative = (
            self.not_generation != generation
            and (self.not_metageneration is None or self.not_metageneration != metageneration)
            and not tags & {*self.none_match}
        )
        if not negative:
            raise storage_errors.NOT_MODIFIED() if reading else storage_errors.PRECONDITION_FAILED()


NO_CONDITIONS = Conditions()


def _list_tags(current: StoredObject | Bucket | None) -> set[str]:
    if current is None:
        return set()
    return {"*", current.etag, *([current.xml_etag] if isinstance(current, StoredObject) else [])}


# --- names and numbers


def check_bucket_name(name: str) -> None:
    """Refuses what can be no bucket's name. Source: cloud.google.com/storage/docs/buckets#naming.

    Raises:
        ApiError: 400.
    """
    if not is_bucket_name(name):
        raise storage_errors.BUCKET_NAME_INVALID(name=name)


def is_bucket_name(name: str) -> bool:
    """Whether a bucket can have that name."""
    parts = name.split(".")
    return (
        BUCKET.fullmatch(name) is not None
        and all(_COMPONENT.fullmatch(part) for part in parts)
        and not (len(parts) == 4 and _IP.fullmatch(name))
        and not name.startswith("goog")
    )


def describe_missing_bucket(name: str) -> str:
    """What to do about a bucket that does not exist; for hints."""
    return (
        f"the bucket {name} does not exist: start with --bucket {name} (an empty one) or --bucket {name}=DIRECTORY, "
        "create it, or let uploads make buckets with --auto-create-buckets"
    )


def check_object_name(name: str) -> None:
    """Refuses what can be no object's name. Source: cloud.google.com/storage/docs/objects#naming.

    Raises:
        ApiError: 400.
    """
    size = len(name.encode("utf-8", "surrogatepass"))
    lone = any("\ud800" <= one <= "\udfff" for one in name)
    if (
        not 0 < size <= _NAME_BYTES
        or name in (".", "..")
        or "\n" in name
        or "\r" in name
        or lone
        or name.startswith(".well-known/acme-challenge/")
    ):
        raise storage_errors.OBJECT_NAME_INVALID(name=name.encode("utf-8", "replace").decode())


def apply_patch(fields: Fields, patch: Fields) -> Fields:
    """A copy with what the patch has: objects are merged, ``null`` removes. Source: RFC 7396."""
    merged = dict(fields)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            known = merged.get(name)
            inner = apply_patch(known if isinstance(known, dict) else {}, value)
            merged[name] = inner
        else:
            merged[name] = value
    return merged


def touch(found: StoredObject, fields: Fields, now_ns: int) -> StoredObject:
    """The same generation with other metadata."""
    return replace(found, fields=fields, metageneration=found.metageneration + 1, updated_ns=now_ns)


def _encode_etag(*numbers: int) -> str:
    """A protobuf message whose fields are these, in base64."""
    data = bytearray()
    for number, value in enumerate(numbers, start=1):
        data.append(number << 3)
        rest = value
        while rest > 0x7F:
            data.append(rest & 0x7F | 0x80)
            rest >>= 7
        data.append(rest)
    return binascii.b2a_base64(data, newline=False).decode()


# --- holds and retention: what keeps a generation from being replaced or deleted
#
# Sources: cloud.google.com/storage/docs/object-holds, bucket-lock and object-lock.


_HOLDS = {"temporaryHold": "Temporary", "eventBasedHold": "Event-Based"}


def retained_until_ns(bucket: Bucket, found: StoredObject) -> int:
    """Until when it can be neither replaced nor deleted; 0: nothing says so."""
    policy = bucket.fields.get("retentionPolicy") or {}
    period_ns = int(policy.get("retentionPeriod") or 0) * SECOND_NS
    own = (found.fields.get("retention") or {}).get("retainUntilTime")
    return max(found.created_ns + period_ns if period_ns else 0, parse_timestamp(own) if own else 0)


def refuse_held(bucket: Bucket, found: StoredObject, now_ns: int) -> None:
    """Refuses to touch what is held.

    Raises:
        ApiError: 403, naming the hold or the time.
    """
    for hold, kind in _HOLDS.items():
        if found.fields.get(hold):
            raise storage_errors.OBJECT_HELD(bucket=found.bucket, name=found.name, kind=kind)
    until_ns = retained_until_ns(bucket, found)
    if until_ns > now_ns:
        raise storage_errors.RETENTION_UNMET(bucket=found.bucket, name=found.name, until=format_ns(until_ns))
