"""gcsfs, and pandas over it."""

from __future__ import annotations

import gcsfs
import pandas as pd
from story import LARGE, LINE, PROJECT, URL, tell

OPTIONS = {"project": PROJECT, "token": "anon" if URL else None}
files = gcsfs.GCSFileSystem(**OPTIONS)
BUCKET = f"{PROJECT}-data"
TRAIN, BIG = f"{BUCKET}/folder/train.jsonl", f"{BUCKET}/folder/large.jsonl"


def main() -> None:
    """The whole way."""
    files.mkdir(BUCKET)
    tell("create", BUCKET)
    table = pd.DataFrame({"number": range(3)})
    table.to_parquet(f"gs://{BUCKET}/table.parquet", storage_options=OPTIONS)
    files.pipe(TRAIN, LINE)
    tell("upload", files.info(TRAIN)["size"] == len(LINE))
    with files.open(BIG, "wb", block_size=5 << 20) as file:
        file.write(LARGE)
    tell("resumable", files.info(BIG)["size"] == len(LARGE))
    again = pd.read_parquet(f"gs://{BUCKET}/table.parquet", storage_options=OPTIONS)
    whole = files.cat(TRAIN) == LINE and files.cat(BIG) == LARGE and again.equals(table)
    tell("download", whole and files.cat_file(BIG, start=5, end=9) == LARGE[5:9])
    tell("list", sorted(one.removeprefix(f"{BUCKET}/") for one in files.find(f"{BUCKET}/folder")))
    tell("get", files.info(TRAIN)["size"])
    files.copy(TRAIN, f"{BUCKET}/copy")
    files.rm([TRAIN, f"{BUCKET}/copy"])
    tell("delete", 200 if files.exists(TRAIN) else 404)


main()
