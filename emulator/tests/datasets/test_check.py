"""A whole dataset: statistics, the trainer's copy, dropped examples, and one sample for every rule of a file."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tuning_emulator.core.errors import Code
from tuning_emulator.datasets.check import ReadExample, check_dataset
from tuning_emulator.datasets.limits import DatasetLimits, check_validation_bytes, check_validation_size
from tuning_emulator.datasets.lines import DatasetError, format_line, parse_line
from tuning_emulator.storage.objects import HttpObjectStore
from tuning_emulator.testing.storage_server import StorageServer
from tuning_trainer.spec import parse_example

IMAGE = {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/x.png"}}
RESULT = {"functionResponse": {"name": "f", "response": {"fileUri": 1}}}
NO_CALLS = DatasetLimits(function_calls=False)


def pair(user: str = "1", model: str = "2", *parts: Any, **more: Any) -> bytes:
    contents = [
        {"role": "user", "parts": [{"text": user}, *parts]},
        {"role": "model", "parts": [{"text": model}]},
    ]
    return json.dumps({"contents": contents, **more}).encode()


def preference(user: str, chosen: str, rejected: str) -> bytes:
    completions = [
        {"score": score, "completion": {"role": "model", "parts": [{"text": text}]}}
        for score, text in ((0, rejected), (1, chosen))
    ]
    return json.dumps({"contents": [{"role": "user", "parts": [{"text": user}]}], "completions": completions}).encode()


def test_statistics_of_the_number_pairs() -> None:
    """Fifteen pairs: tokens in and out, messages, and the first three examples flattened."""
    numbers = [1, 2, 3, 9, 10, 11, 99, 100, 101, 7, 8, 5, 6, 4, 12]
    statistics = check_dataset(pair(str(number), str(number + 1)) for number in numbers)
    assert (statistics.examples, statistics.dropped_count) == (15, 0)
    assert statistics.input_tokens.sum == sum(len(str(number)) for number in numbers)
    assert statistics.output_tokens.sum == sum(len(str(number + 1)) for number in numbers)
    assert statistics.billable_tokens == statistics.input_tokens.sum + statistics.output_tokens.sum
    assert (statistics.messages.sum, statistics.messages.max) == (30, 2)
    assert [sample["parts"][0]["text"] for sample in statistics.samples] == ["1", "2", "2", "3", "3", "4"]
    assert [sample["role"] for sample in statistics.samples] == ["user", "model"] * 3


def test_system_and_history_are_input() -> None:
    """The system instruction and every user turn are input, every model turn is output; the system is no message."""
    turns = [
        {"role": role, "parts": [{"text": text}]} for role, text in zip(["user", "model"] * 2, "1234", strict=True)
    ]
    line = json.dumps({"systemInstruction": {"parts": [{"text": "123"}]}, "contents": turns}).encode()
    statistics = check_dataset([line])
    assert (statistics.input_tokens.sum, statistics.output_tokens.sum, statistics.messages.sum) == (5, 2, 4)


def test_long_samples_are_cut() -> None:
    """397 code points and three dots, as recorded; 397 alone stay."""
    statistics = check_dataset([pair("é" * 397, "🙂" * 398)])
    texts = [sample["parts"][0]["text"] for sample in statistics.samples]
    assert texts == ["é" * 397, "🙂" * 397 + "..."]


def test_samples_have_proto_names() -> None:
    """References keep type and address; bytes are left out; what a function is called with stays as it is."""
    line = pair(
        "1", "2", {**IMAGE, "videoMetadata": {}}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}}, RESULT
    )
    statistics = check_dataset([line, pair()])
    assert statistics.samples[0]["parts"] == [
        {"text": "1"},
        {"file_data": {"mime_type": "image/png", "file_uri": "gs://b/x.png"}},
        {"inline_data": {"mime_type": "image/png"}},
        {"function_response": RESULT["functionResponse"]},
    ]


def test_samples_of_other_forms_are_contents() -> None:
    """The message has contents only, whatever the line looks like."""
    statistics = check_dataset([b'{"prompt": "1", "completion": "2"}'], "open")
    assert list(statistics.samples) == [
        {"role": "user", "parts": [{"text": "1"}]},
        {"role": "model", "parts": [{"text": "2"}]},
    ]


def test_preference_dataset(tmp_path: Path) -> None:
    """Both completions are outputs, the prompt is billed twice; the trainer gets the rejected text."""
    out = tmp_path / "examples"
    statistics = check_dataset([preference("12", "3", "456")], "preference", destination=out)
    assert (statistics.input_tokens.sum, statistics.output_tokens.sum, statistics.billable_tokens) == (2, 4, 8)
    assert statistics.scores is not None
    assert statistics.samples[0]["completions"] == [
        {"completion": {"role": "model", "parts": [{"text": "456"}]}, "score": 0.0},
        {"completion": {"role": "model", "parts": [{"text": "3"}]}, "score": 1.0},
    ]
    example = parse_example(out.read_text(encoding="utf-8"))
    assert (example.turns[-1].text, example.rejected) == ("3", "456")


def test_the_trainers_copy(tmp_path: Path) -> None:
    """Every example that is kept is written in order, byte-exact in its texts; what is dropped is not."""
    with_system = pair("3", "4", systemInstruction={"parts": {"text": "s"}})
    lines = [pair("ação\n\u2028", "🙂\0"), b"", pair("1", "2", IMAGE), pair("1" * 50, "2"), with_system]
    out = tmp_path / "examples"
    statistics = check_dataset(lines, limits=DatasetLimits(max_tokens_per_example=50), destination=out)
    written = [parse_example(line) for line in out.read_bytes().decode().split("\n")[:-1]]
    assert written == [format_line(parse_line(lines[index], index)) for index in (0, 2, 4)]
    assert [turn.text for turn in written[1].turns] == ["1[image]", "2"]
    assert (statistics.examples, statistics.dropped_count) == (4, 1)


def test_long_examples_are_dropped() -> None:
    """More tokens than the model takes is no failure: dropped, with a reason and a 1-based index."""
    limits = DatasetLimits(max_tokens_per_example=4)
    statistics = check_dataset([pair("111", "2"), pair("1111", "2"), pair("1", "2")], limits=limits)
    assert statistics.dropped == ((2, "Token limit exceeded [tokens: 5|limit: 4]"),)
    assert statistics.billable_tokens == 6


@pytest.mark.parametrize("seed", range(5))
def test_dropped_indices(seed: int) -> None:
    """Whatever mixture of examples, each dropped one has its 1-based place, across batches too."""
    chance = random.Random(seed)
    kinds = chance.choices(["kept", "long", "image"], k=60)
    lines = {"kept": pair("x" * 20_000, "2"), "long": pair("1" * 9000, "2"), "image": pair("1", "2", IMAGE)}
    statistics = check_dataset((lines[kind] for kind in kinds), limits=DatasetLimits(max_tokens_per_example=5000))
    assert [index for index, _ in statistics.dropped] == [n + 1 for n, kind in enumerate(kinds) if kind == "long"]
    assert (statistics.examples, statistics.messages.sum) == (60, 2 * (60 - kinds.count("long")))
    assert [one[1:] for one in statistics.reduced] == [(kinds.count("image"), kinds.index("image") + 1)]


def test_long_preferences_are_dropped() -> None:
    """Prompt and the longer completion count, not both completions."""
    limits = DatasetLimits(max_tokens_per_example=4)
    lines = [preference("11", "22", "33"), preference("11", "2", "333")]
    statistics = check_dataset(lines, "preference", limits)
    assert [index for index, _ in statistics.dropped] == [2]


def test_media_that_are_not_looked_at_are_told() -> None:
    """Where nobody reads files (``validate``), no example is lost, and our own count says so."""
    statistics = check_dataset([pair(), pair("1", "2", IMAGE), pair("1", "2", IMAGE)])
    reason = "[image]: not looked at, nor counted; a job reads it and counts its tokens"
    assert (statistics.reduced, statistics.dropped_count) == (((reason, 2, 2),), 0)
    assert statistics.input_tokens.sum == 3


def test_media_are_read_and_counted(tmp_path: Path) -> None:
    """The trainer gets words in their place, the statistics their tokens; what one is left out for is told in order."""

    def read(values: dict[str, Any]) -> ReadExample:
        text = values["contents"][0]["parts"][0]["text"]
        if text == "bad":
            return ReadExample(values, dropped="Invalid image")
        turns = [{"role": "user", "parts": [{"text": f"{text}\na cat"}]}, values["contents"][1]]
        return ReadExample({**values, "contents": turns}, 258, ("in part",) if text == "3" else ())

    lines = [pair("1", "2"), pair("2", "3", IMAGE), pair("bad", "4", IMAGE), pair("3", "5", IMAGE)]
    out = tmp_path / "examples.jsonl"
    statistics = check_dataset(lines, destination=out, read_media=read)
    assert (statistics.dropped, statistics.dropped_count) == (((3, "Invalid image"),), 1)
    assert (statistics.input_tokens.sum, statistics.output_tokens.sum) == (3 + 2 * 258, 3)
    assert statistics.reduced == (("in part", 1, 4),)
    written = [parse_example(one) for one in out.read_text().splitlines()]
    assert [[turn.text for turn in one.turns] for one in written] == [["1", "2"], ["2\na cat", "3"], ["3\na cat", "5"]]


def test_long_videos_fail_a_dataset_when_they_are_many() -> None:
    """One of ten is dropped, two of eleven are too many (documented); for other reasons there is no such rule."""

    def drop(values: dict[str, Any]) -> ReadExample:
        return ReadExample(values, dropped="long", long_video=True)

    good = [pair()] * 9
    assert check_dataset([*good, pair("1", "2", IMAGE)], read_media=drop).dropped_count == 1
    with pytest.raises(DatasetError, match="More than 10%"):
        check_dataset([*good, *[pair("1", "2", IMAGE)] * 2], read_media=drop)


def test_examples_that_the_trainer_will_cut_are_counted() -> None:
    """Where the one who asks knows what the trainer reads; those that the service drops are not among them."""
    lines = [pair("1" * 7, "2"), pair("1" * 8, "2"), preference("1" * 8, "2", "3"), pair("1" * 50, "2")]
    limits = DatasetLimits(readable_tokens=13, max_tokens_per_example=40)
    statistics = check_dataset([lines[0], lines[1], lines[3]], limits=limits)
    assert [one[1:] for one in statistics.reduced] == [(1, 2)]
    assert "over about 13 tokens" in statistics.reduced[0][0]
    assert "--base-model" in statistics.reduced[0][0]
    assert [one[1:] for one in check_dataset([lines[2]], "preference", limits).reduced] == [(1, 1)]


def failing(lines: list[bytes], limits: DatasetLimits | None = None) -> DatasetError:
    with pytest.raises(DatasetError) as caught:
        check_dataset(lines, limits=limits or DatasetLimits())
    assert caught.value.code is Code.INVALID_ARGUMENT
    return caught.value


def test_unsupported_modality() -> None:
    """The recorded text: example and number of examples, modality, what would do, and the line."""
    line = pair("1", "2", RESULT)
    error = failing([pair()] * 3 + [line] + [pair()] * 10, NO_CALLS)
    assert error.message == (
        'Dataset example 4 of 14 contains an unsupported modality [function response] in the "parts" field, which is '
        "not supported by this model. The supported modalities are: [image, PDF document, audio, video]. JSON: "
        + line.decode()
    )
    assert (error.line, error.rule) == (4, "unsupported_modality")
    assert len(failing([pair("1" * 5000, "2", RESULT)], NO_CALLS).message) < 1400
    assert check_dataset([line]).examples == 1


@pytest.mark.parametrize(
    ("rule", "lines", "limits"),
    [
        ("empty_dataset", [b"", b" "], DatasetLimits()),
        ("too_few_examples", [pair()] * 15, DatasetLimits(min_examples=16)),
        ("too_many_examples", [pair()] * 3, DatasetLimits(max_examples=2)),
        ("too_many_media_examples", [pair("1", "2", IMAGE)] * 3, DatasetLimits(max_media_examples=2)),
        ("too_large", [pair()] * 3, DatasetLimits(max_bytes=3 * len(pair()) + 1)),
        ("all_dropped", [pair("11", "2")], DatasetLimits(max_tokens_per_example=2)),
    ],
)
def test_rules_of_a_file(rule: str, lines: list[bytes], limits: DatasetLimits) -> None:
    """One sample that breaks each rule of the whole file, and no line is blamed."""
    error = failing(lines, limits)
    assert (error.rule, error.line) == (rule, 0)


def test_exact_limits_are_kept() -> None:
    """What is exactly as large as allowed is allowed."""
    size = 3 * len(pair()) + 2
    limits = DatasetLimits(max_bytes=size, max_examples=3, min_examples=3, max_tokens_per_example=2)
    assert check_dataset([pair()] * 3, limits=limits).examples == 3


def test_all_dropped_says_why() -> None:
    """No service is known to say this: it begins with who does, and names the first example and the reason."""
    error = failing([pair("11", "2")] * 2, DatasetLimits(max_tokens_per_example=2))
    assert error.message == (
        "tuning-emulator: none of the 2 examples of the dataset can be trained on. Example 1: Token limit exceeded "
        "[tokens: 3|limit: 2]"
    )


def test_all_faults_at_once() -> None:
    """A linter sees every broken line with its number, and the statistics of the rest."""
    found: list[DatasetError] = []
    unsupported = pair("1", "2", RESULT)
    lines = [b"{}", pair(), b"", b"[", unsupported, pair(), unsupported]
    statistics = check_dataset(lines, limits=DatasetLimits(min_examples=9, function_calls=False), report=found.append)
    assert [(error.line, error.rule) for error in found] == [
        (1, "missing_contents"),
        (4, "malformed_json"),
        (5, "unsupported_modality"),
        (0, "too_few_examples"),
    ]
    assert found[2].message.startswith("Dataset example 2 of 4 contains")
    assert (statistics.examples, statistics.dropped_count) == (2, 0)


def test_first_fault_stops() -> None:
    """Without a linter the first broken line ends the check."""
    error = failing([pair(), b"{}", b"["])
    assert (error.line, error.message) == (2, "Row: 1. Missing required `contents` field.")


@pytest.mark.parametrize(
    ("examples", "training", "limits", "allowed"),
    [
        (5000, 10**6, DatasetLimits(), True),
        (5001, 10**6, DatasetLimits(), False),
        (1000, 10, DatasetLimits(), True),
        (1001, 3337, DatasetLimits(), True),
        (1001, 3336, DatasetLimits(), False),
        (256, 1, DatasetLimits(validation_max_examples=256, validation_fraction=0), True),
        (257, 9999, DatasetLimits(validation_max_examples=256, validation_fraction=0), False),
        (25, 100, DatasetLimits(validation_fraction=0.25, validation_fraction_above=0), True),
        (26, 100, DatasetLimits(validation_fraction=0.25, validation_fraction_above=0), False),
        (9999, 1, DatasetLimits(validation_max_examples=0, validation_fraction=0), True),
    ],
)
def test_validation_size(examples: int, training: int, limits: DatasetLimits, allowed: bool) -> None:
    """5000, or 30 % of the training set above 1000 (newest models); 256 (1.5); a quarter (open models)."""
    if allowed:
        check_validation_size(examples, training, limits)
        return
    with pytest.raises(DatasetError, match=f"contains {examples} examples; at most") as caught:
        check_validation_size(examples, training, limits)
    assert caught.value.rule == "validation_too_large"


def test_validation_bytes() -> None:
    """A quarter of the training file's bytes, where the model says so."""
    limits = DatasetLimits(validation_bytes_fraction=0.25)
    check_validation_bytes(25, 100, limits)
    check_validation_bytes(9999, 1, DatasetLimits())
    with pytest.raises(DatasetError, match="has 26 bytes; at most 25") as caught:
        check_validation_bytes(26, 100, limits)
    assert caught.value.rule == "validation_file_too_large"


