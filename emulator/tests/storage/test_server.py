"""The embedded storage with the real google-cloud-storage client, as a user of the emulator uploads datasets."""

from __future__ import annotations

import http.client
import json
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.api_core.exceptions import NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from tuning_emulator.core.ids import project_number
from tuning_emulator.storage.copies import link_copy
from tuning_emulator.storage.database import DATABASE_NAME, DamagedStorageError
from tuning_emulator.storage.sessions import QUANTUM_BYTES
from tuning_emulator.storage.store import AT_ONCE, Source
from tuning_emulator.testing.storage_server import StorageServer

NAMES = ["a", "a/b", "a//b", "dir/", "../up", ".meta", "...", "ação/訓練 data+%2F?#.jsonl", "x" * 1000, "\\back"]

Answer = tuple[http.client.HTTPResponse, bytes]


@pytest.fixture
def server() -> Iterator[StorageServer]:
    with StorageServer() as started:
        yield started


@pytest.fixture
def client(server: StorageServer, monkeypatch: pytest.MonkeyPatch) -> storage.Client:
    return connect(server, monkeypatch)


def connect(server: StorageServer, monkeypatch: pytest.MonkeyPatch) -> storage.Client:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.base_url)
    return storage.Client(project="p", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]


def send(
    server: StorageServer, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer, data


def test_upload_makes_the_bucket(client: storage.Client) -> None:
    """A bucket that was never created takes the first upload, and is listed afterwards."""
    client.bucket("tuning-data").blob("train.jsonl").upload_from_string("{}\n")
    assert [b.name for b in client.list_buckets()] == ["tuning-data"]
    blob = client.bucket("tuning-data").get_blob("train.jsonl")
    assert (blob.size, blob.download_as_bytes()) == (3, b"{}\n")


def test_create_bucket_then_upload(client: storage.Client) -> None:
    """The documented order works too, and creating twice is a conflict."""
    client.create_bucket("tuning-data").blob("x").upload_from_string("1")
    answer, body = send_create(client, "tuning-data")
    assert (answer.status, json.loads(body)["error"]["code"]) == (409, 409)


def send_create(client: storage.Client, name: str) -> Answer:
    host = client._connection.API_BASE_URL.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("POST", "/storage/v1/b?project=p", json.dumps({"name": name}))
    answer = connection.getresponse()
    return answer, answer.read()


@pytest.mark.parametrize("name", NAMES)
def test_names_survive(client: storage.Client, name: str) -> None:
    """Whatever Cloud Storage takes as a name is stored under that name and no other."""
    bucket = client.bucket("names")
    bucket.blob(name).upload_from_string(f"content of {name}")
    assert [b.name for b in client.list_blobs("names")] == [name]
    assert bucket.blob(name).download_as_text() == f"content of {name}"


def test_names_do_not_collide(client: storage.Client) -> None:
    """``a`` and ``a/b`` are two objects, as are ``a//b`` and ``a/b``; none leaves the directory."""
    bucket = client.bucket("names")
    for name in NAMES:
        bucket.blob(name).upload_from_string(name)
    assert {b.name: b.download_as_text() for b in client.list_blobs("names")} == {name: name for name in NAMES}


def test_list_by_prefix(client: storage.Client) -> None:
    """Prefix and delimiter list a folder."""
    for name in ("d/1.jsonl", "d/2.jsonl", "d/e/3.jsonl", "4.jsonl"):
        client.bucket("tuning-data").blob(name).upload_from_string("1")
    listed = client.list_blobs("tuning-data", prefix="d/", delimiter="/")
    assert [b.name for b in listed] == ["d/1.jsonl", "d/2.jsonl"]
    assert listed.prefixes == {"d/e/"}


def test_resumable_upload(client: storage.Client, tmp_path: Path) -> None:
    """More than 8 MiB goes up resumably in one request; the client compares crc32c on the way back."""
    data = random.Random(1).randbytes(9 << 20)
    (tmp_path / "big").write_bytes(data)
    client.bucket("tuning-data").blob("big").upload_from_filename(str(tmp_path / "big"), checksum="crc32c")
    blob = client.bucket("tuning-data").get_blob("big")
    assert blob.size == len(data)
    assert blob.download_as_bytes(checksum="crc32c") == data
    assert blob.download_as_bytes(start=5, end=9) == data[5:10]


def test_resumable_upload_in_chunks(client: storage.Client) -> None:
    """A stream of unknown length arrives chunk by chunk."""
    data = random.Random(2).randbytes(700_001)
    blob = client.bucket("tuning-data").blob("chunks")
    with blob.open("wb", chunk_size=256 * 1024) as stream:
        stream.write(data)
    assert client.bucket("tuning-data").blob("chunks").download_as_bytes() == data


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"\r\n", b"\r\n--", b"\x00\xff\r", b"--===\r\n", bytes(range(256)) * 3], ids=repr
)
def test_multipart_keeps_every_byte(client: storage.Client, data: bytes) -> None:
    """Line ends and boundary look-alikes in the content come back as they went up."""
    client.bucket("tuning-data").blob("x").upload_from_string(data, content_type="application/jsonl")
    blob = client.bucket("tuning-data").get_blob("x")
    assert (blob.download_as_bytes(), blob.content_type) == (data, "application/jsonl")


