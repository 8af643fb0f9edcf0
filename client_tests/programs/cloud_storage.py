"""google-cloud-storage: a dataset, put where Vertex AI reads it, and everything else that is done with one."""

from __future__ import annotations

import logging

from google.api_core import exceptions
from google.cloud import storage
from story import PROJECT, tell, tell_calls


class Counter(logging.Handler):
    """Counts the requests that urllib3 says it has sent."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """One line of its log."""
        self.count += '" ' in record.getMessage()


counter = Counter()
logging.getLogger("urllib3.connectionpool").setLevel(logging.DEBUG)
logging.getLogger("urllib3.connectionpool").addHandler(counter)
client = storage.Client(project=PROJECT)
NAME = f"{PROJECT}-data"
LINE = b'{"contents": [{"role": "user", "parts": [{"text": "1"}]}, {"role": "model", "parts": [{"text": "2"}]}]}\n'
LARGE = LINE * (9 * 1024 * 1024 // len(LINE))
"""Larger than 8 MiB: the client then uploads it in a resumable session."""


def main() -> None:
    """The whole way."""
    bucket = client.create_bucket(NAME)
    tell("create", bucket.name)
    blob = bucket.blob("folder/train.jsonl")
    blob.upload_from_string(LINE, content_type="application/jsonl")
    tell("upload", blob.size == len(LINE))
    large = bucket.blob("folder/large.jsonl")
    large.upload_from_string(LARGE)
    tell("resumable", large.size == len(LARGE))
    tell("download", blob.download_as_bytes() == LINE and large.download_as_bytes() == LARGE)
    tell("list", sorted(one.name for one in client.list_blobs(NAME, prefix="folder/")))
    tell("get", client.bucket(NAME).get_blob("folder/train.jsonl").size)
    blob.delete()
    try:
        blob.reload()
    except exceptions.NotFound as error:
        tell("delete", error.code)
    tell_calls(counter.count)


main()
