"""Files as objects: what ``--bucket NAME=DIRECTORY`` and scenarios bring along."""

from __future__ import annotations

from pathlib import Path

from tuning_emulator.storage.contents import BLOCK_BYTES
from tuning_emulator.storage.objects import DEFAULT_TYPE
from tuning_emulator.storage.records import StoredObject
from tuning_emulator.storage.store import Storage


def load_directory(storage: Storage, bucket: str, directory: Path | None) -> int:
    """Makes a bucket and copies a directory into it, file names relative to it as object names; how many.

    Raises:
        NotADirectoryError: ``directory`` is none.
    """
    storage.ensure_bucket(bucket)
    if directory is None:
        return 0
    if not directory.is_dir():
        raise NotADirectoryError(f"bucket {bucket}: {directory} is not a directory")
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    for path in files:
        load_file(storage, bucket, path.relative_to(directory).as_posix(), path)
    return len(files)


def load_file(
    storage: Storage, bucket: str, name: str, path: Path, content_type: str = DEFAULT_TYPE
) -> StoredObject | None:
    """Copies a file into a bucket; None: the object is there with the same bytes."""
    with storage.spooling() as spool, path.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            spool.write(block)
        content = spool.finish(sync=storage.durable)
        live = storage.find_object(bucket, name)
        if live is not None and (live.md5, live.size_bytes) == (content.md5, content.size_bytes):
            spool.discard()
            return None
        return storage.insert(bucket, name, content, {"contentType": content_type})
