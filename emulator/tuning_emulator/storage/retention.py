"""Holds and retention: what keeps a generation from being replaced or deleted.

Sources: cloud.google.com/storage/docs/object-holds, bucket-lock and object-lock.
"""

from __future__ import annotations

from tuning_emulator.core.clock import format_ns
from tuning_emulator.facts import storage_errors
from tuning_emulator.protojson.scalars import parse_timestamp
from tuning_emulator.storage.records import Bucket, StoredObject

_HOLDS = {"temporaryHold": "Temporary", "eventBasedHold": "Event-Based"}
_SECOND_NS = 1_000_000_000


def retained_until_ns(bucket: Bucket, found: StoredObject) -> int:
    """Until when it can be neither replaced nor deleted; 0: nothing says so."""
    policy = bucket.fields.get("retentionPolicy") or {}
    period_ns = int(policy.get("retentionPeriod") or 0) * _SECOND_NS
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
