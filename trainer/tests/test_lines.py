"""JSON lines over descriptors: whole lines, however they were cut on the way."""

from __future__ import annotations

import json
import os
import threading

import pytest

from tuning_trainer.lines import LineReader, write_line


def test_lines_are_put_together_again() -> None:
    there, back = os.pipe()
    reader = LineReader(there)
    got = []
    for piece in (b'{"a"', b": 1}\n{", b'"b": 2}\n\n{"c": 3}\n{"d', b'": 4}', b"\n"):
        os.write(back, piece)
        lines = reader.read()
        assert lines is not None
        got.append([json.loads(line) for line in lines])
    assert got == [[], [{"a": 1}], [{"b": 2}, {"c": 3}], [], [{"d": 4}]]
    os.close(back)
    assert reader.read() is None
    os.close(there)


def test_line_larger_than_the_pipe() -> None:
    there, back = os.pipe()
    message = {"text": "ü" * 3_000_000}
    writer = threading.Thread(target=write_line, args=(back, message))
    writer.start()
    reader = LineReader(there)
    lines: list[bytes] = []
    while not lines:
        lines = reader.read() or []
    writer.join()
    assert json.loads(lines[0]) == message
    os.close(there)
    os.close(back)


def test_nobody_reads() -> None:
    there, back = os.pipe()
    os.close(there)
    with pytest.raises(BrokenPipeError):
        write_line(back, {})
    os.close(back)