@pytest.mark.slow
def test_memory_does_not_grow() -> None:
    """Five times the lines, the same peak."""

    def peak(count: int) -> int:
        tracemalloc.start()
        check_dataset(pair("word " * 40, str(number)) for number in range(count))
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    small = peak(2_000)
    assert peak(10_000) < 1.25 * small + 65_536


@pytest.fixture(scope="module")
def storage() -> Iterator[StorageServer]:
    with StorageServer() as server:
        yield server


def test_from_storage_to_trainer(storage: StorageServer, tmp_path: Path) -> None:
    """The way of a job: upload, stream, check, write; the trainer reads what was uploaded."""
    store = HttpObjectStore(storage.base_url)
    store.write("gs://tuning-data/train.jsonl", b"\r\n".join(pair(str(n), str(n + 1)) for n in range(5000)))
    statistics = check_dataset(store.lines("gs://tuning-data/train.jsonl"), destination=tmp_path / "examples")
    assert statistics.examples == 5000
    examples = [parse_example(line) for line in (tmp_path / "examples").read_text(encoding="utf-8").splitlines()]
    assert [int(example.turns[1].text) for example in examples] == list(range(1, 5001))


@pytest.mark.process
def test_several_processes_say_what_one_says() -> None:
    """Statistics, dropped examples, errors with their lines: the same however many processes count."""
    chance = random.Random(5)
    lines = [pair("word " * chance.randrange(1, 400), "answer " * chance.randrange(1, 9)) for _ in range(3000)]
    lines[7], lines[2500], lines[2999] = b"{", b'{"contents": 1}', b""
    lines[1200] = pair("a", "b", IMAGE)
    limits = DatasetLimits(max_tokens_per_example=380)
    told = []
    for processes in (1, 2):
        errors: list[DatasetError] = []
        statistics = check_dataset(iter(lines), "contents", limits, report=errors.append, processes=processes)
        told.append((statistics, [(error.line, error.message) for error in errors]))
    assert told[0] == told[1]
    assert told[0][0].dropped_count > 100
    assert [line for line, _ in told[0][1]] == [8, 2501]
