"""Lines read many at once give what lines read one by one, rule by rule, give."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning_emulator.datasets.check import check_dataset
from tuning_emulator.datasets.columns import read_batch
from tuning_emulator.datasets.lines import DatasetError, format_line, parse_line
from tuning_emulator.datasets.statistics import count_tokens
from tuning_emulator.storage import objects
from tuning_emulator.storage.objects import LineTooLongError, read_lines, split_lines
from tuning_trainer.spec import parse_example

PLAIN = {"contents": [{"role": "user", "parts": [{"text": "1"}]}, {"role": "model", "parts": [{"text": "2"}]}]}
UNUSUAL_LINES = [
    b"",
    b"  ",
    b"{",
    b"[]",
    b"{}{}",
    b'{"contents": []}',
    b'{"contents": [{"role": "user", "parts": [{"text": "a"}]}]}',
    b'{"contents": [{"role": "user", "parts": [{"text": 1}]}, {"role": "model", "parts": [{"text": "b"}]}]}',
    b'{"contents": [{"role": "user", "parts": [{"text": ""}]}, {"role": "model", "parts": [{"text": "b"}]}]}',
    b'{"contents": [{"role": "user", "parts": [{"text": "\xff"}]}, {"role": "model", "parts": [{"text": "b"}]}]}',
    b'{"contents": [{"role": "user", "parts": [{"text": "\xe6\x9d"}]}, {"role": "model", "parts": [{"text": "b"}]}]}',
    b'{"contents": [{"role": "user", "parts": [{"text": "a\x01"}]}, {"role": "model", "parts": [{"text": "b"}]}]}',
    b'{"contents": [{"role": "user", "parts": [{"text": "\\q"}]}, {"role": "model", "parts": [{"text": "b"}]}]}',
    b'{"contents": [{"role": "user", "parts": [{"text": "\\ud800"}]}, {"role": "model", "parts": [{"text": "b"}]}]}',
    b'{"contents": [{"role": "model", "parts": [{"text": "a"}]}, {"role": "user", "parts": [{"text": "b"}]}]}',
    b'{"contents": [{"role": "user", "parts": []}, {"role": "model", "parts": [{"text": "b"}]}]}',
    b'{"contents": [{"role": "USER", "parts": {"text": "a"}}, {"parts": [{"text": "b"}, {"text": "c"}]}], "x": 1}',
    b'{"systemInstruction": {"parts": [{"text": 1}]}, "contents": []}',
]

characters = st.characters(codec="utf-8")
words = st.text(st.one_of(characters, st.sampled_from('\\"/\n\t\b\fanrtu ’東é')), min_size=1, max_size=40)


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A line of the usual shape, escaped and spaced in one of the ways in which clients write JSON."""
    texts = draw(st.lists(st.tuples(words, words), min_size=1, max_size=3))
    contents = [
        {"role": role, "parts": [{"text": text}]}
        for pair in texts
        for role, text in zip(("user", "model"), pair, strict=True)
    ]
    values: dict[str, Any] = {"contents": contents}
    if draw(st.booleans()):
        values["systemInstruction"] = {"role": "system", "parts": [{"text": draw(words)}]}
    data = json.dumps(values, ensure_ascii=draw(st.booleans()), separators=draw(st.sampled_from([None, (",", ":")])))
    if draw(st.booleans()):
        data = data.replace("/", "\\/")
    return data.encode()


def describe_one_by_one(given_lines: list[bytes]) -> tuple[list[str], int, list[int]]:
    """Errors, billable tokens and messages, from the rules alone."""
    errors, tokens, messages = [], 0, []
    for row, data in enumerate(given_lines):
        try:
            line = parse_line(data, row)
        except DatasetError as error:
            if data.strip():
                errors.append(f"{error.line} {error.message}")
            continue
        tokens += sum(map(count_tokens, line.texts)) + count_tokens(line.system)
        messages.append(len(line.texts))
    return errors, tokens, messages


@pytest.mark.slow
@given(st.lists(st.one_of(lines(), lines(), st.sampled_from(UNUSUAL_LINES)), max_size=40))
def test_batches_are_read_as_single_lines_are(given_lines: list[bytes]) -> None:
    """Whatever stands beside what: the same errors at the same lines, the same tokens and messages."""
    given_lines = [json.dumps(PLAIN).encode()] * 4 + given_lines  # the first three are always read one by one
    errors: list[DatasetError] = []
    statistics = check_dataset(iter(given_lines), report=errors.append)
    told, tokens, messages = describe_one_by_one(given_lines)
    assert [f"{error.line} {error.message}" for error in errors] == told
    assert (statistics.billable_tokens, statistics.messages.sum) == (tokens, sum(messages))
    assert (statistics.examples, statistics.messages.max) == (len(messages), max(messages))


@pytest.mark.slow
@given(st.lists(lines(), min_size=1, max_size=20))
def test_the_trainers_copy_holds_the_same_texts(given_lines: list[bytes]) -> None:
    """Texts are copied as they are escaped in the file, and mean the same there."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as directory:
        path = Path(directory) / "examples"
        check_dataset([json.dumps(PLAIN).encode()] * 3 + given_lines, destination=path)
        written = [parse_example(line) for line in path.read_text("utf-8").split("\n")[3:-1]]
    assert written == [format_line(parse_line(line, 0)) for line in given_lines]


@given(st.lists(lines(), min_size=1, max_size=5))
def test_usual_lines_are_read_together(given_lines: list[bytes]) -> None:
    """What the generator above calls usual really takes the short way."""
    batch = read_batch(given_lines)
    assert batch is not None
    assert len(batch) == len(given_lines)


@pytest.mark.parametrize("line", UNUSUAL_LINES)
def test_unusual_lines_are_left_to_the_rules(line: bytes) -> None:
    """One of them sends its batch the long way."""
    assert read_batch([json.dumps(PLAIN).encode(), line]) is None


@given(st.lists(st.binary(max_size=20)), st.integers(1, 9))
def test_lines_do_not_depend_on_where_blocks_end(parts: list[bytes], size: int) -> None:
    """A stream split into blocks anywhere, and a file read line by line, give the same lines."""
    data = b"\r\n".join(parts) + b"\n"
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    wanted = [line.removesuffix(b"\r") for line in data.split(b"\n")[:-1]]
    assert list(split_lines(blocks)) == list(read_lines(BytesIO(data))) == wanted


def test_endless_line_of_a_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is one long line is not taken into memory whole."""
    monkeypatch.setattr(objects, "LINE_LIMIT_BYTES", 10)
    assert list(read_lines(BytesIO(b"1234567890"))) == [b"1234567890"]
    with pytest.raises(LineTooLongError, match="longer than 10 bytes"):
        list(read_lines(BytesIO(b"1\n12345678901")))
