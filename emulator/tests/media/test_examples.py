"""Files in training data: what the trainer reads of them, what they are counted as, and what is left out for them."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from tests.media.conftest import BUCKET, RED, RED_SQUARE
from tests.media.files import make_film, make_pdf, make_tone
from tests.media.test_prompts import inline, stored
from tests.vertex.serving import Serving
from tuning_emulator.datasets.check import ReadExample
from tuning_emulator.facts.media import TUNING_MEDIA, MediaKind
from tuning_emulator.media.examples import ExampleReader
from tuning_emulator.media.medium import Medium
from tuning_emulator.media.parts import PromptReader
from tuning_emulator.media.reading import MediaReader
from tuning_emulator.storage.objects import HttpObjectStore, StorageUnavailableError
from tuning_trainer.spec import parse_example

pytestmark = pytest.mark.process
LIMITS = TUNING_MEDIA.value


def line(*parts: dict[str, Any], answer: str = "yes", **more: Any) -> dict[str, Any]:
    """A line of a data set."""
    turns = [{"role": "user", "parts": list(parts)}, {"role": "model", "parts": [{"text": answer}]}]
    return {"contents": turns, **more}


@pytest.fixture(scope="module")
def reader() -> Any:
    """One process for all of the module."""
    one = MediaReader()
    yield one
    one.close()


@pytest.fixture
def read(storage_url: str, reader: MediaReader) -> ExampleReader:
    """Reads examples for gemini-2.5-flash."""
    return ExampleReader(PromptReader(reader, lambda: HttpObjectStore(storage_url)), "gemini-2.5-flash")


async def test_a_job_learns_from_files(vertex: Serving) -> None:
    """Words for the trainer; tokens as documented in the statistics; the samples name the files, without bytes."""
    lines = [
        line(stored("red.png"), {"text": "colour?"}, answer="red"),
        line(inline(RED_SQUARE), {"text": "colour?"}, answer="red"),
        line(stored("letter.pdf"), {"text": "who?"}, answer="Bert"),
        line(stored("notes.txt"), {"text": "what?"}, answer="milk"),
        line({"text": "1"}, answer="2"),
    ]
    uri = f"gs://{BUCKET}/mixed.jsonl"
    vertex.objects.write(uri, "\n".join(map(json.dumps, lines)).encode())
    spec = {"trainingDatasetUri": uri, "validationDatasetUri": uri, "hyperParameters": {"epochCount": 1}}
    job = await vertex.tune(spec=spec)
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    statistics = job["tuningDataStats"]["supervisedTuningDataStats"]
    assert statistics["tuningDatasetExampleCount"] == "5"
    counts = statistics["userInputTokenDistribution"]
    assert (counts["min"], counts["max"]) == (1, 2 * 258 + 2)
    assert int(statistics["totalBillableTokenCount"]) > 258 * 4
    shown = json.dumps(statistics["userDatasetExamples"])
    assert "red.png" in shown
    assert len(shown) < 1000
    stored_job = vertex.find(job["name"])
    path = vertex.app.directory / "jobs" / f"vertex-{stored_job.uid}" / "examples.jsonl"
    read_by_trainer = [parse_example(one).turns[0].text for one in path.read_text().splitlines()]
    assert read_by_trainer == [
        f"{RED}\ncolour?",
        f"{RED}\ncolour?",
        "Dear Anna\nYours, Bert\nwho?",
        "buy milk\nwhat?",
        "1",
    ]


async def test_examples_with_bad_files_are_left_out(vertex: Serving) -> None:
    """The job goes on with the others (documented), and says which and why."""
    lines = [line(stored("broken.png")), line({"text": "1"}, answer="2"), line(stored("none", "image/png"))]
    uri = f"gs://{BUCKET}/bad.jsonl"
    vertex.objects.write(uri, "\n".join(map(json.dumps, lines)).encode())
    job = await vertex.tune(spec={"trainingDatasetUri": uri, "hyperParameters": {"epochCount": 1}})
    statistics = job["tuningDataStats"]["supervisedTuningDataStats"]
    assert statistics["totalTruncatedExampleCount"] == "2"
    assert statistics["truncatedExampleIndices"] == ["1", "3"]
    assert statistics["droppedExampleReasons"] == ["Invalid image", f"File cannot be read: gs://{BUCKET}/none"]


async def test_models_that_take_no_files_refuse_the_data(vertex: Serving) -> None:
    """With the recorded text, as before."""
    uri = f"gs://{BUCKET}/images.jsonl"
    vertex.objects.write(uri, json.dumps(line(stored("red.png"))).encode())
    spec = {"trainingDatasetUri": uri}
    job = await vertex.tune(baseModel="gemini-1.5-flash-002", spec=spec)
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    film = f"gs://{BUCKET}/films.jsonl"
    vertex.objects.write(film, json.dumps(line(stored("film.mp4"))).encode())
    job = await vertex.tune(baseModel="gemini-1.5-flash-002", spec={"trainingDatasetUri": film})
    assert "contains an unsupported modality [video]" in job["error"]["message"]


async def test_a_job_that_is_cancelled_reads_no_more_files(vertex: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stops at the next line, and its file is the last one that was asked for."""
    reader, asked, cancelled = vertex.app.media_reader, threading.Event(), threading.Event()
    reads: list[str] = []
    read = reader.read

    def wait(kind: MediaKind, mime_type: str, data: bytes) -> Medium:
        reads.append(kind)
        asked.set()
        cancelled.wait(20)
        return read(kind, mime_type, data)

    monkeypatch.setattr(reader, "read", wait)
    uri = f"gs://{BUCKET}/many.jsonl"
    vertex.objects.write(uri, "\n".join([json.dumps(line(inline(RED_SQUARE)))] * 50).encode())
    job = await vertex.create(spec={"trainingDatasetUri": uri})
    assert await asyncio.to_thread(asked.wait, 20)
    await vertex.post(f"{job['name']}:cancel")
    cancelled.set()
    await vertex.finish(job["name"])
    assert (await vertex.get(job["name"]))["state"] == "JOB_STATE_CANCELLED"
    assert len(reads) == 1


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (line(inline(b"x", "image/gif")), "Unsupported MIME type: image/gif"),
        (line(inline(b"no image")), "Invalid image"),
        (line(inline(b"no sound", "audio/wav")), "Invalid audio"),
        (line({"inlineData": {"mimeType": "image/png", "data": "§"}}), "Invalid image"),
        (line(*[inline(RED_SQUARE)] * 31), "Too many image files [files: 31|limit: 30]"),
        (line(*[stored("letter.pdf")] * 5), "Too many document files [files: 5|limit: 4]"),
        (
            line(*[inline(make_pdf(*["x"] * 151), "application/pdf")] * 2),
            "Length limit exceeded for 'document' [pages: 302|limit: 300]",
        ),
        (
            line(inline(bytes((20 << 20) + 1))),
            "File size limit exceeded for 'image' [bytes: 20971521|limit: 20971520]",
        ),
        (line({"fileData": {"mimeType": "image/png", "fileUri": "files/x"}}), "File cannot be read: files/x"),
    ],
)
def test_why_an_example_is_left_out(read: ExampleReader, values: dict[str, Any], reason: str) -> None:
    """One sample a rule; the file stays as it is."""
    assert read(values).dropped == reason


