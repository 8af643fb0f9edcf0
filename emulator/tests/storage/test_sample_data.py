"""The stand-in for Google's sample data: there when asked for, to be read by everybody, changed by nobody."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.asking import Asker, open_storage
from tuning_emulator.core.clock import ManualClock
from tuning_emulator.datasets.check import check_first_line
from tuning_emulator.datasets.lines import DatasetError
from tuning_emulator.storage.copies import link_copy
from tuning_emulator.storage.embedded import EmbeddedStorage
from tuning_emulator.storage.sample_data import GENERATIVE, GREY_JPEG, SAMPLE_BUCKET, list_samples

TRAIN = f"{GENERATIVE}/gemini/text/sft_train_data.jsonl"
QUOTED = TRAIN.replace("/", "%2F")
B = f"/storage/v1/b/{SAMPLE_BUCKET}"


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Asker]:
    with open_storage(tmp_path / "buckets") as asker:
        yield asker


def test_it_is_read_by_every_api(ask: Asker) -> None:
    """JSON, XML and as jobs see it: the same bytes, listed by prefix, with a checksum."""
    resource = ask("GET", f"{B}/o/{QUOTED}").json
    media = ask("GET", f"{B}/o/{QUOTED}?alt=media").body
    assert int(resource["size"]) == len(media)
    assert ask("GET", f"/{SAMPLE_BUCKET}/{TRAIN}").body == media
    assert b"\n".join(ask.embedded.objects.lines(f"gs://{SAMPLE_BUCKET}/{TRAIN}")) + b"\n" == media
    listed = ask("GET", f"{B}/o?prefix={GENERATIVE}/gemini-2_0/text/").json["items"]
    assert [one["name"].rpartition("/")[2] for one in listed] == ["sft_train_data.jsonl", "sft_validation_data.jsonl"]
    image = ask("GET", f"/{SAMPLE_BUCKET}/{GENERATIVE}/gemini-2_0/image/longcap100/1.jpeg")
    assert (image.body, image.headers["content-type"]) == (GREY_JPEG, "image/jpeg")


def test_rows_are_in_the_published_forms() -> None:
    """Today's files pass the service's check of the first row; those of Gemini 1.0 and PaLM get its complaint."""
    for name, data, _ in list_samples():
        if name.endswith(".jpeg"):
            continue
        rows = [json.loads(line) for line in data.splitlines()]
        assert len(rows) >= 3, name
        old = set(rows[0]) & {"messages", "input_text"}
        if not old:
            check_first_line(iter(data.splitlines()), "contents")
            continue
        with pytest.raises(DatasetError, match="contents"):
            check_first_line(iter(data.splitlines()), "contents")


def test_it_is_in_no_list(ask: Asker) -> None:
    """Neither of a project's buckets nor of all."""
    assert ask("GET", B).status == 200
    for query in ("", "?project=my-project"):
        assert ask("GET", f"/storage/v1/b{query}").json.get("items", []) == []


@pytest.mark.parametrize(
    ("verb", "target", "body"),
    [
        ("POST", f"/upload{B}/o?uploadType=media&name=mine", b"x"),
        ("POST", f"/upload{B}/o?uploadType=resumable&name=mine", b""),
        ("PUT", f"/{SAMPLE_BUCKET}/mine", b"x"),
        ("DELETE", f"{B}/o/{QUOTED}", b""),
        ("PATCH", f"{B}/o/{QUOTED}", b"{}"),
        ("POST", f"{B}/o/{QUOTED}/copyTo/b/{SAMPLE_BUCKET}/o/mine", b""),
        ("POST", f"{B}/o/{QUOTED}/moveTo/o/mine", b""),
        ("POST", f"{B}/o/mine/compose", json.dumps({"sourceObjects": [{"name": TRAIN}]}).encode()),
        ("PATCH", B, b"{}"),
        ("DELETE", B, b""),
    ],
)
def test_nobody_changes_it(ask: Asker, verb: str, target: str, body: bytes) -> None:
    """Whatever would write is 403, and everything stays as it was."""
    before = ask("GET", f"{B}/o").json
    answer = ask(verb, target, body)
    assert answer.status == 403, answer.text
    assert ask("GET", f"{B}/o").json == before


