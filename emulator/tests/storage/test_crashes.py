"""What leaves no trace: cut bodies, lies about lengths, parallel writers, processes that end in between."""

from __future__ import annotations

import hashlib
import os
import resource
import socket
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.storage.asking import UPLOAD, Asker, B, open_storage
from tuning_emulator.storage.contents import CONTENTS_NAME, Contents
from tuning_emulator.testing.storage_server import StorageServer


@pytest.mark.parametrize(
    ("verb", "target", "headers", "body"),
    [
        ("POST", f"{UPLOAD}?uploadType=media&name=x", {}, b"new"),
        ("PUT", "/my-bucket/x", {}, b"new"),
        (
            "POST",
            f"{UPLOAD}?uploadType=multipart&name=x",
            {"Content-Type": "multipart/related; boundary=b"},
            b"--b\r\n\r\n{}\r\n--b\r\n\r\nnew",
        ),
        ("PATCH", f"{B}/o/x", {}, b'{"metadata": '),
        ("POST", f"{B}/o/x/compose", {}, b'{"sourceObjects": [{"name": "x"}'),
    ],
)
def test_a_body_that_is_cut_leaves_no_trace(
    ask: Asker, verb: str, target: str, headers: dict[str, str], body: bytes
) -> None:
    """The object is as it was; there is no file but its own."""
    made = ask.upload("x", "old").json
    assert ask(verb, target, body, {**headers, "Content-Length": "99"}, cut=True).status == 0
    assert ask.get("x").json == made
    assert len(ask.embedded.store.contents.sizes()) == 1
    assert ask.exchanges[-2].broken == "client"


def test_lies_about_lengths(tmp_path: Path) -> None:
    """Over a socket: more announced than sent, a wrong chunk, a header that is no number."""
    with StorageServer(tmp_path / "buckets", {"my-bucket": None}) as server:
        for head, body in (
            (b"Content-Length: 100", b"short"),
            (b"Transfer-Encoding: chunked", b"5\r\nhel"),
            (b"Transfer-Encoding: chunked", b"zz\r\nhello\r\n"),
            (b"Content-Length: many", b"hello"),
            (b"Content-Length: -1", b"hello"),
        ):
            with socket.create_connection(("127.0.0.1", server.port)) as line:
                line.sendall(
                    b"POST /upload/storage/v1/b/my-bucket/o?uploadType=media&name=x HTTP/1.1\r\nHost: x\r\n"
                    + head
                    + b"\r\n\r\n"
                    + body
                )
                line.shutdown(socket.SHUT_WR)
                assert b" 200 " not in line.recv(4096)
        assert server.store.find_object("my-bucket", "x") is None
        assert server.store.contents.sizes() == {}