def test_multipart_of_other_clients(server: StorageServer) -> None:
    """Raw UTF-8 names, quoted boundaries and base64 parts, as other languages' clients send them."""
    body = (
        '--b=x\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{"name": "ação"}\r\n'
        "--b=x\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=\r\n--b=x--\r\n"
    ).encode()
    path = "/upload/storage/v1/b/bucket/o?uploadType=multipart"
    answer, _ = send(server, "POST", path, body, {"Content-Type": 'multipart/related; boundary="b=x"'})
    assert answer.status == 200
    assert send(server, "GET", "/storage/v1/b/bucket/o/a%C3%A7%C3%A3o?alt=media")[1] == b"hi"


def test_wrong_checksum_is_refused(server: StorageServer) -> None:
    """An object whose crc32c is not its content's is not stored."""
    body = b'--b\r\n\r\n{"name": "x", "crc32c": "AAAAAA=="}\r\n--b\r\n\r\nhi\r\n--b--'
    path = "/upload/storage/v1/b/bucket/o?uploadType=multipart"
    answer, text = send(server, "POST", path, body, {"Content-Type": "multipart/related; boundary=b"})
    assert answer.status == 400
    assert b"calculated CRC32C" in text
    assert send(server, "GET", "/storage/v1/b/bucket/o/x")[0].status == 404


def test_interrupted_upload_goes_on(server: StorageServer) -> None:
    """A status request tells what has arrived; the rest, overlapping, completes the object."""
    start = "/upload/storage/v1/b/bucket/o?uploadType=resumable&name=x"
    answer, _ = send(server, "POST", start, b"{}", {"Content-Type": "application/json"})
    session = (answer.getheader("Location") or "").removeprefix(server.base_url)
    data = random.Random(3).randbytes(QUANTUM_BYTES + 10)
    total = len(data)
    answer, _ = send(server, "PUT", session, b"", {"Content-Range": f"bytes */{total}"})
    assert (answer.status, answer.getheader("Range")) == (308, None)
    answer, _ = send(server, "PUT", session, data[:-5], {"Content-Range": f"bytes 0-{total - 6}/{total}"})
    assert (answer.status, answer.getheader("Range")) == (308, f"bytes=0-{QUANTUM_BYTES - 1}"), "multiples are kept"
    answer, _ = send(server, "PUT", session, data[99:], {"Content-Range": f"bytes 99-{total - 1}/{total}"})
    assert answer.status == 200
    assert send(server, "GET", "/download/storage/v1/b/bucket/o/x?alt=media")[1] == data


@pytest.mark.parametrize(
    ("header", "status", "wanted"),
    [
        ("bytes=2-3", 206, b"cd"),
        ("bytes=4-", 206, b"ef"),
        ("bytes=-2", 206, b"ef"),
        ("bytes=3-99", 206, b"def"),
        ("bytes=6-", 416, b""),
        ("lines=1-2", 200, b"abcdef"),
    ],
)
def test_ranges(server: StorageServer, header: str, status: int, wanted: bytes) -> None:
    """Ranged reads give those bytes, or say that there are none."""
    send(server, "POST", "/upload/storage/v1/b/bucket/o?uploadType=media&name=x", b"abcdef")
    answer, body = send(server, "GET", "/download/storage/v1/b/bucket/o/x?alt=media", headers={"Range": header})
    assert answer.status == status
    assert body == wanted or status == 416


def test_missing_object_and_bucket_say_which(client: storage.Client) -> None:
    """Both are 404; the message tells them apart, as Cloud Storage's does."""
    client.create_bucket("tuning-data")
    with pytest.raises(NotFound, match="No such object: tuning-data/x"):
        client.bucket("tuning-data").blob("x").reload()
    with pytest.raises(NotFound, match="bucket does not exist"):
        client.get_bucket("absent-bucket")


