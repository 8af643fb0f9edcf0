"""A job's data: fetched, checked, written for the trainer, or refused with a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from tests.records import make_job
from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.records import TuningMethod
from tuning_emulator.datasets.check import check_dataset
from tuning_emulator.jobs.dataset import DatasetPreparation, count_reduced
from tuning_emulator.jobs.pacing import StoppedError
from tuning_emulator.media.reading import MediaReader
from tuning_emulator.storage.objects import HttpObjectStore
from tuning_emulator.testing.storage_server import StorageServer
from tuning_trainer.spec import Started, parse_example

URI = "gs://bucket/train.jsonl"


def line(text: str, output: str) -> str:
    """A line of a supervised dataset."""
    turns = [{"role": "user", "parts": [{"text": text}]}, {"role": "model", "parts": [{"text": output}]}]
    return json.dumps({"contents": turns})


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[StorageServer]:
    with StorageServer(directory=tmp_path / "buckets") as server:
        yield server


@pytest.fixture
def prepare(storage: StorageServer) -> DatasetPreparation:
    return DatasetPreparation(lambda: HttpObjectStore(storage.base_url), MediaReader())


def write(storage: StorageServer, text: str, uri: str = URI) -> None:
    """Uploads an object."""
    HttpObjectStore(storage.base_url).write(uri, text.encode())


def files(tmp_path: Path) -> tuple[Path, Path]:
    """Where the examples go."""
    return tmp_path / "examples.jsonl", tmp_path / "validation.jsonl"


def test_examples_and_validation_examples_are_written_for_the_trainer(
    storage: StorageServer, prepare: DatasetPreparation, tmp_path: Path
) -> None:
    """One line of the trainer's form for each example; the statistics are the training set's."""
    write(storage, "\n".join(line(str(n), str(n + 1)) for n in range(20)))
    write(storage, line("100", "101"), "gs://bucket/validation.jsonl")
    job = make_job(validation_uri="gs://bucket/validation.jsonl")
    prepared = prepare(job, "", *files(tmp_path), lambda: None)
    assert prepared.examples == 20
    assert prepared.statistics is not None
    assert prepared.statistics.examples == 20
    written = [[parse_example(one) for one in path.read_text().splitlines()] for path in files(tmp_path)]
    assert [turn.text for turn in written[0][3].turns] == ["3", "4"]
    assert [turn.text for turn in written[1][0].turns] == ["100", "101"]


def test_inline_examples_are_written_as_they_are(prepare: DatasetPreparation, tmp_path: Path) -> None:
    """Gemini's came with the request and were checked there."""
    prepared = prepare(make_job(), '{"turns": []}\n{"turns": []}', *files(tmp_path), lambda: None)
    assert (prepared.examples, prepared.statistics) == (2, None)


def test_a_bad_line_is_refused_with_its_row(
    storage: StorageServer, prepare: DatasetPreparation, tmp_path: Path
) -> None:
    """The service's words, counted from 0."""
    write(storage, "\n".join([line("1", "2"), '{"messages": 1}']))
    with pytest.raises(ApiError, match=r"Row: 1\. Missing required `contents` field") as refused:
        prepare(make_job(), "", *files(tmp_path), lambda: None)
    assert refused.value.code == 3


def test_a_missing_object_is_named(storage: StorageServer, prepare: DatasetPreparation, tmp_path: Path) -> None:
    """Removed between create and the job's turn."""
    with pytest.raises(ApiError, match=URI) as refused:
        prepare(make_job(), "", *files(tmp_path), lambda: None)
    assert refused.value.code == 3


def test_storage_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    """Not the user's data's fault."""
    prepare = DatasetPreparation(lambda: HttpObjectStore("http://127.0.0.1:1"), MediaReader())
    with pytest.raises(ApiError, match=r"127\.0\.0\.1:1") as refused:
        prepare(make_job(), "", *files(tmp_path), lambda: None)
    assert refused.value.code == 14


def test_a_stop_ends_the_reading_at_the_next_line(
    storage: StorageServer, prepare: DatasetPreparation, tmp_path: Path
) -> None:
    """A large file does not have to be read to its end."""
    write(storage, "\n".join(line(str(n), str(n + 1)) for n in range(50)))
    asked = iter([False] * 10 + [True] * 50)

    def keep_going() -> None:
        if next(asked):
            raise StoppedError

    with pytest.raises(StoppedError):
        prepare(make_job(), "", *files(tmp_path), keep_going)
    assert len(list(asked)) == 49


def test_preference_lines_keep_what_was_rejected(
    storage: StorageServer, prepare: DatasetPreparation, tmp_path: Path
) -> None:
    """DPO needs both answers."""
    completions = [
        {"score": score, "completion": {"role": "model", "parts": [{"text": text}]}}
        for score, text in ((1, "good"), (0, "bad"))
    ]
    write(storage, json.dumps({"contents": [{"role": "user", "parts": [{"text": "q"}]}], "completions": completions}))
    prepare(make_job(method=TuningMethod.PREFERENCE), "", *files(tmp_path), lambda: None)
    example = parse_example(files(tmp_path)[0].read_text())
    assert (example.turns[-1].text, example.rejected) == ("good", "bad")


def test_what_the_trainer_does_not_read_is_logged_and_fails_nothing(
    storage: StorageServer, prepare: DatasetPreparation, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A dataset of images alone, all in the web, is trained on, each a word; our statistics and the log say so."""
    image = {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/x.png"}}
    turns = [{"role": "user", "parts": [image]}, {"role": "model", "parts": [{"text": "cat"}]}]
    write(storage, f"{json.dumps({'contents': turns})}\n" * 3)
    prepared = prepare(make_job(), "", *files(tmp_path), lambda: None)
    assert prepared.examples == 3
    assert prepared.statistics is not None
    assert [one[1:] for one in prepared.statistics.reduced] == [(3, 1)]
    written = [parse_example(one) for one in files(tmp_path)[0].read_text().splitlines()]
    assert [turn.text for turn in written[2].turns] == ["[image]", "cat"]
    assert "reads 3 of the examples (the first is 1) in part. image: this emulator fetches nothing" in caplog.text


def test_examples_that_the_trainer_cut_are_counted_as_ours() -> None:
    """Numbered in the file, past what was dropped; told twice by a resumed job, counted once."""
    sample = check_dataset([line("1", "2").encode()])
    statistics = structs.replace(sample, examples=5, dropped_count=1, dropped=((2, "too long"),))
    started = Started(4, 4, "cpu", "float32", 1, cut=(1, 3), max_tokens=2048)
    counted = count_reduced(statistics, started)
    assert [one[1:] for one in counted.reduced] == [(2, 3)]
    assert "over 2,048 tokens" in counted.reduced[0][0]
    assert count_reduced(counted, started) == counted
    assert (counted.dropped_count, counted.dropped) == (1, ((2, "too long"),))
