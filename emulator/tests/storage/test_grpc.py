"""``google.storage.v2`` with Google's generated client, and with messages at random."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest

from tests.grpc.wire import Wire, listening
from tests.storage.asking import open_storage
from tests.storage.fuzzing import fuzz_grpc
from tuning_emulator.api.auth import OpenAuthenticator
from tuning_emulator.core.errors import Code
from tuning_emulator.storage.embedded import EmbeddedStorage
from tuning_emulator.storage.messages import SCHEMAS
from tuning_emulator.storage.sample_data import SAMPLE_BUCKET

v2 = pytest.importorskip("google.cloud._storage_v2")
exceptions = pytest.importorskip("google.api_core.exceptions")
T = TypeVar("T")
BUCKET = "projects/_/buckets/my-bucket"
DATA = bytes(range(256)) * 20_000


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedStorage]:
    """A storage with an empty bucket."""
    with open_storage(tmp_path / "buckets") as ask:
        ask.bucket()
        yield ask.embedded


@pytest.fixture
async def wire(embedded: EmbeddedStorage) -> AsyncIterator[Wire]:
    """It, listening."""
    async with listening(embedded.grpc_apis, OpenAuthenticator()) as one:
        yield one


@pytest.fixture
async def client(wire: Wire) -> AsyncIterator[Any]:
    """Google's blocking client, without credentials."""
    kind = v2.StorageClient
    with grpc.insecure_channel(f"127.0.0.1:{wire.port}") as channel:
        yield kind(transport=kind.get_transport_class("grpc")(channel=channel))


