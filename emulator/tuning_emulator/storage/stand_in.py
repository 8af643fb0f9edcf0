"""The bucket that stands in for Google's sample data: in nobody's list, read by everybody, written by nobody."""

from __future__ import annotations

from tuning_emulator.storage.contents import Contents
from tuning_emulator.storage.database import Database
from tuning_emulator.storage.records import Bucket, StoredObject
from tuning_emulator.storage.sample_data import SAMPLE_BUCKET, list_samples

SAMPLES_OWNER = "0"
"""Number of the project that it belongs to."""

_MADE_NS = 1_714_521_600_000_000_000
_GENERATION = 1
"""2024-05-01, the same wherever it is laid out."""


def is_stand_in(bucket: Bucket | None) -> bool:
    """Whether a bucket is the one with sample data."""
    return bucket is not None and bucket.project == SAMPLES_OWNER


def lay_out_samples(database: Database, contents: Contents) -> Bucket:
    """Writes its records, in the transaction that is open, and its files."""
    bucket = Bucket(SAMPLE_BUCKET, SAMPLES_OWNER, _MADE_NS, _MADE_NS)
    database.put(bucket)
    for name, data, content_type in list_samples():
        spool = contents.create()
        spool.write(data)
        content = spool.finish(sync=False)
        key = (SAMPLE_BUCKET, name, _GENERATION, content.size_bytes, content.id)
        hashes = (content.md5, content.crc32c)
        database.put(StoredObject(*key, *hashes, _MADE_NS, _MADE_NS, fields={"contentType": content_type}))
    return bucket