def test_it_can_be_copied_from(ask: Asker) -> None:
    """Into a bucket of one's own, as samples do with gsutil."""
    ask.bucket()
    assert ask("POST", f"{B}/o/{QUOTED}/rewriteTo/b/my-bucket/o/train.jsonl").status == 200
    assert ask("GET", "/my-bucket/train.jsonl").body == ask("GET", f"/{SAMPLE_BUCKET}/{TRAIN}").body


def test_a_bucket_of_ones_own_wins(ask: Asker, tmp_path: Path) -> None:
    """One that is made, before or after the stand-in was asked for, is an ordinary bucket in its place."""
    assert ask("GET", B).status == 200
    assert ask("POST", "/storage/v1/b?project=my-project", {"name": SAMPLE_BUCKET}).status == 200
    assert "items" not in ask("GET", f"{B}/o").json
    assert ask("POST", f"/upload{B}/o?uploadType=media&name=mine", b"x").status == 200
    assert ask("POST", "/storage/v1/b?project=my-project", {"name": SAMPLE_BUCKET}).status == 409
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "mine.jsonl").write_bytes(b"{}\n")
    embedded = EmbeddedStorage(tmp_path / "other", ManualClock(0).now_ns, {SAMPLE_BUCKET: folder})
    embedded.fill()
    assert list(embedded.objects.lines(f"gs://{SAMPLE_BUCKET}/mine.jsonl")) == [b"{}"]
    assert embedded.objects.stat(f"gs://{SAMPLE_BUCKET}/{TRAIN}") is None
    embedded.close()


def test_uploads_that_make_buckets_make_this_one_too(tmp_path: Path) -> None:
    """With ``--auto-create-buckets`` an upload puts a bucket of one's own in the stand-in's place."""
    embedded = EmbeddedStorage(tmp_path / "buckets", ManualClock(0).now_ns, auto_create=True)
    assert embedded.objects.stat(f"gs://{SAMPLE_BUCKET}/{TRAIN}") is not None
    embedded.objects.write(f"gs://{SAMPLE_BUCKET}/mine", b"x\n")
    assert list(embedded.objects.lines(f"gs://{SAMPLE_BUCKET}/mine")) == [b"x"]
    assert embedded.objects.stat(f"gs://{SAMPLE_BUCKET}/{TRAIN}") is None
    embedded.close()


def test_it_is_announced_once_and_says_what_it_lacks(ask: Asker, caplog: pytest.LogCaptureFixture) -> None:
    """The first use is a warning; a file that it has not is 404 with a hint in the journal."""
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            ask("GET", B)
    (said,) = [line for line in caplog.messages if "stand-in" in line]
    assert "--bucket cloud-samples-data=DIRECTORY" in said
    assert ask("GET", f"{B}/o/generative-ai%2Fimage%2Fscones.jpg").status == 404
    assert "data sets for tuning alone" in ask.exchanges[-1].notes[0]


def test_copies_leave_it_out(tmp_path: Path) -> None:
    """A state archive holds what is a user's; the next start lays the stand-in out anew."""
    clock = ManualClock(0)
    embedded = EmbeddedStorage(tmp_path / "kept", clock.now_ns, durable=True)
    assert embedded.has_bucket(SAMPLE_BUCKET)
    link_copy(embedded.store, tmp_path / "copy")
    embedded.close()
    copied = EmbeddedStorage(tmp_path / "copy", clock.now_ns)
    assert copied.store.database.rows("SELECT * FROM objects") == []
    assert copied.store.contents.sizes() == {}
    copied.close()
    again = EmbeddedStorage(tmp_path / "kept", clock.now_ns, durable=True)
    assert again.store.database.rows("SELECT * FROM buckets") == []
    assert again.objects.stat(f"gs://{SAMPLE_BUCKET}/{TRAIN}") is not None
    again.close()


def test_two_ask_for_it_at_once(tmp_path: Path) -> None:
    """It is laid out once."""
    embedded = EmbeddedStorage(tmp_path / "buckets", ManualClock(0).now_ns)

    async def ask_twice() -> list[bool]:
        return await asyncio.gather(*(asyncio.to_thread(embedded.has_bucket, SAMPLE_BUCKET) for _ in range(4)))

    assert all(asyncio.run(ask_twice()))
    assert embedded.store.database.rows("SELECT count(*) FROM buckets") == [(1,)]
    embedded.close()