async def call(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """A call of the blocking client beside the server."""
    return await asyncio.to_thread(function, *args, **kwargs)


def pieces(name: str, data: bytes, **spec: Any) -> list[Any]:
    """An upload's messages."""
    first = v2.WriteObjectSpec(resource={"name": name, "bucket": BUCKET, "metadata": {"k": "v"}}, **spec)
    messages = [v2.WriteObjectRequest(write_object_spec=first)]
    size = 2 << 20
    for offset in range(0, len(data), size):
        content = {"content": data[offset : offset + size]}
        messages.append(v2.WriteObjectRequest(write_offset=offset, checksummed_data=content))
    messages[-1].finish_write = True
    return messages


async def write(client: Any, name: str, data: bytes = b"hello", **spec: Any) -> Any:
    """A new object."""
    return (await call(client.write_object, iter(pieces(name, data, **spec)))).resource


async def test_buckets(client: Any) -> None:
    """Made, changed by a mask, listed, asked where they are, removed."""
    wanted = v2.Bucket(
        project="projects/p",
        location="us-east1",
        labels={"a": "b"},
        lifecycle={"rule": [{"action": {"type_": "Delete"}, "condition": {"age_days": 3}}]},
        soft_delete_policy={"retention_duration": {"seconds": 0}},
    )
    made = await call(client.create_bucket, parent="projects/_", bucket=wanted, bucket_id="new-bucket")
    assert (made.name, made.location, dict(made.labels)) == ("projects/_/buckets/new-bucket", "US-EAST1", {"a": "b"})
    assert made.lifecycle == wanted.lifecycle
    changed = v2.Bucket(name=made.name, labels={"c": "d"}, versioning={"enabled": True})
    mask = {"paths": ["labels.c", "labels.a", "versioning", "lifecycle"]}
    told = await call(client.update_bucket, bucket=changed, update_mask=mask)
    assert (dict(told.labels), told.versioning.enabled, told.metageneration) == ({"c": "d"}, True, 2)
    assert not told.lifecycle.rule
    assert [one.bucket_id for one in await call(client.list_buckets, parent="projects/p")] == [
        "my-bucket",
        "new-bucket",
    ]
    with pytest.raises(exceptions.FailedPrecondition):
        await call(client.delete_bucket, v2.DeleteBucketRequest(name=made.name, if_metageneration_match=1))
    await call(client.delete_bucket, name=made.name)
    with pytest.raises(exceptions.NotFound, match="The specified bucket does not exist"):
        await call(client.get_bucket, name=made.name)


async def test_objects(client: Any, embedded: EmbeddedStorage) -> None:
    """Written and read in pieces, listed by pages, changed, copied, composed, moved, deleted."""
    made = await write(client, "x", DATA)
    assert (made.size, made.metageneration, dict(made.metadata)) == (len(DATA), 1, {"k": "v"})
    read = await call(lambda: list(client.read_object(bucket=BUCKET, object_="x")))
    assert b"".join(one.checksummed_data.content for one in read) == DATA
    assert read[0].object_checksums == made.checksums
    part = v2.ReadObjectRequest(bucket=BUCKET, object_="x", read_offset=-6, read_limit=4)
    (one,) = await call(lambda: list(client.read_object(part)))
    assert one.checksummed_data.content == DATA[-6:-2]
    assert (one.content_range.start, one.content_range.end) == (len(DATA) - 6, len(DATA) - 2)
    patch = v2.Object(bucket=BUCKET, name="x", cache_control="no-store", metadata={"k": "w"})
    mask = {"paths": ["cache_control", "metadata.k", "content_type"]}
    changed = await call(client.update_object, object_=patch, update_mask=mask)
    assert (changed.cache_control, dict(changed.metadata), changed.metageneration) == ("no-store", {"k": "w"}, 2)
    copied = v2.RewriteObjectRequest(
        source_bucket=BUCKET, source_object="x", destination_bucket=BUCKET, destination_name="y"
    )
    assert (await call(client.rewrite_object, copied)).resource.size == len(DATA)
    both = v2.ComposeObjectRequest(destination={"bucket": BUCKET, "name": "z"}, source_objects=[{"name": "x"}] * 2)
    assert (await call(client.compose_object, both)).component_count == 2
    await call(client.move_object, bucket=BUCKET, source_object="z", destination_object="a/z")
    listed = await call(lambda: list(client.list_objects(v2.ListObjectsRequest(parent=BUCKET, page_size=1))))
    assert [one.name for one in listed] == ["a/z", "x", "y"]
    await call(client.delete_object, bucket=BUCKET, object_="y")
    with pytest.raises(exceptions.NotFound, match="No such object: my-bucket/y"):
        await call(client.get_object, bucket=BUCKET, object_="y")
    assert embedded.store.find_object("my-bucket", "x") is not None


async def test_conditions_and_checksums(client: Any, embedded: EmbeddedStorage) -> None:
    """What does not hold leaves everything as it was."""
    await write(client, "x")
    with pytest.raises(exceptions.FailedPrecondition):
        await write(client, "x", b"new", if_generation_match=0)
    with pytest.raises(exceptions.NotFound):
        await call(client.get_object, v2.GetObjectRequest(bucket=BUCKET, object_="x", generation=1))
    wrong = pieces("y", b"hello")
    wrong[-1].object_checksums.crc32c = 1
    with pytest.raises(exceptions.InvalidArgument, match="CRC32C"):
        await call(client.write_object, iter(wrong))
    torn = pieces("y", b"hello")
    torn[-1].checksummed_data.crc32c = 1
    with pytest.raises(exceptions.InvalidArgument, match="CRC32C"):
        await call(client.write_object, iter(torn))
    with pytest.raises(exceptions.InvalidArgument, match="finish_write"):
        await call(client.write_object, iter(pieces("y", b"hello")[:1]))
    assert len(embedded.store.contents.sizes()) == 1


async def test_sessions(client: Any) -> None:
    """Begun, gone on with, asked about, cancelled."""

    async def start() -> str:
        spec = v2.WriteObjectSpec(resource={"name": "x", "bucket": BUCKET})
        return str(
            (await call(client.start_resumable_write, v2.StartResumableWriteRequest(write_object_spec=spec))).upload_id
        )

    def send(upload: str, offset: int, data: bytes, *, last: bool) -> Iterator[Any]:
        yield v2.WriteObjectRequest(
            upload_id=upload, write_offset=offset, checksummed_data={"content": data}, finish_write=last
        )

    upload = await start()
    assert (await call(client.write_object, send(upload, 0, DATA[:999], last=False))).persisted_size == 999
    assert (await call(client.query_write_status, upload_id=upload)).persisted_size == 999
    with pytest.raises(exceptions.OutOfRange):
        await call(client.write_object, send(upload, 2000, DATA, last=True))
    assert (await call(client.write_object, send(upload, 0, DATA, last=True))).resource.size == len(DATA)
    assert (await call(client.query_write_status, upload_id=upload)).resource.size == len(DATA)
    other = await start()
    await call(client.cancel_resumable_write, upload_id=other)
    with pytest.raises(exceptions.GoogleAPICallError):
        await call(client.query_write_status, upload_id=other)


async def test_streams_both_ways(client: Any) -> None:
    """Ranges as they are asked for; uploads that say how much has arrived."""
    spec = {"resource": {"name": "x", "bucket": BUCKET}}
    messages = [
        v2.BidiWriteObjectRequest(write_object_spec=spec, checksummed_data={"content": b"abc"}, flush=True),
        v2.BidiWriteObjectRequest(write_offset=3, checksummed_data={"content": b"def"}, finish_write=True),
    ]
    told = await call(lambda: list(client.bidi_write_object(iter(messages))))
    assert [(one.persisted_size, one.resource.size) for one in told] == [(3, 0), (0, 6)]
    ranges = [{"read_offset": 1, "read_length": 2, "read_id": 1}, {"read_offset": -1, "read_id": 2}]
    asked = v2.BidiReadObjectRequest(read_object_spec={"bucket": BUCKET, "object_": "x"}, read_ranges=ranges)
    got = await call(lambda: list(client.bidi_read_object(iter([asked]))))
    parts = [part for one in got for part in one.object_data_ranges]
    assert [(part.read_range.read_id, part.checksummed_data.content) for part in parts] == [(1, b"bc"), (2, b"f")]
    assert all(part.range_end for part in parts)


async def test_sample_data_is_read_and_left_alone(client: Any) -> None:
    """The stand-in for ``gs://cloud-samples-data`` answers whoever reads; to write it is PERMISSION_DENIED."""
    samples = f"projects/_/buckets/{SAMPLE_BUCKET}"
    name = "ai-platform/generative_ai/gemini/text/sft_train_data.jsonl"
    found = await call(client.get_object, bucket=samples, object_=name)
    stream = await call(client.read_object, bucket=samples, object_=name)
    received: list[Any] = await call(list, stream)
    data = b"".join([one.checksummed_data.content for one in received])
    assert len(data) == found.size
    listed = await call(lambda: list(client.list_objects(request={"parent": samples, "prefix": name})))
    assert [one.name for one in listed] == [name]
    with pytest.raises(exceptions.PermissionDenied):
        await call(client.delete_object, bucket=samples, object_=name)


async def test_what_is_not_there_is_said_at_once(wire: Wire) -> None:
    """Appending, and services that nobody has."""
    method = SCHEMAS["v2"].methods["google.storage.v2.Storage.BidiWriteObject"]
    spec = {"resource": {"name": "x", "bucket": BUCKET}, "appendable": True}
    assert (await wire.ask(SCHEMAS["v2"], method, {"write_object_spec": spec}, (), 5)).code is Code.UNIMPLEMENTED
    heard, _ = await wire.send("/google.storage.v2.Storage/Nothing", b"", (), 5)
    assert heard.code is Code.UNIMPLEMENTED


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
async def test_messages_at_random_get_an_answer(wire: Wire, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    """Every method, no INTERNAL, no traceback."""
    assert await fuzz_grpc(wire, seed)
    assert not [record for record in caplog.records if record.exc_info]
