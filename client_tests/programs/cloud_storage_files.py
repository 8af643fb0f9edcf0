"""google-cloud-storage as files: ``open``, chunks, the transfer manager, a batch."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from google.cloud import storage
from google.cloud.storage import exceptions, transfer_manager
from story import LARGE, LINE, PROJECT, tell

client = storage.Client(project=PROJECT)
CHUNK_BYTES = 1 << 20


def main() -> None:
    """The whole way."""
    bucket = client.create_bucket(f"{PROJECT}-data")
    tell("create", bucket.name)
    blob = bucket.blob("folder/train.jsonl")
    with blob.open("wb") as file:
        file.write(LINE)
    tell("upload", bucket.get_blob(blob.name).size == len(LINE))
    large = bucket.blob("folder/large.jsonl", chunk_size=CHUNK_BYTES)
    with large.open("wb") as file:
        file.write(LARGE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large"
        path.write_bytes(LARGE)
        parts = {"chunk_size": 5 * CHUNK_BYTES, "max_workers": 2, "worker_type": transfer_manager.THREAD}
        transfer_manager.upload_chunks_concurrently(str(path), bucket.blob("parts"), **parts)
        transfer_manager.download_chunks_concurrently(bucket.blob("parts"), str(path), **parts)
        whole = path.read_bytes() == LARGE
    tell("resumable", whole and bucket.get_blob(large.name).size == len(LARGE))
    chunks = io.BytesIO()
    large.download_to_file(chunks)
    with blob.open("rb") as file, blob.open("r") as text:
        tell("download", file.read() == text.read().encode() == LINE and chunks.getvalue() == LARGE)
    tell("list", sorted(one.name for one in client.list_blobs(bucket, prefix="folder/", page_size=1)))
    tell("get", bucket.get_blob(blob.name).size)
    try:
        with blob.open("wb", if_generation_match=0) as file:
            file.write(b"new")
    except exceptions.InvalidResponse as error:  # what a file raises
        tell("once", error.response.status_code)
    with client.batch():
        bucket.delete_blobs([blob, large])
    tell("delete", 404 if not blob.exists() and not large.exists() else 200)


main()