def test_a_slow_body_holds_up_nobody(tmp_path: Path) -> None:
    """Others write the same object meanwhile; the slow one comes last."""
    with StorageServer(tmp_path / "buckets", {"my-bucket": None}) as server:
        target = "/upload/storage/v1/b/my-bucket/o?uploadType=media&name=x"
        with socket.create_connection(("127.0.0.1", server.port)) as slow:
            slow.sendall(f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nsl".encode())
            urllib.request.urlopen(urllib.request.Request(server.base_url + target, b"quick", method="POST")).close()
            assert server.store.get_object("my-bucket", "x").size_bytes == 5
            slow.sendall(b"ow")
            assert b" 200 " in slow.recv(4096)
        assert server.store.get_object("my-bucket", "x").size_bytes == 4


@pytest.mark.slow
def test_parallel_writers_and_readers_see_whole_objects(tmp_path: Path) -> None:
    """Every read is one of the writers' objects, with the hash that its headers tell."""
    with StorageServer(tmp_path / "buckets", {"my-bucket": None}) as server:
        data = [bytes([number]) * 300_000 for number in range(4)]
        upload = f"{server.base_url}/upload/storage/v1/b/my-bucket/o?uploadType=media&name=x"
        urllib.request.urlopen(urllib.request.Request(upload, data[0], method="POST")).close()
        over = threading.Event()

        def read() -> set[str]:
            seen = set()
            while not over.is_set():
                with urllib.request.urlopen(f"{server.base_url}/my-bucket/x") as answer:
                    seen.add(hashlib.md5(answer.read()).hexdigest())
                    assert answer.headers["etag"].strip('"') in seen
            return seen

        def write(one: bytes) -> None:
            for _ in range(15):
                urllib.request.urlopen(urllib.request.Request(upload, one, method="POST")).close()

        with ThreadPoolExecutor(6) as pool:
            readers = [pool.submit(read) for _ in range(2)]
            for done in [pool.submit(write, one) for one in data]:
                done.result()
            over.set()
            seen = set().union(*(one.result() for one in readers))
        assert seen <= {hashlib.md5(one).hexdigest() for one in data}


def test_orphans_are_swept_at_the_start(tmp_path: Path) -> None:
    """Files that no record names are removed; the others stay."""
    with open_storage(tmp_path / "buckets", durable=True) as ask:
        ask.bucket()
        ask.upload("x", "kept")
        spool = Contents(tmp_path / "buckets" / CONTENTS_NAME).create()
        spool.write(b"half an upload")
        spool.pause()
        assert len(ask.embedded.store.contents.sizes()) == 2
    with open_storage(tmp_path / "buckets", durable=True) as ask:
        assert len(ask.embedded.store.contents.sizes()) == 1
        assert ask.read("x") == b"kept"


def test_a_deleted_object_is_read_to_its_end(ask: Asker) -> None:
    """Who has opened it keeps it."""
    ask("PATCH", B, {"softDeletePolicy": {"retentionDurationSeconds": 0}})
    ask.upload("x", "hello")
    _, stream = ask.embedded.store.open_object("my-bucket", "x")
    ask("DELETE", f"{B}/o/x")
    assert ask.embedded.store.contents.sizes() == {}
    with stream:
        assert stream.read() == b"hello"


@pytest.mark.slow
def test_large_objects_stream_in_constant_memory(tmp_path: Path) -> None:
    """128 MiB in and out take no more than a few blocks."""
    size = 128 << 20
    with StorageServer(tmp_path / "buckets", {"my-bucket": None}) as server:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        block = os.urandom(1 << 20)
        with socket.create_connection(("127.0.0.1", server.port)) as line:
            head = f"PUT /my-bucket/x HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
            line.sendall(head.encode())
            for _ in range(size >> 20):
                line.sendall(block)
            assert b" 200 " in line.recv(4096)
        read = 0
        with urllib.request.urlopen(f"{server.base_url}/my-bucket/x") as answer:
            while piece := answer.read(1 << 20):
                read += len(piece)
        assert read == size
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 48 << 10


def test_a_full_disk_is_said_and_changes_nothing(ask: Asker, caplog: pytest.LogCaptureFixture) -> None:
    """503, which clients repeat, whether or not SQLite has ended the transaction by itself."""
    made = ask.upload("x", "old").json
    connection = ask.embedded.store.database._connection
    connection.execute(f"PRAGMA max_page_count={connection.execute('PRAGMA page_count').fetchone()[0]}")
    for target in (f"{UPLOAD}?uploadType=resumable&name=y", f"{B}/o/x/compose"):
        body = {
            "metadata": {"a": "x" * 8000},
            "sourceObjects": [{"name": "x"}],
            "destination": {"metadata": {"a": "x" * 8000}},
        }
        answer = ask("POST", target, body)
        assert (answer.status, answer.reason) == (503, "backendError"), answer
        assert "disk is full" in answer.text
    assert not [record for record in caplog.records if record.exc_info], caplog.text
    connection.execute("PRAGMA max_page_count=1000000")
    assert ask.get("x").json == made
    assert ask.upload("x", "new").status == 200


def test_what_broke_a_transaction_is_what_is_told(ask: Asker) -> None:
    """SQLite ends one by itself where a disk is full: then there is nothing to roll back, and that is no error."""
    database = ask.embedded.store.database

    def break_off() -> None:
        with database.transaction():
            database.execute("ROLLBACK")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