@pytest.mark.parametrize("name", ["UPPER", "a", "_resumable", ".meta", "-x-"])
def test_bad_bucket_names_are_refused(server: StorageServer, name: str) -> None:
    """A name that Cloud Storage refuses makes no bucket and touches none of our files."""
    for path in (f"/upload/storage/v1/b/{name}/o?uploadType={kind}&name=x" for kind in ("media", "resumable")):
        answer, text = send(server, "POST", path, b"{}")
        assert (answer.status, json.loads(text)["error"]["message"]) == (400, f"Invalid bucket name: '{name}'")
    assert json.loads(send(server, "GET", "/storage/v1/b")[1])["items"] == []


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 1025])
def test_bad_object_names_are_refused(server: StorageServer, name: str) -> None:
    """Names that Cloud Storage refuses are refused, not turned into files."""
    assert send(server, "POST", f"/upload/storage/v1/b/bucket/o?uploadType=media&name={name}", b"1")[0].status == 400


def test_delete_copy_and_compose(client: storage.Client) -> None:
    """What the library does by itself still works on our file names."""
    bucket = client.bucket("tuning-data")
    bucket.blob("a/b").upload_from_string("1")
    bucket.copy_blob(bucket.blob("a/b"), bucket, "copy")
    bucket.blob("both").compose([bucket.blob("a/b"), bucket.blob("copy")])
    bucket.blob("a/b").delete()
    assert {b.name: b.download_as_text() for b in bucket.list_blobs()} == {"copy": "1", "both": "11"}


def test_objects_outlive_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a directory, what was uploaded is there after a restart."""
    with StorageServer(directory=tmp_path / "storage") as server:
        connect(server, monkeypatch).bucket("tuning-data").blob("a/b").upload_from_string("1")
    with StorageServer(directory=tmp_path / "storage") as server:
        assert connect(server, monkeypatch).bucket("tuning-data").blob("a/b").download_as_text() == "1"


def test_temporary_directory_is_removed() -> None:
    """Without a directory nothing is left behind."""
    with StorageServer() as server:
        place = server.store.directory
        send(server, "POST", "/upload/storage/v1/b/bucket/o?uploadType=media&name=x", b"1")
        assert place.is_dir()
    assert not place.exists()


def test_clear_forgets_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After ``clear`` there is no bucket, uploads work as on a fresh server, and the files wait to be removed."""
    with StorageServer(directory=tmp_path / "buckets") as server:
        client = connect(server, monkeypatch)
        client.bucket("tuning-data").blob("a/b").upload_from_string("1")
        content = server.store.get_object("tuning-data", "a/b").content
        server.embedded.clear(tmp_path / "removed")
        assert list(client.list_buckets()) == []
        client.bucket("tuning-data").blob("c").upload_from_string("2")
        assert [b.name for b in client.list_blobs("tuning-data")] == ["c"]
    assert [path.name for path in (tmp_path / "removed").iterdir()] == [content]


def test_projects_do_not_see_each_others_buckets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in Cloud Storage, a bucket belongs to the project that it was created for; clearing one leaves the others."""
    with StorageServer(directory=tmp_path / "buckets") as server:
        client = connect(server, monkeypatch)
        for project in ("one", "two"):
            client.create_bucket(f"bucket-{project}", project=project).blob("x").upload_from_string(project)
        client.bucket("anybody").blob("x").upload_from_string("1")
        assert [b.name for b in client.list_buckets(project="one")] == ["anybody", "bucket-one"]
        assert str(client.get_bucket("bucket-one").project_number) == project_number("one")
        server.embedded.clear(tmp_path / "removed", project_number("one"))
        assert [b.name for b in client.list_buckets(project="one")] == ["anybody"]
        assert [b.name for b in client.list_buckets(project="two")] == ["anybody", "bucket-two"]
        assert client.bucket("bucket-two").blob("x").download_as_text() == "two"


def test_very_many_objects_are_forgotten_a_part_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them go, with their bytes, but not those that another project's object has as well."""
    with StorageServer(directory=tmp_path / "buckets") as server:
        client, store = connect(server, monkeypatch), server.store
        mine = client.create_bucket("mine", project="one")
        for name in ("shared", "own"):
            mine.blob(name).upload_from_string(name)
        own = store.get_object("mine", "own").content
        with store.database.transaction():
            for number in range(2 * AT_ONCE):
                store.copy(Source("mine", "own" if number % 2 else "shared"), "mine", f"copy-{number}")
        client.create_bucket("theirs", project="two")
        store.copy(Source("mine", "shared"), "theirs", "kept")
        server.embedded.clear(tmp_path / "removed", project_number("one"))
        assert [one.name for one in store.list_buckets()] == ["theirs"]
        assert client.bucket("theirs").blob("kept").download_as_text() == "shared"
        assert store.database.rows("SELECT bucket, name FROM objects") == [("theirs", "kept")]
    assert [path.name for path in (tmp_path / "removed").iterdir()] == [own]


