"""pyarrow's own file system for Cloud Storage, which is Google's client for C++."""

from __future__ import annotations

from datetime import timedelta

from pyarrow import fs
from story import HOST, LARGE, LINE, PROJECT, URL, tell

place = {"anonymous": True, "scheme": "http", "endpoint_override": HOST} if URL else {}
files = fs.GcsFileSystem(project_id=PROJECT, retry_time_limit=timedelta(seconds=30), **place)
BUCKET = f"{PROJECT}-data"
TRAIN, BIG = f"{BUCKET}/folder/train.jsonl", f"{BUCKET}/folder/large.jsonl"


def main() -> None:
    """The whole way."""
    files.create_dir(BUCKET)
    tell("create", BUCKET)
    with files.open_output_stream(TRAIN) as file:
        file.write(LINE)
    tell("upload", files.get_file_info(TRAIN).size == len(LINE))
    with files.open_output_stream(BIG) as file:
        file.write(LARGE)
    tell("resumable", files.get_file_info(BIG).size == len(LARGE))
    with files.open_input_file(BIG) as file:
        whole = file.read() == LARGE
        file.seek(7)
        tell("download", whole and file.read(5) == LARGE[7:12])
    found = files.get_file_info(fs.FileSelector(f"{BUCKET}/folder", recursive=True))
    tell("list", sorted(one.path.removeprefix(f"{BUCKET}/") for one in found))
    tell("get", files.get_file_info(TRAIN).size)
    files.copy_file(TRAIN, f"{BUCKET}/copy")
    files.delete_file(TRAIN)
    tell("delete", 404 if files.get_file_info(TRAIN).type is fs.FileType.NotFound else 200)


main()
