"""Reading gs:// objects: addresses, lines, and the three ways in which an object can be out of reach."""

from __future__ import annotations

import builtins
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from hypothesis import given
from hypothesis import strategies as st

from tuning_emulator.storage import objects
from tuning_emulator.storage.cloud import CloudObjectStore
from tuning_emulator.storage.objects import (
    BucketNotFoundError,
    HttpObjectStore,
    InvalidUriError,
    LineTooLongError,
    ObjectForbiddenError,
    ObjectNotFoundError,
    ObjectStore,
    StorageUnavailableError,
    format_uri,
    parse_uri,
    split_lines,
)
from tuning_emulator.testing.storage_server import StorageServer


@pytest.fixture(scope="module")
def server() -> Iterator[StorageServer]:
    with StorageServer() as started:
        yield started


@pytest.fixture(params=["http", "cloud"])
def store(request: pytest.FixtureRequest, server: StorageServer, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    if request.param == "http":
        return HttpObjectStore(server.base_url)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.base_url)
    return CloudObjectStore(storage.Client(project="p", credentials=AnonymousCredentials()))  # type: ignore[no-untyped-call]


@pytest.fixture
def answers(request: pytest.FixtureRequest) -> Iterator[Callable[[bytes], HttpObjectStore]]:
    """A server that gives every connection the same bytes and closes it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(answer: bytes) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    def start(answer: bytes) -> HttpObjectStore:
        threading.Thread(target=serve, args=(answer,), daemon=True).start()
        return HttpObjectStore(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_s=5)

    yield start
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.mark.parametrize(
    ("uri", "wanted"),
    [
        ("gs://b/x.jsonl", ("b", "x.jsonl")),
        ("gs://b/d/ação x?.jsonl", ("b", "d/ação x?.jsonl")),
        ("gs://b//x", ("b", "/x")),
    ],
)
def test_parse_uri(uri: str, wanted: tuple[str, str]) -> None:
    """Everything after the bucket is the name, and both directions agree."""
    assert parse_uri(uri) == wanted
    assert format_uri(*wanted) == uri


@pytest.mark.parametrize(
    "uri", ["", "x.jsonl", "/tmp/x", "http://b/x", "gs:/b/x", "gs://", "gs:///x", "gs://b", "gs://b/"]
)
def test_parse_uri_refuses(uri: str) -> None:
    """What is no object address is refused, with the value and the form wanted."""
    with pytest.raises(InvalidUriError, match=r"expected gs://bucket/object") as caught:
        parse_uri(uri)
    assert repr(uri) in str(caught.value)


@given(st.lists(st.binary(max_size=8)), st.integers(1, 9))
def test_split_lines_ignores_block_borders(parts: list[bytes], size: int) -> None:
    """However a text is cut into blocks, its lines are those of the whole."""
    text = b"\n".join(parts)
    wanted = text.split(b"\n")
    if wanted[-1] == b"":
        wanted.pop()
    blocks = [text[at : at + size] for at in range(0, len(text), size)]
    assert list(split_lines(blocks)) == [
        line.removesuffix(b"\r") if n < text.count(b"\n") else line for n, line in enumerate(wanted)
    ]


def test_split_lines_refuses_endless_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without line ends does not fill the memory."""
    monkeypatch.setattr(objects, "LINE_LIMIT_BYTES", 10)
    assert list(split_lines([b"x" * 10, b"\n"])) == [b"x" * 10]
    with pytest.raises(LineTooLongError, match="10 bytes"):
        list(split_lines(b"x" * 5 for _ in range(1000)))


def test_write_stat_and_read(store: ObjectStore) -> None:
    """What is written is found, and comes back line by line, whatever its name."""
    uri = "gs://bucket/dir/ação ?#%.jsonl"
    store.write(uri, "1\ndois é\n\n4".encode())
    info = store.stat(uri)
    assert info is not None
    assert (info.bucket, info.name, info.size_bytes) == ("bucket", "dir/ação ?#%.jsonl", 12)
    assert info.generation > 0
    assert list(store.lines(uri)) == [b"1", "dois é".encode(), b"", b"4"]