def test_a_copy_by_links_is_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written, replaced or deleted afterwards does not change it, and a server opens it as its own."""
    with StorageServer(directory=tmp_path / "buckets") as server:
        client = connect(server, monkeypatch)
        bucket = client.create_bucket("tuning-data")
        for name in NAMES:
            bucket.blob(name).upload_from_string(name)
        bucket.blob("gone").upload_from_string("gone")
        bucket.blob("gone").delete()
        link_copy(server.store, tmp_path / "copy")
        for name in NAMES:
            bucket.blob(name).upload_from_string("new")
        bucket.blob("a").delete()
    with StorageServer(directory=tmp_path / "copy") as server:
        bucket = connect(server, monkeypatch).bucket("tuning-data")
        assert [blob.name for blob in bucket.list_blobs()] == sorted(NAMES)
        assert [bucket.blob(name).download_as_text() for name in NAMES] == NAMES
        assert [blob.name for blob in bucket.list_blobs(soft_deleted=True)] == ["gone"]


def test_nothing_is_printed(server: StorageServer, capfd: pytest.CaptureFixture[str]) -> None:
    """Requests, missing objects and broken connections leave the terminal alone."""
    send(server, "GET", "/storage/v1/b/absent/o/x?alt=media")
    send(server, "GET", "/")
    with socket.create_connection(("127.0.0.1", server.port)) as broken:
        broken.sendall(b"GET\r\n\r\n")
    send(server, "GET", "/storage/v1/b")
    assert capfd.readouterr() == ("", "")


def test_buckets_are_loaded_from_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--bucket NAME=DIRECTORY``: files below the directory are objects; a second start shows their new content."""
    source, kept = tmp_path / "source", tmp_path / "kept"
    (source / "d").mkdir(parents=True)
    for content in ("1", "22"):
        (source / "d" / "train.jsonl").write_text(content)
        with StorageServer(directory=kept, buckets={"tuning-data": source}) as server:
            blobs = connect(server, monkeypatch).list_blobs("tuning-data")
            assert [(b.name, b.download_as_text()) for b in blobs] == [("d/train.jsonl", content)]
    assert (source / "d" / "train.jsonl").read_text() == "22"


def test_start_refuses_what_it_cannot_use(tmp_path: Path) -> None:
    """A missing directory and damaged storage are errors at start."""
    with pytest.raises(NotADirectoryError, match="absent"), StorageServer(buckets={"data": tmp_path / "absent"}):
        pass
    (tmp_path / ".meta").write_text("{")
    with pytest.raises(DamagedStorageError, match=r"\.meta"), StorageServer(directory=tmp_path):
        pass
    (tmp_path / ".meta").unlink()
    (tmp_path / DATABASE_NAME).write_bytes(b"x" * 5000)
    with pytest.raises(DamagedStorageError, match="move the directory away"), StorageServer(directory=tmp_path):
        pass


def test_a_silent_client_holds_up_nobody(server: StorageServer) -> None:
    """A connection that sends nothing, and one that stops in its body, block no others."""
    with (
        socket.create_connection(("127.0.0.1", server.port)),
        socket.create_connection(("127.0.0.1", server.port)) as slow,
    ):
        slow.sendall(b"POST /storage/v1/b HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        assert send(server, "GET", "/storage/v1/b")[0].status == 200


def test_uploads_at_once(server: StorageServer) -> None:
    """Eight threads upload at once; every object arrives whole."""

    def upload(number: int) -> None:
        path = f"/upload/storage/v1/b/bucket/o?uploadType=media&name={number}"
        send(server, "POST", path, bytes([number]) * 100_000)

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(8):
        answer, body = send(server, "GET", f"/storage/v1/b/bucket/o/{number}?alt=media")
        assert (answer.status, body) == (200, bytes([number]) * 100_000)


def test_unknown_requests_get_an_error(server: StorageServer) -> None:
    """Anything else is an error in Cloud Storage's envelope, never a dropped connection."""
    for method, path in (("GET", "/nowhere"), ("PUT", "/storage/v1/b"), ("POST", "/upload/storage/v1/b/bucket/o")):
        answer, body = send(server, method, path, b"x")
        assert (answer.status, b"error" in body.lower()) in {(404, True), (400, True), (405, True)}
    answer, _ = send(server, "POST", "/storage/v1/b", b"{", {"Content-Type": "application/json"})
    assert answer.status == 400
