"""google-cloud-storage: a dataset, put where Vertex AI reads it, and everything else that is done with one."""

from __future__ import annotations

from google.api_core import exceptions
from google.cloud import storage
from story import LARGE, LINE, PROJECT, tell

client = storage.Client(project=PROJECT)
NAME = f"{PROJECT}-data"


def main() -> None:
    """The whole way."""
    bucket = client.create_bucket(NAME)
    tell("create", bucket.name)
    blob = bucket.blob("folder/train.jsonl")
    blob.upload_from_string(LINE, content_type="application/jsonl")
    tell("upload", blob.size == len(LINE))
    large = bucket.blob("folder/large.jsonl")
    large.upload_from_string(LARGE)  # above 8 MiB in a resumable session
    tell("resumable", large.size == len(LARGE))
    tell("download", blob.download_as_bytes() == LINE and large.download_as_bytes() == LARGE)
    tell("list", sorted(one.name for one in client.list_blobs(NAME, prefix="folder/")))
    tell("get", client.bucket(NAME).get_blob("folder/train.jsonl").size)
    try:
        blob.upload_from_string("new", if_generation_match=0)
    except exceptions.PreconditionFailed as error:
        tell("once", error.code)
    blob.delete()
    try:
        blob.reload()
    except exceptions.NotFound as error:
        tell("delete", error.code)


main()