def test_long_sounds_and_videos(read: ExampleReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A video may be longer at the low resolution, and a clip of a long one is short."""
    sound = line(inline(make_tone(1, 0, 3601, rate_hz=100), "audio/wav"))
    assert read(sound).dropped == "Length limit exceeded for 'audio' [seconds: 3601|limit: 3600]"
    film = inline(make_film((0, 0, 0), LIMITS.video_s + 2, (16, 16)), "video/mp4")
    found = read(line(film))
    assert (found.dropped, found.long_video) == ("Length limit exceeded for 'video' [seconds: 302|limit: 300]", True)
    assert read(line(film, generationConfig={"mediaResolution": "MEDIA_RESOLUTION_LOW"})).tokens == 302 * 66
    clip = {**film, "videoMetadata": {"startOffset": "1s", "endOffset": "2.5s"}}
    assert read(line(clip)).tokens == 395


def test_both_spellings_and_one_part_without_a_list(read: ExampleReader) -> None:
    """As the service takes them."""
    part = {"file_data": {"mime_type": "image/png", "file_uri": f"gs://{BUCKET}/red.png"}}
    values = {"contents": [{"role": "user", "parts": part}, {"role": "model", "parts": [{"text": "red"}]}]}
    found = read(values)
    assert (found.values["contents"][0]["parts"], found.tokens) == ([{"text": RED}], 258)


def test_what_is_in_the_web_is_a_word(read: ExampleReader) -> None:
    """And told of."""
    found = read(line({"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/x.png"}}))
    assert found.values["contents"][0]["parts"] == [{"text": "[image]"}]
    assert found.reduced == ("image: this emulator fetches nothing from the Internet; gs:// and inlineData are read",)


def test_storage_that_does_not_answer_fails_the_job() -> None:
    """No example is left out for it."""

    def open_objects() -> HttpObjectStore:
        raise StorageUnavailableError("nothing listens")

    read = ExampleReader(PromptReader(MediaReader(), open_objects), "gemini-2.5-flash")
    with pytest.raises(Exception, match="Cloud Storage cannot be read: nothing listens"):
        read(line(stored("red.png")))


def test_a_file_whose_reader_gives_up_is_a_word(storage_url: str) -> None:
    """The service might take it: no example is lost for the emulator's sake."""
    reader = MediaReader(timeout_s=0.0)
    read = ExampleReader(PromptReader(reader, lambda: HttpObjectStore(storage_url)), "gemini-2.5-flash")
    found: ReadExample = read(line(inline(RED_SQUARE)))
    reader.close()
    assert found.values["contents"][0]["parts"] == [{"text": "[image]"}]
    assert "cannot be read here, good or not" in found.reduced[0]
