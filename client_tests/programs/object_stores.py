"""Arrow's object_store for Rust, under polars and under obstore; and opendal."""

from __future__ import annotations

import io
import json
import sys

from story import LARGE, LINE, URL, tell

BUCKET = "client-data"
TRAIN, BIG = "folder/train.jsonl", "folder/large.jsonl"
ACCOUNT = json.dumps(
    {"gcs_base_url": URL, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
)


def walk_obstore() -> None:
    """By XML: whole objects and parts."""
    import obstore
    from obstore.exceptions import AlreadyExistsError
    from obstore.store import GCSStore

    options = {"service_account_key": ACCOUNT, "client_options": {"allow_http": True}} if URL else {}
    store = GCSStore(BUCKET, **options)
    obstore.put(store, TRAIN, LINE)
    tell("upload", obstore.head(store, TRAIN)["size"] == len(LINE))
    obstore.put(store, BIG, LARGE, use_multipart=True, chunk_size=5 << 20)
    tell("resumable", obstore.head(store, BIG)["size"] == len(LARGE))
    whole = bytes(obstore.get(store, TRAIN).bytes()) == LINE and bytes(obstore.get(store, BIG).bytes()) == LARGE
    tell("download", whole and bytes(obstore.get_range(store, BIG, start=5, end=9)) == LARGE[5:9])
    tell("list", sorted(one["path"] for one in obstore.list(store, prefix="folder").collect()))
    tell("get", obstore.head(store, TRAIN)["size"])
    try:
        obstore.put(store, TRAIN, b"new", mode="create")
    except AlreadyExistsError:
        tell("once", 412)
    obstore.copy(store, TRAIN, "copy")
    obstore.delete(store, [TRAIN, "copy"])
    try:
        obstore.head(store, TRAIN)
    except FileNotFoundError:
        tell("delete", 404)


def walk_polars() -> None:
    """Tables written and scanned."""
    import polars as pl

    options = {"google_service_account_key": ACCOUNT, "allow_http": "true"} if URL else {}
    place = f"gs://{BUCKET}/folder"
    small = pl.read_ndjson(io.BytesIO(LINE))
    small.lazy().sink_ndjson(f"{place}/train.jsonl", storage_options=options)
    again = pl.scan_ndjson(f"{place}/train.jsonl", storage_options=options).collect()
    tell("upload", again.equals(small))
    table = pl.DataFrame({"number": range(2_000_000)})
    table.write_parquet(f"{place}/large.parquet", compression="uncompressed", storage_options=options)
    found = pl.scan_parquet(f"{place}/*.parquet", storage_options=options)
    tell("resumable", found.select(pl.len()).collect().item() == len(table))
    tell("download", found.filter(pl.col("number") >= len(table) - 5).collect().height == 5)
    tell("get", len(again))


def walk_opendal() -> None:
    """By JSON."""
    import opendal

    alone = dict.fromkeys(("allow_anonymous", "disable_vm_metadata", "disable_config_load"), "true")
    operator = opendal.Operator("gcs", bucket=BUCKET, **({"endpoint": URL, **alone} if URL else {}))
    operator.write(TRAIN, LINE)
    tell("upload", operator.stat(TRAIN).content_length == len(LINE))
    with operator.open(BIG, "wb") as file:
        file.write(LARGE)
    tell("resumable", operator.stat(BIG).content_length == len(LARGE))
    tell("download", operator.read(TRAIN) == LINE and operator.read(BIG) == LARGE)
    tell("list", sorted(one.path for one in operator.list("folder/")))
    tell("get", operator.stat(TRAIN).content_length)
    operator.copy(TRAIN, "copy")
    operator.delete("copy")
    operator.delete(TRAIN)
    tell("delete", 200 if operator.exists(TRAIN) else 404)


{"obstore": walk_obstore, "opendal": walk_opendal, "polars": walk_polars}[sys.argv[1]]()