def test_big_object_streams(store: ObjectStore) -> None:
    """Several blocks come back complete and in order."""
    lines = [str(number).encode() * 20 for number in range(50_000)]
    store.write("gs://bucket/big", b"\n".join(lines))
    assert list(store.lines("gs://bucket/big")) == lines


def test_missing_object_and_bucket_are_told_apart(store: ObjectStore) -> None:
    """``stat`` says None to both; ``lines`` says which, before the first line is asked for."""
    store.write("gs://bucket/there", b"")
    assert store.stat("gs://bucket/absent") is None
    assert store.stat("gs://no-such-bucket/x") is None
    with pytest.raises(ObjectNotFoundError, match="gs://bucket/absent: no such object") as caught:
        store.lines("gs://bucket/absent")
    assert not isinstance(caught.value, BucketNotFoundError)
    with pytest.raises(BucketNotFoundError, match="gs://no-such-bucket does not exist"):
        store.lines("gs://no-such-bucket/x")
    assert list(store.lines("gs://bucket/there")) == []


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("many/*.jsonl", ["many/a.jsonl", "many/b.jsonl"]),
        ("many/**", ["many/a.jsonl", "many/b.jsonl", "many/deep/c.jsonl", "many/x.txt"]),
        ("many/**/c*", ["many/deep/c.jsonl"]),
        ("many/a.jsonl", ["many/a.jsonl"]),
        ("none/*", []),
    ],
)
def test_wildcards_mean_objects(store: ObjectStore, pattern: str, found: list[str]) -> None:
    """Sorted; one star stays within a folder."""
    for name in ("b.jsonl", "deep/c.jsonl", "a.jsonl", "x.txt"):
        store.write(f"gs://starry/many/{name}", b"1")
    wanted = [f"gs://starry/{name}" for name in found]
    assert store.match(f"gs://starry/{pattern}") == wanted
    assert store.match(f"gs://no-such-bucket/{pattern}") == []


@pytest.mark.slow
def test_many_objects_are_matched_over_pages(store: ObjectStore) -> None:
    """More than one page of a listing."""
    for number in range(1005):
        store.write(f"gs://crowded/{number:04}", b"")
    assert len(store.match("gs://crowded/*")) == 1005


def test_nothing_listens() -> None:
    """A storage that is not running is not a missing object."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    store = HttpObjectStore(f"127.0.0.1:{port}")
    for ask in (store.stat, store.lines, lambda uri: store.write(uri, b"")):
        with pytest.raises(StorageUnavailableError, match=f"http://127.0.0.1:{port}"):
            ask("gs://bucket/x")


@pytest.mark.parametrize(
    ("status", "wanted"), [(403, ObjectForbiddenError), (401, ObjectForbiddenError), (503, StorageUnavailableError)]
)
def test_refusals_carry_the_text(
    answers: Callable[[bytes], HttpObjectStore], status: int, wanted: type[Exception]
) -> None:
    """Denied and failing storage are told apart, in the storage's own words."""
    store = answers(b'HTTP/1.1 %d X\r\nConnection: close\r\n\r\n{"error": {"message": "not today"}}' % status)
    for ask in (store.stat, store.lines):
        with pytest.raises(wanted, match="not today"):
            ask("gs://bucket/x")


def test_broken_download_is_an_error(answers: Callable[[bytes], HttpObjectStore]) -> None:
    """A body shorter than announced never passes for the whole dataset."""
    store = answers(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n1\n2\n")
    with pytest.raises(StorageUnavailableError, match="4 of 10 bytes"):
        list(store.lines("gs://bucket/x"))


def test_base_url_is_checked() -> None:
    """The address of the emulator is refused when it cannot be one."""
    for address in ("", "ftp://host", "http://"):
        with pytest.raises(InvalidUriError, match="expected http://host:port"):
            HttpObjectStore(address)


def test_cloud_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without google-cloud-storage the error names the extra to install."""
    real = builtins.__import__

    def refuse(name: str, *args: Any) -> Any:
        if name.startswith("google"):
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(StorageUnavailableError, match=r"tuning-emulator\[gcs\]"):
        CloudObjectStore()


def test_cloud_needs_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials that cannot be read are storage out of reach, not a crash."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    with pytest.raises(StorageUnavailableError, match="no credentials for Cloud Storage"):
        CloudObjectStore()
